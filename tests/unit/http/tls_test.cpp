// The server by TLS: who it is, who its clients are, and files that are replaced while it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "http/client.hpp"
#include "http/server.hpp"
#include "tests/unit/http/raw_client.hpp"
#include "tests/unit/support/certificates.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::http {
namespace {

using plumbline::test::Authority;
using test::RawClient;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TlsServer : public ::testing::Test {
 protected:
  TlsServer() {
    ours_.write_certificate(dir_ / "ca.pem");
    ours_.issue(dir_ / "server.pem", dir_ / "server.key", {"server", "DNS:localhost"});
    ours_.issue(dir_ / "web-1.pem", dir_ / "web-1.key", {"web-1", "DNS:web-1.example,URI:spiffe://example/node/web-1"});
  }
  void start() {
    auto tls = ServerTls::load({dir_ / "server.pem", dir_ / "server.key", dir_ / "ca.pem", ""});
    ASSERT_TRUE(tls) << tls.error().message();
    tls_ = *tls;
    server_ = std::make_unique<Server>();
    server_->route("GET", "/who", [](const Request& r) {
      std::string text = r.is_encrypted ? "encrypted" : "clear";
      if (r.certificate) {
        text += " " + r.certificate->common_name;
        for (const auto& uri : r.certificate->uris) text += " " + uri;
        for (const auto& name : r.certificate->dns_names) text += " " + name;
      }
      return text_response(text);
    });
    server_->route("POST", "/echo", [](const Request& r) { return text_response(r.body); }, {.body_limit = 1 << 20});
    server_->route("GET", "/large", [](const Request&) { return text_response(std::string(4 << 20, 'x')); });
    server_->route_stream("GET", "/events", [](const Request&) {
      auto left = std::make_shared<int>(3);
      StreamResponse stream;
      stream.next = [left](std::size_t) { return *left == 0 ? "" : sse_event(std::to_string((*left)--), "e", "d"); };
      return stream;
    });
    port_ = server_->listen_tls("127.0.0.1", 0, tls_).value();
    server_->start();
  }
  /// "" = no certificate of its own.
  Result<Response> ask(const std::string& target, const std::string& own = "", const std::string& ca = "ca.pem") const {
    ClientOptions options;
    options.ca_file = dir_ / ca;
    if (!own.empty()) {
      options.certificate_file = dir_ / (own + ".pem");
      options.key_file = dir_ / (own + ".key");
    }
    return Client(parse_endpoint("https://localhost:" + std::to_string(port_)).value(), options).get(target);
  }
  std::string told(const std::string& own = "", const std::string& ca = "ca.pem") const {
    const auto answer = ask("/who", own, ca);
    return answer ? answer->body : answer.error().message();
  }
  void replace(const std::string& name, const Authority& by, const std::string& common_name) {
    by.issue(dir_ / "new.pem", dir_ / "new.key", {common_name, "DNS:localhost"});
    std::filesystem::rename(dir_ / "new.key", dir_ / (name + ".key"));
    std::filesystem::rename(dir_ / "new.pem", dir_ / (name + ".pem"));
  }
  template <class Predicate>
  static void eventually(Predicate holds) {
    while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  const Authority ours_;
  const TempDir dir_;
  std::shared_ptr<ServerTls> tls_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

TEST_F(TlsServer, tells_who_its_client_is_where_that_is_proven) {
  start();
  EXPECT_EQ(told(), "encrypted");
  EXPECT_EQ(told("web-1"), "encrypted web-1 spiffe://example/node/web-1 web-1.example");
  EXPECT_EQ(server_->stats().tls_failures, 0u);
}

TEST_F(TlsServer, refuses_who_shows_a_certificate_that_is_none) {
  const Authority theirs("somebody else");
  theirs.issue(dir_ / "theirs.pem", dir_ / "theirs.key", {"web-1", "DNS:web-1.example"});
  ours_.issue(dir_ / "old.pem", dir_ / "old.key", {"web-1", "DNS:web-1.example", -7'200, -3'600});
  ours_.issue(dir_ / "early.pem", dir_ / "early.key", {"web-1", "DNS:web-1.example", 3'600, 7'200});
  const Authority same_name;  // as ours is called, by another key
  same_name.issue(dir_ / "forged.pem", dir_ / "forged.key", {"web-1", "DNS:web-1.example"});
  start();
  for (const char* who : {"theirs", "old", "early", "forged"}) {
    const auto answer = ask("/who", who);
    EXPECT_FALSE(answer) << who << ": " << answer->body;
  }
  eventually([&] { return server_->stats().tls_failures == 4u; });
  EXPECT_EQ(server_->stats().requests, 0u);
  EXPECT_EQ(told("web-1"), "encrypted web-1 spiffe://example/node/web-1 web-1.example") << "and goes on";
}

TEST_F(TlsServer, is_no_server_for_who_speaks_in_clear) {
  start();
  RawClient client(port_);
  client.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n");
  eventually([&] { return server_->stats().tls_failures == 1u; });
  EXPECT_EQ(server_->stats().requests, 0u);
  const Authority theirs("somebody else");
  theirs.write_certificate(dir_ / "theirs-ca.pem");
  EXPECT_THAT(told("", "theirs-ca.pem"), HasSubstr("check the certificate"));
}

TEST_F(TlsServer, carries_what_is_large_and_what_does_not_end) {
  start();
  const auto large = ask("/large");
  ASSERT_TRUE(large) << large.error().message();
  EXPECT_EQ(large->body.size(), std::size_t{4} << 20);
  ClientOptions options;
  options.ca_file = dir_ / "ca.pem";
  std::vector<std::string> ids;
  const auto streamed = Client(parse_endpoint("https://localhost:" + std::to_string(port_)).value(), options)
                            .stream("/events", "",
                                    {nullptr,
                                     [&](const SseEvent& event) {
                                       ids.push_back(event.id);
                                       return ids.size() < 3;
                                     },
                                     nullptr});
  EXPECT_TRUE(streamed) << streamed.error().message();
  EXPECT_THAT(ids, ElementsAre("3", "2", "1"));
}

TEST_F(TlsServer, takes_up_files_that_were_replaced) {
  start();
  const Authority next("the next authority");
  next.write_certificate(dir_ / "next-ca.pem");
  EXPECT_THAT(told("", "next-ca.pem"), HasSubstr("check the certificate"));
  replace("server", next, "server");
  eventually([&] { return told("", "next-ca.pem") == "encrypted"; });
  EXPECT_EQ(tls_->state().trouble, "");
  EXPECT_GE(tls_->state().reloads, 1u);
}

TEST_F(TlsServer, keeps_what_it_has_where_the_new_files_are_of_no_use) {
  start();
  const auto before = tls_->state().expires_s;
  EXPECT_GT(before, 0);
  dir_.write("server.pem", "no certificate");
  eventually([&] { return told() == "encrypted" && tls_->state().failures == 1u; });
  EXPECT_THAT(tls_->state().trouble, HasSubstr("read the certificate " + (dir_ / "server.pem")));
  EXPECT_EQ(told(), "encrypted");
  ours_.issue(dir_ / "server.pem", dir_ / "server.key", {"server", "DNS:localhost"});
  eventually([&] { return told() == "encrypted" && tls_->state().trouble.empty(); });
}

TEST_F(TlsServer, says_which_file_it_cannot_start_with) {
  const auto why = [&](const std::string& certificate, const std::string& key, const std::string& ca) {
    const auto loaded = ServerTls::load({dir_ / certificate, dir_ / key, dir_ / ca, ""});
    return loaded ? "" : loaded.error().message();
  };
  dir_.write("text", "text");
  EXPECT_THAT(why("missing", "server.key", "ca.pem"), HasSubstr("missing: No such file"));
  EXPECT_THAT(why("text", "server.key", "ca.pem"), HasSubstr("read the certificate"));
  EXPECT_THAT(why("server.pem", "text", "ca.pem"), HasSubstr("read the key"));
  EXPECT_THAT(why("server.pem", "web-1.key", "ca.pem"), HasSubstr("the certificate's own key"));
  EXPECT_THAT(why("server.pem", "server.key", "text"), HasSubstr("read the clients' CA"));
}

}  // namespace
}  // namespace plumbline::http
