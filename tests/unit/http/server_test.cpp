#include "http/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "tests/unit/http/raw_client.hpp"

namespace plumbline::http {
namespace {

using test::RawClient;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

/// A server with a few routes on a free port; options are changed before start().
class HttpServer : public testing::Test {
 protected:
  void start() {
    server_ = std::make_unique<Server>(options_);
    server_->route("GET", "/hello", [](const Request&) { return json_response("{\"hello\":1}"); });
    server_->route("GET", "/v1/things/{id}", [](const Request& r) { return text_response(r.params.at("id")); });
    server_->route("GET", "/v1/files/{path...}", [](const Request& r) { return text_response(r.params.at("path")); });
    server_->route("GET", "/query", [](const Request& r) {
      std::string text;
      for (const auto& [name, value] : r.query) text += name + "=" + value + ";";
      return text_response(text + r.peer);
    });
    server_->route("POST", "/echo", [](const Request& r) { return text_response(r.body); }, {.body_limit = 1 << 20});
    server_->route("GET", "/throws", [](const Request&) -> Response { throw std::runtime_error("secret"); });
    server_->route("GET", "/inject",
                   [](const Request&) { return Response{200, {{"X-Evil", "a\r\nSet-Cookie: b"}}, "x"}; });
    extend(*server_);
    port_ = server_->listen_tcp("127.0.0.1", 0).value();
    server_->start();
  }
  virtual void extend(Server&) {}

  /// Waits (without an upper time of its own; ctest has one) until `holds`.
  template <class Predicate>
  void eventually(Predicate holds) {
    while (!holds()) std::this_thread::yield();
  }

  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

TEST_F(HttpServer, answers_and_keeps_the_connection) {
  start();
  RawClient client(port_);
  for (int i = 0; i < 3; ++i) {
    client.send(get("/hello"));
    const auto response = client.response();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(response, HasSubstr("Content-Length: 11\r\n"));
    EXPECT_THAT(response, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\n\r\n{\"hello\":1}"));
  }
  EXPECT_EQ(server_->stats().accepted, 1u);
  EXPECT_EQ(server_->stats().requests, 3u);
  EXPECT_EQ(server_->stats().responses_2xx, 3u);
}

TEST_F(HttpServer, answers_pipelined_requests_in_order) {
  start();
  RawClient client(port_);
  client.send(get("/v1/things/a") + get("/v1/things/b") + "POST /echo HTTP/1.1\r\nHost: localhost\r\n" +
              "Content-Length: 1\r\n\r\nc" + get("/v1/things/d"));
  std::string bodies;
  for (int i = 0; i < 4; ++i) bodies += client.response().back();
  EXPECT_EQ(bodies, "abcd");
}

TEST_F(HttpServer, closes_where_the_client_asks_or_speaks_http_1_0) {
  start();
  RawClient asks(port_);
  asks.send(get("/hello", "Connection: close\r\n"));
  EXPECT_THAT(asks.read_all(), HasSubstr("Connection: close\r\n"));
  RawClient old(port_);
  old.send("GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(old.read_all(), HasSubstr("{\"hello\":1}"));
}

TEST_F(HttpServer, head_has_the_length_and_no_body) {
  start();
  RawClient client(port_);
  client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/v1/things/next"));
  const auto head = client.response(true);
  EXPECT_THAT(head, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, paths_are_decoded_by_segment) {
  start();
  RawClient client(port_);
  const auto body = [&](const std::string& target) {
    client.send(get(target));
    const auto response = client.response();
    return response.substr(0, 12) + response.substr(response.find("\r\n\r\n") + 4);
  };
  EXPECT_EQ(body("/v1/things/a%2Fb%20c"), "HTTP/1.1 200a/b c");
  EXPECT_EQ(body("/v1/files/file:/etc/nginx/nginx.conf"), "HTTP/1.1 200file:/etc/nginx/nginx.conf");
  EXPECT_EQ(body("/v1/files/file%3A%2Fetc%2Fx"), "HTTP/1.1 200file:/etc/x");
  EXPECT_THAT(body("/v1/things/a/b"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(body("/v1/things/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(body("/v1//things/a"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(body("/v1/things/%zz"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(body("/v1/things/%00"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(body("/query?a=1&b=x+y%26&c"), StartsWith("HTTP/1.1 200a=1;b=x y&;c=;127.0.0.1:"));
  EXPECT_THAT(body("http://localhost/v1/things/absolute"), StartsWith("HTTP/1.1 200absolute"));
}

TEST_F(HttpServer, problems_say_what_why_and_fix) {
  start();
  RawClient client(port_);
  client.send(get("/nothing"));
  auto response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Type: application/problem+json\r\n"));
  EXPECT_THAT(response, HasSubstr("\"type\":\"urn:plumbline:problem:not_found\""));
  EXPECT_THAT(response, HasSubstr("\"status\":404"));
  EXPECT_THAT(response, HasSubstr("\"what\":\"GET /nothing\""));
  EXPECT_THAT(response, HasSubstr("\"fix\":\"GET /openapi.json lists what there is\""));

  client.send("DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(response, HasSubstr("Allow: GET, HEAD\r\n"));

  client.send(get("/throws"));
  response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(response, Not(HasSubstr("secret")));
  EXPECT_EQ(server_->stats().handler_failures, 1u);
}

TEST_F(HttpServer, a_header_value_cannot_begin_a_new_header) {
  start();
  RawClient client(port_);
  client.send(get("/inject"));
  EXPECT_THAT(client.response(), HasSubstr("X-Evil: a  Set-Cookie: b\r\n"));
}

TEST_F(HttpServer, refuses_names_that_are_not_of_this_machine) {
  start();
  const auto status = [&](const std::string& host_line) {
    RawClient client(port_);
    client.send("GET /hello HTTP/1.1\r\n" + host_line + "\r\n");
    return client.response().substr(0, 12);
  };
  EXPECT_EQ(status("Host: localhost:9640\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: LOCALHOST\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: 127.0.0.1:1\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: [::1]:9640\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(status("Host: evil.example\r\n"), "HTTP/1.1 421");
  EXPECT_EQ(status("Host: localhost.evil.example\r\n"), "HTTP/1.1 421");
  EXPECT_EQ(status("Host: localhost\r\nHost: evil.example\r\n"), "HTTP/1.1 421");
  EXPECT_EQ(status(""), "HTTP/1.1 421");
  RawClient absolute(port_);
  absolute.send("GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(absolute.response(), StartsWith("HTTP/1.1 421"));
  EXPECT_EQ(server_->stats().bad_hosts, 5u);
}

TEST_F(HttpServer, bodies_are_bounded_whether_their_length_is_told_or_not) {
  start();
  const std::string post = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
  RawClient fits(port_);
  fits.send(post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(fits.response(), HasSubstr("\r\n\r\nabcde"));

  RawClient told(port_);
  told.send(post + "Content-Length: 1048577\r\n\r\n");  // and not one byte of it
  EXPECT_THAT(told.response(), StartsWith("HTTP/1.1 413 "));

  RawClient chunked(port_);
  chunked.send(post + "Transfer-Encoding: chunked\r\n\r\n100001\r\n" + std::string(0x100001, 'x'));
  EXPECT_THAT(chunked.response(), StartsWith("HTTP/1.1 413 "));

  RawClient none(port_);
  none.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_THAT(none.response(), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(server_->stats().body_too_large, 3u);

  RawClient waits(port_);
  waits.send(post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(waits.read_until("100 Continue\r\n\r\n"));
  waits.take();
  waits.send("ok");
  EXPECT_THAT(waits.response(), HasSubstr("\r\n\r\nok"));
}

TEST_F(HttpServer, refuses_what_could_be_read_in_two_ways) {
  start();
  for (const std::string& bad : {
           std::string("\x16\x03\x01\x02 tls\r\n\r\n"),
           std::string("GET /hello HTTP/3.0\r\n\r\n"),
           std::string("GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
           std::string(
               "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nx"),
           std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
           std::string("GET /query?a=%z HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n"),
       }) {
    RawClient client(port_);
    client.send(bad);
    const auto answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 501 ")) << bad << "→" << answer;
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
  }
  EXPECT_EQ(server_->stats().bad_requests, 10u);
}

TEST_F(HttpServer, a_header_past_the_limit_is_431) {
  start();
  RawClient client(port_);
  client.send(get("/hello", "X-Long: " + std::string(20'000, 'a') + "\r\n"));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(server_->stats().header_too_large, 1u);
}

TEST_F(HttpServer, slow_clients_are_cut_and_counted) {
  options_.header_timeout = std::chrono::milliseconds(50);
  options_.body_timeout = std::chrono::milliseconds(50);
  start();
  RawClient silent(port_), half(port_), half_body(port_);
  half.send("GET /hello HTTP/1.1\r\nHos");
  half_body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(half.read_all(), "");
  EXPECT_EQ(half_body.read_all(), "");
  eventually([&] { return server_->stats().timeouts == 3; });  // counted just after the connection ends
  RawClient quick(port_);
  quick.send(get("/hello"));
  EXPECT_THAT(quick.response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, idle_connections_end_and_are_no_fault) {
  options_.idle_timeout = std::chrono::milliseconds(50);
  start();
  RawClient client(port_);
  client.send(get("/hello"));
  client.response();
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server_->stats().timeouts, 0u);
}

TEST_F(HttpServer, a_client_that_does_not_read_is_cut) {
  options_.write_timeout = std::chrono::milliseconds(50);
  start();
  RawClient client(port_);
  const std::string body(1 << 20, 'x');
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  while (server_->stats().timeouts == 0 && client.send(request)) {
  }
  eventually([&] { return server_->stats().timeouts == 1; });
  eventually([&] { return server_->stats().connections == 0; });
}

TEST_F(HttpServer, parallel_clients_on_several_threads) {
  options_.threads = 2;
  start();
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&, i] {
      RawClient client(port_);
      for (int j = 0; j < 200; ++j) {
        const std::string id = std::to_string(i) + "-" + std::to_string(j);
        client.send(get("/v1/things/" + id));
        right += client.response().ends_with("\r\n\r\n" + id) ? 1 : 0;
      }
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(right, 1600);
}

TEST(HttpListen, says_why_a_port_cannot_be_had) {
  Server first, second;
  const auto port = first.listen_tcp("127.0.0.1", 0).value();
  const auto taken = second.listen_tcp("127.0.0.1", port);
  ASSERT_TRUE(taken.has_error());
  EXPECT_THAT(taken.error().message(), HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(taken.error().message(), HasSubstr("another process has this port"));
  EXPECT_TRUE(second.listen_tcp("no.such.host.invalid", 0).has_error());
}

class UnixListen : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/plumbline-http-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ + "/agent.sock";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_, path_;
};

TEST_F(UnixListen, has_its_mode_whatever_the_umask_and_takes_any_host) {
  const auto before = ::umask(0);
  {
    Server server;
    server.route("GET", "/who", [](const Request& r) { return text_response(r.peer); });
    ASSERT_FALSE(server.listen_unix(path_, 0660).has_error());
    struct stat made{};
    ASSERT_EQ(::stat(path_.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 07777, 0660u);
    server.start();
    RawClient client(path_);
    client.send("GET /who HTTP/1.1\r\nHost: any.name\r\n\r\n");
    EXPECT_THAT(client.response(),
                HasSubstr("unix:pid=" + std::to_string(::getpid()) + ",uid=" + std::to_string(::getuid())));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));  // removed at the end
  ::umask(before);
}

TEST_F(UnixListen, replaces_a_dead_socket_but_not_a_live_one_nor_a_file) {
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Server server;
  ASSERT_FALSE(server.listen_unix(path_).has_error());
  server.start();
  Server late;
  const auto live = late.listen_unix(path_);
  ASSERT_TRUE(live.has_error());
  EXPECT_THAT(live.error().message(), HasSubstr("another process answers"));
  EXPECT_TRUE(RawClient(path_).connected());

  std::ofstream(directory_ + "/file") << "data";
  EXPECT_TRUE(late.listen_unix(directory_ + "/file").has_error());
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/file"));
  EXPECT_TRUE(late.listen_unix(directory_ + "/" + std::string(200, 'x')).has_error());
  EXPECT_THAT(late.listen_unix(directory_ + "/no/agent.sock").error().message(), HasSubstr("make its directory"));
}

TEST_F(UnixListen, does_not_remove_the_socket_of_a_successor) {
  Server first;
  ASSERT_FALSE(first.listen_unix(path_).has_error());
  std::filesystem::remove(path_);
  Server second;
  ASSERT_FALSE(second.listen_unix(path_).has_error());
  first.stop();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace plumbline::http
