// What one client may take of what all clients share: connections, streams, memory for answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "http/server.hpp"
#include "tests/unit/http/raw_client.hpp"

namespace plumbline::http {
namespace {

using test::RawClient;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t large = 12 << 20;  // more than a socket's buffers take

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

/// Sends a request and never reads the answer.
void ask_and_never_read(RawClient& client, const std::string& target) {
  const int least = 4096;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  client.send(get(target));
}

class HttpShare : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/plumbline-share-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    socket_ = directory_ + "/agent.sock";
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start(bool with_socket) {
    server_ = std::make_unique<Server>(options_);
    server_->route("GET", "/small", [](const Request&) { return json_response("{}"); });
    server_->route("GET", "/large", [](const Request&) { return text_response(std::string(large, 'x')); });
    server_->route("POST", "/large", [](const Request&) { return text_response(std::string(large, 'x')); },
                   {.body_limit = 10});
    server_->route_stream("GET", "/stream", [](const Request&) {
      return StreamResponse{[](std::size_t) { return std::string(); }, {}, {}};
    });
    port_ = server_->listen_tcp("127.0.0.1", 0).value();
    if (with_socket) {
      ASSERT_FALSE(server_->listen_unix(socket_).has_error());
    }
    server_->start();
  }
  template <class Predicate>
  void eventually(Predicate holds) {
    while (!holds()) std::this_thread::yield();
  }

  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::string directory_, socket_;
  std::uint16_t port_ = 0;
};

TEST_F(HttpShare, tcp_leaves_connections_for_the_unix_socket) {
  options_.max_connections = 4;
  start(true);
  RawClient a(port_), b(port_), c(port_);
  for (auto* client : {&a, &b, &c}) {
    client->send(get("/stream"));
    ASSERT_TRUE(client->read_until("\r\n\r\n"));
  }
  RawClient refused(port_);
  refused.send(get("/small"));
  EXPECT_THAT(refused.read_all(), HasSubstr("all 3 connections are in use"));

  RawClient local(socket_);
  local.send(get("/stream"));
  ASSERT_TRUE(local.read_until("\r\n\r\n"));
  RawClient too_many(socket_);
  too_many.send(get("/small"));
  EXPECT_THAT(too_many.read_all(), HasSubstr("all 4 connections are in use"));
  EXPECT_EQ(server_->stats().refused_connections, 2u);
}

TEST_F(HttpShare, without_a_unix_socket_tcp_has_all_connections) {
  options_.max_connections = 4;
  start(false);
  RawClient clients[] = {RawClient(port_), RawClient(port_), RawClient(port_), RawClient(port_)};
  for (auto& client : clients) {
    client.send(get("/small"));
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpShare, connections_past_the_cap_get_503) {
  options_.max_connections = 2;
  start(false);
  RawClient first(port_), second(port_);
  for (auto* client : {&first, &second}) {
    client->send(get("/stream"));
    ASSERT_TRUE(client->read_until("\r\n\r\n"));
  }
  RawClient third(port_);
  third.send(get("/small"));
  const auto refusal = third.read_all();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(server_->stats().refused_connections, 1u);
  first.close();
  eventually([&] { return server_->stats().connections == 1; });
  RawClient fourth(port_);
  fourth.send(get("/small"));
  EXPECT_THAT(fourth.response(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->stats().evicted_connections, 0u);
}

TEST_F(HttpShare, connections_that_ask_for_nothing_keep_nobody_out) {
  options_.max_connections = 4;
  start(false);
  RawClient streams(port_), half(port_);
  streams.send(get("/stream"));
  ASSERT_TRUE(streams.read_until("\r\n\r\n"));
  half.send("POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab");
  eventually([&] { return server_->stats().requests == 2; });
  RawClient first(port_), second(port_);
  for (auto* client : {&first, &second}) {
    client->send(get("/small"));
    EXPECT_THAT(client->response(), StartsWith("HTTP/1.1 200"));
  }

  RawClient probes[] = {RawClient(port_), RawClient(port_), RawClient(port_)};
  RawClient* longest[] = {&half, &first, &second};
  for (std::size_t i = 0; i < 3; ++i) {
    probes[i].send(get("/small"));
    EXPECT_THAT(probes[i].response(), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(longest[i]->read_all(), "");
  }
  EXPECT_EQ(server_->stats().refused_connections, 0u);
  EXPECT_EQ(server_->stats().evicted_connections, 3u);
  EXPECT_EQ(server_->stats().streams, 1u);
}

TEST_F(HttpShare, tcp_leaves_streams_for_the_unix_socket) {
  options_.max_streams = 2;
  start(true);
  RawClient first(port_), refused(port_), local(socket_);
  first.send(get("/stream"));
  ASSERT_TRUE(first.read_until("\r\n\r\n"));
  refused.send(get("/stream"));
  EXPECT_THAT(refused.response(), HasSubstr("all 1 streams are in use"));
  local.send(get("/stream"));
  ASSERT_TRUE(local.read_until("\r\n\r\n"));
  EXPECT_THAT(local.take(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpShare, answers_that_nobody_reads_are_bounded) {
  options_.answer_bytes = large + (large >> 1);
  start(false);
  RawClient hoards(port_), other(port_);
  ask_and_never_read(hoards, "/large");
  eventually([&] { return server_->stats().answer_bytes >= large; });

  other.send(get("/large"));
  const auto refusal = other.response();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(refusal, HasSubstr("urn:plumbline:problem:unavailable"));
  EXPECT_EQ(server_->stats().refused_answers, 1u);
  EXPECT_THAT(metrics_text(server_->stats(), "p"), HasSubstr("\np_answers_refused_total 1\n"));
  EXPECT_THAT(metrics_text(server_->stats(), "p"), HasSubstr("\np_answer_bytes "));

  other.send(get("/small"));  // on the same connection
  EXPECT_THAT(other.response(), StartsWith("HTTP/1.1 200 "));
  other.send("HEAD /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(other.response(true), HasSubstr("Content-Length: " + std::to_string(large) + "\r\n"));
  other.send("POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");  // it is done: no "again"
  EXPECT_THAT(other.response(), StartsWith("HTTP/1.1 200 "));

  hoards.close();
  eventually([&] { return server_->stats().answer_bytes == 0; });
  other.send(get("/large"));
  EXPECT_THAT(other.response(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->stats().refused_answers, 1u);
}

TEST_F(HttpShare, one_answer_alone_may_be_larger_than_the_budget) {
  options_.answer_bytes = 1;
  start(false);
  RawClient client(port_);
  for (int i = 0; i < 2; ++i) {
    client.send(get("/large"));
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200 "));
    // Read by the client, but the server may not know yet.
    eventually([&] { return server_->stats().answer_bytes == 0; });
  }
}

TEST_F(HttpShare, tcp_leaves_memory_for_the_unix_socket) {
  options_.answer_bytes = 2 * large + (large >> 1);  // three quarters of it are less than two answers
  start(true);
  RawClient hoards(port_), refused(port_), local(socket_);
  ask_and_never_read(hoards, "/large");
  eventually([&] { return server_->stats().answer_bytes >= large; });
  refused.send(get("/large"));
  EXPECT_THAT(refused.response(), StartsWith("HTTP/1.1 503 "));
  local.send(get("/large"));
  EXPECT_THAT(local.response(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace plumbline::http
