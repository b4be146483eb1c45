// What lost bytes do to HTTP/1.1: exchanges may be missing, cut or without a response, and are never wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/decode/http_talk.hpp"

namespace plumbline::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}
std::string answer(std::string_view body, int status = 200) {
  return "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}
const std::string chunked = "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(Http1Loss, within_a_body_of_known_length_is_passed_exactly) {
  Talk talk;
  talk.out("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab").lose_out(3).out("fghij" + get("/b"));
  talk.in(answer("1234567890").substr(0, 44)).lose_in(2).in(answer("1234567890").substr(46) + answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 POST h/a [ab]~ -> 200 [123456]~", "2 GET h/b [] -> 200 [b]"));
  EXPECT_EQ(talk.exchanges[0].request.body_bytes, 10U);
  EXPECT_EQ(talk.counters.desyncs, 0U);
  EXPECT_EQ(talk.counters.lost_bytes, 5U);
}

TEST(Http1Loss, to_the_very_end_of_a_body) {
  Talk talk;
  talk.out(get("/a")).in(answer("1234567890").substr(0, 44)).lose_in(answer("1234567890").size() - 44);
  talk.out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [123456]~", "2 GET h/b [] -> 200 [b]"));
  EXPECT_EQ(talk.counters.desyncs, 0U);
}

TEST(Http1Loss, of_what_a_call_wrote_beyond_what_was_copied) {
  Talk talk;
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
  talk.call(Direction::out, post + std::string(1000, 'x'), post.size() + 3).in(answer(""));
  talk.out(get("/b")).in(answer(""));
  EXPECT_THAT(talk.end(), ElementsAre("1 POST h/a [xxx]~ -> 200 []", "2 GET h/b [] -> 200 []"));
}

TEST(Http1Loss, within_a_chunk_is_passed_exactly) {
  Talk talk;
  talk.out(get("/a")).in(chunked + "a\r\n01").lose_in(5).in("789\r\n0\r\n\r\n").out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [01]~", "2 GET h/b [] -> 200 [b]"));
  EXPECT_EQ(talk.counters.desyncs, 0U);
}

TEST(Http1Loss, across_chunks_ends_that_body_and_the_next_exchange_is_whole) {
  Talk talk;
  talk.out(get("/a")).in(chunked + "a\r\n01").lose_in(50).in("6789\r\n0\r\n\r\n").out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [01]~", "2 GET h/b [] -> 200 [b]"));
  EXPECT_EQ(talk.counters.desyncs, 1U);
}

TEST(Http1Loss, over_the_end_of_a_chunked_body_up_to_the_next_response) {
  Talk talk;  // as where only the first bytes of each response are copied
  talk.out(get("/a"))
      .in(chunked + "a\r\n01")
      .lose_in(5000)
      .out(get("/b"))
      .in(answer("b"))
      .out(get("/c"))
      .in(answer("c"));
  EXPECT_THAT(talk.end(),
              ElementsAre("1 GET h/a [] -> 200 [01]~", "2 GET h/b [] -> 200 [b]", "3 GET h/c [] -> 200 [c]"));
}

TEST(Http1Loss, of_a_request_takes_the_next_response_with_it_until_the_client_is_seen_to_wait) {
  Talk talk;
  talk.out(get("/a")).in(answer("a")).lose_out(get("/b").size()).in(answer("b")).out(get("/c")).in(answer("c"));
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 [a]"));
  talk.out(get("/d"));
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/c [] -> 200 [c]"));
  talk.in(answer("d"));
  EXPECT_EQ(talk.lines.back(), "3 GET h/d [] -> 200 [d]");
  EXPECT_EQ(talk.counters.unanswerable, 1U);
}

TEST(Http1Loss, of_a_request_leaves_the_last_one_without_a_response) {
  Talk talk;
  talk.out(get("/a")).in(answer("a")).lose_out(get("/b").size()).in(answer("b")).out(get("/c")).in(answer("c"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/c [] -> none"));
}

TEST(Http1Loss, does_not_trust_a_pair_that_more_was_lost_after) {
  Talk in_lost;
  in_lost.out(get("/a")).lose_out(get("/b").size()).in(answer("a")).in(answer("b")).out(get("/c")).in(answer("c"));
  in_lost.lose_in(5).in("junk").out(get("/d"));
  EXPECT_EQ(in_lost.lines.back(), "2 GET h/c [] -> none");

  Talk out_lost;
  out_lost.out(get("/a")).lose_out(get("/b").size()).in(answer("a")).in(answer("b")).out(get("/c")).in(answer("c"));
  out_lost.lose_out(5).out("junk").in(answer("d")).out(get("/e"));
  EXPECT_EQ(out_lost.lines.back(), "2 GET h/c [] -> none");

  Talk upload_lost;
  upload_lost.out(get("/a")).lose_out(get("/b").size()).in(answer("a")).in(answer("b"));
  upload_lost.out("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n").lose_out(500).out("junk");
  upload_lost.in(answer("c")).out(get("/d"));
  EXPECT_EQ(upload_lost.lines.back(), "2 POST h/c []~ -> none");

  Talk unfinished;
  unfinished.out(get("/a")).lose_out(get("/b").size()).in(answer("a")).in(answer("b")).out(get("/c"));
  unfinished.in(answer("c").substr(0, 37)).out(get("/d"));
  EXPECT_EQ(unfinished.lines.back(), "2 GET h/c [] -> none");
}

TEST(Http1Loss, of_a_pipelined_request_never_shifts_responses) {
  Talk first;
  first.lose_out(get("/a").size()).out(get("/b")).out(get("/c")).in(answer("a")).in(answer("b")).in(answer("c"));
  EXPECT_THAT(first.end(), IsEmpty());

  Talk middle;
  middle.out(get("/a")).lose_out(get("/b").size()).out(get("/c")).in(answer("a")).in(answer("b")).in(answer("c"));
  EXPECT_THAT(middle.end(), ElementsAre("1 GET h/a [] -> 200 [a]"));

  Talk window;  // always two under way
  window.out(get("/a")).out(get("/b")).in(answer("a")).lose_out(get("/c").size()).in(answer("b")).out(get("/d"));
  window.in(answer("c")).out(get("/e")).in(answer("d")).in(answer("e"));
  EXPECT_THAT(window.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/b [] -> 200 [b]", "3 GET h/e [] -> none"));
}

TEST(Http1Loss, of_a_response_leaves_its_request_without_one) {
  Talk talk;
  talk.out(get("/a")).lose_in(answer("a").size()).out(get("/b")).in(answer("b")).out(get("/c")).in(answer("c"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "2 GET h/b [] -> 200 [b]", "3 GET h/c [] -> 200 [c]"));
}

TEST(Http1Loss, of_a_response_does_not_give_its_request_what_the_server_says_as_it_closes) {
  Talk talk;
  talk.out(get("/a")).lose_in(answer("a").size()).in(answer("", 408));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none"));
}

TEST(Http1Loss, of_a_pipelined_response_never_shifts_responses) {
  Talk talk;
  talk.out(get("/a")).out(get("/b")).out(get("/c")).lose_in(answer("a").size()).in(answer("b")).in(answer("c"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "2 GET h/b [] -> none", "3 GET h/c [] -> none"));
}

TEST(Http1Loss, of_a_head_makes_no_exchange_of_its_rest) {
  Talk talk;
  talk.out("GET /a HTTP/1.1\r\nHo").lose_out(3).out("h\r\n\r\n").in(answer("a")).out(get("/b")).in(answer("b"));
  talk.out(get("/c")).in(answer("c"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/b [] -> 200 [b]", "2 GET h/c [] -> 200 [c]"));
}

TEST(Http1Loss, does_not_make_a_request_of_a_body_that_looks_like_one) {
  Talk talk;
  const std::string post = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  talk.out(post + "5\r\nab").lose_out(500).out("DELETE /evil HTTP/1.1\r\nHost: h\r\n\r\n").in(answer("a"));
  talk.out(get("/b")).in(answer("b")).out(get("/c")).in(answer("c"));
  EXPECT_THAT(talk.end(),
              ElementsAre("1 POST h/a [ab]~ -> 200 [a]", "2 GET h/b [] -> 200 [b]", "3 GET h/c [] -> 200 [c]"));
}

TEST(Http1Loss, does_not_make_a_request_of_one_whose_first_letters_are_lost) {
  Talk talk;
  talk.out(get("/a"))
      .in(answer("a"))
      .lose_out(get("/b").size() + 1)
      .in(answer("b"))
      .out(get("/c").substr(1))
      .in(answer("c"));
  talk.out(get("/d")).in(answer("d"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/d [] -> none"));
}

TEST(Http1Loss, of_many_heads_is_over_when_a_missing_request_was_answered) {
  Talk talk;
  for (int i = 0; i < 3; ++i)  // bodies whose heads are lost, and their answers
    talk.lose_out(99).out("body").in("HTTP/1.1 100 x\r\n\r\n").out(get("/evil")).in(answer("x"));
  talk.out(get("/a")).in(answer("a")).out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/b [] -> 200 [b]"));
}

TEST(Http1Loss, does_not_make_a_response_of_a_body_that_looks_like_one) {
  Talk talk;
  talk.out(get("/a"))
      .lose_in(100)
      .in("tail")
      .in(answer("evil", 500))
      .out(get("/b"))
      .in(answer("b"))
      .out(get("/c"))
      .in(answer("c"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "2 GET h/b [] -> 200 [b]", "3 GET h/c [] -> 200 [c]"));
}

TEST(Http1Loss, before_the_first_call_is_a_late_join) {
  Talk talk;
  talk.lose_out(100).lose_in(100).in("rest of a body").out(get("/a")).in(answer("a")).out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/b [] -> 200 [b]"));
}

TEST(Http1Loss, responses_that_nobody_asked_for_are_counted) {
  Talk talk;
  talk.in(answer("x")).out(get("/a")).in(answer("a")).in(answer("", 408)).out(get("/b")).in(answer("b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]", "2 GET h/b [] -> 200 [b]"));
  EXPECT_EQ(talk.counters.unanswerable, 2U);
}

TEST(Http1Loss, bytes_that_come_twice_are_read_once) {
  Talk talk;
  const auto request = get("/a");
  talk.connection.feed(Direction::out, 0, 10, std::span(request).first(10), 1);
  talk.connection.feed(Direction::out, 5, static_cast<std::uint32_t>(request.size() - 5), std::span(request).subspan(5),
                       2);
  talk.connection.feed(Direction::out, 0, 4, std::span(request).first(4), 3);
  talk.offsets[0] = request.size();
  talk.in(answer("a"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [a]"));
  EXPECT_EQ(talk.counters.overlaps, 2U);
}

}  // namespace
}  // namespace plumbline::agent
