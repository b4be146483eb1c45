// Records of many connections as the kernel side writes them, told apart again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/decode/http_connections.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HttpConnectionsTest : public ::testing::Test {
 protected:
  HttpConnections make(HttpConnections::Options options = {}) {
    return {options,
            {[](const HttpMessage& head, std::uint64_t) {
               const bool is_ours = head.host != "nobody";
               return HttpConnections::Interest{{!is_ours, 100, 100}, is_ours};
             },
             [this](HttpExchange&& exchange, const mark_actor& actor, std::uint64_t) {
               lines.push_back(std::to_string(actor.tgid) + "/" + std::to_string(actor.tid) + "@" +
                               std::to_string(actor.at_boot_ns) + " " + exchange.request.target + " " +
                               (exchange.response ? std::to_string(exchange.response->status) : "none"));
             },
             [this](const capture_connection_key& key) { ignored.push_back(key.connection); },
             [this](const capture_connection_key& key) { looked_at_again.push_back(key.connection); },
             [this](const mark_actor& actor) { return actor.tgid == watched; }}};
  }
  struct Record {
    std::uint32_t tgid = 7;
    std::uint64_t connection = 1;
    std::uint64_t offset = 0;
    std::uint64_t exec = 1;
    std::uint32_t tid = 7;
    std::uint64_t cgroup = 0;
    unsigned part = 0;
  };
  void tell(HttpConnections& all, capture_direction direction, const std::string& text, const Record& of) {
    capture_record record{};
    record.actor.tgid = of.tgid;
    record.actor.tid = of.tid;
    record.actor.start_boot_ns = 5;
    record.actor.image.exec_boot_ns = of.exec;
    record.actor.at_boot_ns = ++now;
    record.actor.cgroup_id = of.cgroup;
    record.part = static_cast<__u8>(of.part);
    record.connection = of.connection;
    record.offset = of.offset;
    record.length = static_cast<std::uint32_t>(text.size());
    record.kept = record.length;
    record.direction = static_cast<__u8>(direction);
    all.take(record, text);
  }
  void out(HttpConnections& all, const std::string& text) { tell(all, CAPTURE_OUT, text, {}); }

  std::uint64_t now = 100;
  std::vector<std::string> lines;
  std::vector<std::uint64_t> ignored, looked_at_again;
  std::uint32_t watched = 0;
};

std::string get(const std::string& path, const std::string& host = "h") {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

TEST_F(HttpConnectionsTest, are_told_apart_by_process_and_address) {
  auto all = make();
  tell(all, CAPTURE_OUT, get("/a"), {.tgid = 7, .connection = 1});
  tell(all, CAPTURE_OUT, get("/b"), {.tgid = 8, .connection = 1, .tid = 9});
  tell(all, CAPTURE_OUT, get("/c"), {.tgid = 7, .connection = 2});
  tell(all, CAPTURE_IN, ok, {.tgid = 8, .connection = 1});
  tell(all, CAPTURE_IN, ok, {.tgid = 7, .connection = 2});
  tell(all, CAPTURE_IN, ok, {.tgid = 7, .connection = 1});
  EXPECT_THAT(lines, ElementsAre("8/9@102 /b 200", "7/7@103 /c 200", "7/7@101 /a 200"));
  EXPECT_EQ(all.counters().connections, 3u);
}

// The kernel side goes on counting, and a client keeps its connection for as long as it likes.
TEST_F(HttpConnectionsTest, one_that_was_quiet_for_long_goes_on_with_its_next_request) {
  auto all = make({.limits = {}, .max_connections = 1});
  for (const bool makes_room : {false, true}) {
    lines.clear();
    out(all, get("/a"));
    tell(all, CAPTURE_IN, ok, {});
    now += 700'000'000'000;
    if (makes_room)
      tell(all, CAPTURE_OUT, get("/other"), {.connection = 2});
    else
      all.expire(static_cast<std::int64_t>(now));
    tell(all, CAPTURE_OUT, get("/b"), {.offset = get("/a").size()});
    tell(all, CAPTURE_IN, ok, {.offset = ok.size()});
    EXPECT_THAT(lines, ::testing::Contains(::testing::EndsWith("/b 200"))) << makes_room;
    tell(all, CAPTURE_END, "", {});
  }
}

TEST_F(HttpConnectionsTest, one_that_made_room_in_the_middle_says_nothing_of_what_it_may_have_missed) {
  auto all = make({.limits = {}, .max_connections = 1});
  out(all, get("/a"));
  tell(all, CAPTURE_OUT, get("/other"), {.connection = 2});
  lines.clear();
  tell(all, CAPTURE_OUT, get("/b"), {.offset = get("/a").size()});
  tell(all, CAPTURE_IN, ok, {});  // of /a
  EXPECT_THAT(lines, ::testing::Not(::testing::Contains(::testing::EndsWith("/b 200"))));
}

TEST_F(HttpConnectionsTest, what_ended_says_what_is_known_and_is_forgotten) {
  auto all = make();
  out(all, get("/a"));
  tell(all, CAPTURE_END, "", {});
  EXPECT_THAT(lines, ElementsAre("7/7@101 /a none"));
  EXPECT_EQ(all.open(), 0u);
}

TEST_F(HttpConnectionsTest, an_address_that_another_program_has_now_answers_nobody_elses_request) {
  auto all = make();
  out(all, get("/old"));
  // The kernel side goes on counting: it saw no end.
  tell(all, CAPTURE_OUT, get("/new"), {.offset = get("/old").size(), .exec = 2});
  tell(all, CAPTURE_IN, ok, {.exec = 2});
  EXPECT_THAT(lines, ElementsAre("7/7@101 /old none", "7/7@102 /new 200"));
  EXPECT_EQ(all.counters().taken_over, 1u);
}

TEST_F(HttpConnectionsTest, a_count_that_begins_anew_is_another_connection) {
  auto all = make();
  out(all, get("/old"));
  out(all, get("/new"));  // its end found the ring full
  tell(all, CAPTURE_IN, ok, {});
  EXPECT_THAT(lines, ElementsAre("7/7@101 /old none", "7/7@102 /new 200"));
}

TEST_F(HttpConnectionsTest, the_quietest_makes_room_and_what_it_has_is_told) {
  auto all = make({.limits = {}, .max_connections = 2});
  for (const std::uint64_t connection : {1, 2})
    tell(all, CAPTURE_OUT, get("/" + std::to_string(connection)), {.connection = connection});
  tell(all, CAPTURE_IN, "HTTP/1.1 100 Continue\r\n\r\n", {.connection = 1});
  tell(all, CAPTURE_OUT, get("/3"), {.connection = 3});
  EXPECT_THAT(lines, ElementsAre("7/7@102 /2 none"));
  EXPECT_EQ(all.counters().evicted, 1u);
  // What goes on after that has lost its beginning, and is not taken for a first request's.
  tell(all, CAPTURE_IN, ok, {.connection = 2, .offset = 10});
  EXPECT_THAT(lines, SizeIs(2)) << "of the one that made room then";
}

TEST_F(HttpConnectionsTest, one_that_is_of_no_interest_is_given_up) {
  HttpConnections::Options options;
  options.strange_requests = 2;
  auto all = make(options);
  out(all, get("/1", "nobody"));
  EXPECT_THAT(ignored, IsEmpty());
  tell(all, CAPTURE_OUT, get("/2", "nobody"), {.offset = get("/1", "nobody").size()});
  EXPECT_THAT(ignored, ElementsAre(1u));
  EXPECT_THAT(lines, IsEmpty());
  EXPECT_EQ(all.open(), 0u);
}

TEST_F(HttpConnectionsTest, one_request_of_interest_makes_it_interesting_again) {
  HttpConnections::Options options;
  options.strange_requests = 2;
  auto all = make(options);
  std::uint64_t offset = 0;
  for (const auto& request : {get("/1", "nobody"), get("/2"), get("/3", "nobody")}) {
    tell(all, CAPTURE_OUT, request, {.offset = offset});
    offset += request.size();
  }
  EXPECT_THAT(ignored, IsEmpty());
}

TEST_F(HttpConnectionsTest, one_that_was_given_up_is_looked_at_again_after_a_while) {
  auto all = make({.limits = {}, .strange_requests = 1, .ignored_for_ns = 1000, .max_ignored = 2});
  out(all, get("/1", "nobody"));  // at 101
  all.expire(1100);
  EXPECT_THAT(looked_at_again, IsEmpty());
  all.expire(1101);
  EXPECT_THAT(looked_at_again, ElementsAre(1u));
  all.expire(5000);
  EXPECT_EQ(looked_at_again.size(), 1u) << "once";
  for (const std::uint64_t connection : {2, 3, 4})
    tell(all, CAPTURE_OUT, get("/1", "nobody"), {.connection = connection});
  EXPECT_THAT(looked_at_again, ElementsAre(1u, 2u)) << "no more are remembered than the bound";
  EXPECT_EQ(all.counters().looked_again, 2u);
  // The first call may be the content of a request that went by unseen; behind an answer it is none.
  const auto first = get("/1", "nobody").size() + 1;
  tell(all, CAPTURE_OUT, get("/content"), {.connection = 2, .offset = first});
  tell(all, CAPTURE_IN, ok, {.connection = 2, .offset = 1});
  tell(all, CAPTURE_OUT, get("/mine"), {.connection = 2, .offset = first + get("/content").size()});
  all.end_all(static_cast<std::int64_t>(now));
  EXPECT_THAT(lines, ElementsAre(::testing::HasSubstr(" /mine ")));
}

TEST_F(HttpConnectionsTest, who_asked_for_a_clouds_host_is_never_given_up) {
  auto all = make({.limits = {}, .strange_requests = 1});
  watched = 7;
  std::uint64_t offset = 0;
  for (const auto& request : {get("/1", "nobody"), get("/2", "nobody"), get("/3")}) {
    tell(all, CAPTURE_OUT, request, {.offset = offset});
    offset += request.size();
  }
  EXPECT_THAT(ignored, IsEmpty());
  tell(all, CAPTURE_OUT, get("/1", "nobody"), {.tgid = 8});
  EXPECT_THAT(ignored, ElementsAre(1u)) << "another process";
}

TEST_F(HttpConnectionsTest, a_request_may_begin_in_pieces_and_behind_empty_lines) {
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"G", "ET /a HTTP/1.1\r\nHost: h\r\n\r\n"},
                                                 {"\r\n", get("/a")},
                                                 {"\r\n\r\n" + get("/a")},
                                                 {"\r", "\nG", "E", "T /a HTTP/1.1\r\nHost: h\r\n\r\n"}}) {
    auto all = make();
    lines.clear();
    std::uint64_t offset = 0;
    for (const auto& piece : pieces) {
      tell(all, CAPTURE_OUT, piece, {.offset = offset});
      offset += piece.size();
    }
    tell(all, CAPTURE_IN, ok, {});
    EXPECT_THAT(lines, ElementsAre(::testing::HasSubstr(" /a 200"))) << pieces.front();
  }
}

TEST_F(HttpConnectionsTest, what_gets_no_answer_is_told_in_time) {
  auto all = make({.limits = {}, .answer_wait_ns = 1000});
  out(all, get("/a"));
  all.expire(1100);
  EXPECT_THAT(lines, IsEmpty());
  all.expire(1102);
  EXPECT_THAT(lines, ElementsAre("7/7@101 /a none"));
  EXPECT_EQ(all.open(), 1u) << "it may go on";
}

TEST_F(HttpConnectionsTest, who_has_the_most_makes_room_and_others_go_on) {
  auto all = make({.limits = {}, .max_connections = 4});
  tell(all, CAPTURE_OUT, get("/a"), {.connection = 1, .cgroup = 1});
  for (std::uint64_t connection = 2; connection < 50; ++connection)
    tell(all, CAPTURE_OUT, get("/x"), {.tgid = 8, .connection = connection, .cgroup = 2});
  tell(all, CAPTURE_IN, ok, {.connection = 1});
  EXPECT_THAT(lines, ::testing::Contains(::testing::HasSubstr("/a 200")))
      << "it was not the oldest of those that have the most";
  EXPECT_EQ(all.open(), 4u);
  EXPECT_EQ(all.counters().evicted, 45u);
  EXPECT_EQ(all.counters().broken_off, 45u) << "each waited for its answer";
}

TEST_F(HttpConnectionsTest, one_that_made_room_with_nothing_under_way_goes_on) {
  auto all = make({.limits = {}, .max_connections = 1});
  out(all, get("/a"));
  tell(all, CAPTURE_IN, ok, {});
  tell(all, CAPTURE_OUT, get("/other"), {.connection = 2});
  EXPECT_EQ(all.counters().broken_off, 0u);
  tell(all, CAPTURE_OUT, get("/b"), {.offset = get("/a").size()});
  tell(all, CAPTURE_IN, ok, {.offset = ok.size()});
  EXPECT_THAT(lines, ElementsAre(::testing::HasSubstr("/a 200"), ::testing::HasSubstr("/other none"),
                                 ::testing::HasSubstr("/b 200")));
}

TEST_F(HttpConnectionsTest, a_tenant_empties_no_others_bodies) {
  HttpConnections::Options options;
  options.limits.tenant_bytes = 300;
  auto all = make(options);
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x');
  for (std::uint64_t connection = 1; connection < 20; ++connection)
    tell(all, CAPTURE_OUT, post, {.connection = connection, .cgroup = 1});
  const auto cut = all.counters().http.bodies_cut + all.counters().http.too_many;
  EXPECT_GT(cut, 0u);
  tell(all, CAPTURE_OUT, post, {.tgid = 8, .connection = 1, .cgroup = 2});
  EXPECT_EQ(all.counters().http.bodies_cut + all.counters().http.too_many, cut) << "another's is whole";
}

TEST_F(HttpConnectionsTest, a_call_in_several_records_is_one) {
  auto all = make();
  const std::string evil = get("/evil");
  const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
  tell(all, CAPTURE_OUT, head, {.part = CAPTURE_GOES_ON});
  tell(all, CAPTURE_OUT, evil, {.offset = head.size() + 500, .part = CAPTURE_CONTINUES});
  tell(all, CAPTURE_IN, ok, {});
  tell(all, CAPTURE_OUT, get("/b"), {.offset = head.size() + 500 + evil.size()});
  all.end_all(static_cast<std::int64_t>(now));
  EXPECT_THAT(lines, ElementsAre(::testing::HasSubstr("/a 200"), ::testing::HasSubstr("/b none")))
      << "no call begins in the middle of one";
}

TEST_F(HttpConnectionsTest, hold_no_more_than_all_of_them_may) {
  HttpConnections::Options options;
  options.limits.total_bytes = 250;
  auto all = make(options);
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n" + std::string(90, 'x');
  for (const std::uint64_t connection : {1, 2, 3, 4, 5}) {
    tell(all, CAPTURE_OUT, post, {.connection = connection});
    EXPECT_LE(all.counters().http.held_bytes, 250u + 200u);
  }
  EXPECT_GT(all.counters().http.bodies_cut + all.counters().http.too_many, 0u);
  all.end_all(1000);
  EXPECT_EQ(all.counters().http.held_bytes, 0u);
}

}  // namespace
}  // namespace plumbline::agent
