// Answers that come later, answers that do not end, and the end of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "http/server.hpp"
#include "tests/unit/http/raw_client.hpp"

namespace plumbline::http {
namespace {

using test::RawClient;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

template <class Predicate>
void eventually(Predicate holds) {
  while (!holds()) std::this_thread::yield();
}

/// A list of events that any thread can add to; what a NodeView is to the agent.
class Feed {
 public:
  void add(std::string event) {
    std::vector<std::function<void()>> wakes;
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      for (const auto& [id, wake] : wakes_) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake();
  }
  StreamResponse stream() {
    StreamResponse response;
    response.next = [this, at = std::size_t{0}](std::size_t) mutable {
      const std::lock_guard lock(mutex_);
      if (at >= events_.size()) return std::string();
      const std::string data = events_[at++];
      return sse_event(std::to_string(at), "finding", data);
    };
    response.subscribe = [this](std::function<void()> wake) -> std::shared_ptr<void> {
      const std::lock_guard lock(mutex_);
      wakes_[++next_] = std::move(wake);
      return {nullptr, [this, id = next_](void*) {
                const std::lock_guard unlock(mutex_);
                wakes_.erase(id);
              }};
    };
    return response;
  }
  std::size_t subscribers() {
    const std::lock_guard lock(mutex_);
    return wakes_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::map<int, std::function<void()>> wakes_;
  int next_ = 0;
};

class HttpStream : public testing::Test {
 protected:
  void start() {
    server_ = std::make_unique<Server>(options_);
    server_->route_stream("GET", "/stream", [this](const Request&) { return feed_.stream(); });
    server_->route("GET", "/hello", [](const Request&) { return json_response("{}"); });
    server_->route_async("GET", "/later", [this](Request, Responder respond) {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(respond));
    });
    server_->route_async("GET", "/dropped", [](Request, Responder) {});
    port_ = server_->listen_tcp("127.0.0.1", 0).value();
    server_->start();
  }
  Responder take() {
    eventually([&] {
      const std::lock_guard lock(mutex_);
      return !waiting_.empty();
    });
    const std::lock_guard lock(mutex_);
    Responder first = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return first;
  }

  ServerOptions options_;
  Feed feed_;
  std::mutex mutex_;
  std::vector<Responder> waiting_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

TEST_F(HttpStream, events_arrive_as_they_happen) {
  start();
  feed_.add("before");
  RawClient client(port_);
  client.send(get("/stream"));
  ASSERT_TRUE(client.read_until("id: 1\nevent: finding\ndata: before\n\n"));
  feed_.add("two\nlines");
  ASSERT_TRUE(client.read_until("id: 2\nevent: finding\ndata: two\ndata: lines\n\n"));
  EXPECT_THAT(client.take(), HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_EQ(server_->stats().streams, 1u);
}

TEST_F(HttpStream, pings_while_nothing_happens) {
  options_.ping_interval = std::chrono::milliseconds(20);
  start();
  RawClient client(port_);
  client.send(get("/stream"));
  ASSERT_TRUE(client.read_until(": ping\n\n"));
  client.take();
  ASSERT_TRUE(client.read_until(": ping\n\n"));
}

TEST_F(HttpStream, a_client_that_leaves_is_noticed_at_once) {
  start();  // with pings 15 s apart
  RawClient client(port_);
  client.send(get("/stream"));
  eventually([&] { return feed_.subscribers() == 1; });
  client.close();
  eventually([&] { return feed_.subscribers() == 0 && server_->stats().connections == 0; });
  EXPECT_EQ(server_->stats().streams, 0u);
}

TEST_F(HttpStream, streams_past_the_cap_get_503_and_the_rest_goes_on) {
  options_.max_streams = 1;
  start();
  RawClient first(port_), second(port_);
  first.send(get("/stream"));
  ASSERT_TRUE(first.read_until("\r\n\r\n"));
  second.send(get("/stream"));
  EXPECT_THAT(second.response(), StartsWith("HTTP/1.1 503 "));
  second.send(get("/hello"));
  EXPECT_THAT(second.response(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->stats().refused_streams, 1u);
}

TEST_F(HttpStream, a_reader_that_stops_costs_one_chunk_and_is_cut) {
  options_.write_timeout = std::chrono::milliseconds(50);
  start();
  RawClient client(port_);
  client.send(get("/stream"));
  eventually([&] { return feed_.subscribers() == 1; });
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 32; ++i) feed_.add(large);
  eventually([&] { return server_->stats().timeouts == 1 && feed_.subscribers() == 0; });
  EXPECT_LT(server_->stats().stream_bytes, 32u << 20);
}

TEST_F(HttpStream, an_answer_may_come_from_any_thread_once) {
  start();
  RawClient client(port_);
  client.send(get("/later"));
  const Responder respond = take();
  std::thread other([&] {
    EXPECT_TRUE(respond(text_response("done")));
    EXPECT_FALSE(respond(text_response("again")));
  });
  EXPECT_THAT(client.response(), HasSubstr("\r\n\r\ndone"));
  other.join();
  client.send(get("/hello"));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpStream, other_connections_are_served_meanwhile) {
  start();
  RawClient waits(port_), other(port_);
  waits.send(get("/later"));
  const Responder respond = take();
  other.send(get("/hello"));
  EXPECT_THAT(other.response(), StartsWith("HTTP/1.1 200 "));
  respond(text_response("done"));
  EXPECT_THAT(waits.response(), HasSubstr("done"));
}

TEST_F(HttpStream, a_dropped_answer_is_500_and_counted) {
  start();
  RawClient client(port_);
  client.send(get("/dropped"));
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(server_->stats().handler_failures, 1u);
}

TEST_F(HttpStream, an_answer_that_comes_too_late_is_told_so) {
  options_.answer_timeout = std::chrono::milliseconds(20);
  start();
  RawClient client(port_);
  client.send(get("/later"));
  const Responder respond = take();
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 503 "));
  EXPECT_FALSE(respond(text_response("late")));
  EXPECT_EQ(server_->stats().answer_timeouts, 1u);
}

TEST_F(HttpStream, stop_finishes_the_answer_under_way_and_ends_the_rest) {
  start();
  RawClient idle(port_), streams(port_), waits(port_);
  idle.send(get("/hello"));
  idle.response();
  streams.send(get("/stream"));
  eventually([&] { return feed_.subscribers() == 1; });
  waits.send(get("/later"));
  const Responder respond = take();
  std::thread stopping([&] { server_->stop(); });
  EXPECT_TRUE(idle.at_end());
  EXPECT_THAT(streams.read_all(), HasSubstr("0\r\n\r\n"));  // the stream's proper end
  EXPECT_TRUE(respond(text_response("done")));
  const auto last = waits.read_all();
  EXPECT_THAT(last, HasSubstr("done"));
  EXPECT_THAT(last, HasSubstr("Connection: close"));
  stopping.join();
  EXPECT_FALSE(RawClient(port_).connected());
}

TEST_F(HttpStream, stop_cuts_what_does_not_end_and_late_answers_hurt_nobody) {
  options_.drain_timeout = std::chrono::milliseconds(20);
  start();
  RawClient waits(port_);
  waits.send(get("/later"));
  const Responder respond = take();
  server_->stop();
  EXPECT_EQ(waits.read_all(), "");
  server_.reset();
  respond(text_response("nobody there"));
}

}  // namespace
}  // namespace plumbline::http
