#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/decode/http_talk.hpp"

namespace plumbline::agent {
namespace {

using Lines = std::vector<std::string>;
using testing::ElementsAre;

const std::string get_a = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", get_b = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
                  get_c = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n", get_d = "GET /d HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string with_body(int status, std::string_view body) {
  return "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

struct Case {
  std::string name;
  std::vector<std::string> calls;  // begin with > or <
  Lines expected;
};

class Http1Framing : public testing::TestWithParam<Case> {};

TEST_P(Http1Framing, gives_these_exchanges) {
  Talk talk;
  for (const auto& call : GetParam().calls)
    talk.call(call[0] == '>' ? Direction::out : Direction::in, std::string_view(call).substr(1));
  EXPECT_EQ(talk.end(), GetParam().expected);
  EXPECT_EQ(talk.counters.desyncs, 0U);
}

const std::string post = ">POST /a HTTP/1.1\r\nHost: h\r\n";
const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Rfc9112, Http1Framing,
    testing::Values(
        Case{"no_bodies", {">" + get_a, "<" + ok}, {"1 GET h/a [] -> 200 []"}},
        Case{"lengths",
             {post + "Content-Length: 3\r\n\r\nabc", "<" + with_body(201, "xyz")},
             {"1 POST h/a [abc] -> 201 [xyz]"}},
        Case{"same_length_twice",
             {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "<" + ok},
             {"1 POST h/a [abc] -> 200 []"}},
        Case{"chunks_with_extensions_and_trailers",
             {post + chunked + "3;a=\"b;c\"\r\nabc\r\n0A \r\n0123456789\r\n0;x\r\nT: v\r\nU: w\r\n\r\n",
              "<HTTP/1.1 200 OK\r\n" + chunked + "1\r\nq\r\n000\r\n\r\n", ">" + get_b, "<" + ok},
             {"1 POST h/a [abc0123456789] -> 200 [q]", "2 GET h/b [] -> 200 []"}},
        Case{"coded_and_chunked",
             {">" + get_a, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\nzz\r\n0\r\n\r\n",
              ">" + get_b, "<" + ok},
             {"1 GET h/a [] -> 200 [zz]", "2 GET h/b [] -> 200 []"}},
        Case{"coded_until_close",
             {">" + get_a, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzz", "<zz"},
             {"1 GET h/a [] -> 200 [zzzz]"}},
        Case{"until_close",
             {">" + get_a, "<HTTP/1.1 200 OK\r\n\r\nab", "<HTTP/1.1 200 OK\r\n\r\n"},
             {"1 GET h/a [] -> 200 [abHTTP/1.1 200 OK\r\n\r\n]"}},
        Case{"http_1_0", {">GET /a HTTP/1.0\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nab"}, {"1 GET /a [] -> 200 [ab]"}},
        Case{"no_body_after_head_204_304",
             {">HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ">" + get_b,
              "<HTTP/1.1 204 x\r\n\r\n", ">" + get_c, "<HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", ">" + get_d,
              "<" + ok},
             {"1 HEAD h/a [] -> 200 []", "2 GET h/b [] -> 204 []", "3 GET h/c [] -> 304 []", "4 GET h/d [] -> 200 []"}},
        Case{"interim_responses_are_none",
             {post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", "<HTTP/1.1 103 x\r\nLink: y\r\n\r\n",
              "<HTTP/1.1 100 Continue\r\n\r\n", ">ab", "<" + ok},
             {"1 POST h/a [ab] -> 200 []"}},
        Case{"a_body_that_was_not_sent",
             {post + "Expect: 100-continue\r\nContent-Length: 99\r\n\r\n", "<" + with_body(403, "no"), ">" + get_b,
              "<" + ok},
             {"1 POST h/a []~ -> 403 [no]", "2 GET h/b [] -> 200 []"}},
        Case{"a_body_that_was_sent_all_the_same",
             {post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "<" + with_body(403, "no"), ">abc",
              ">" + get_b, "<" + ok},
             {"1 POST h/a []~ -> 403 [no]", "2 GET h/b [] -> 200 []"}},
        Case{"pipelined",
             {">" + get_a + get_b, ">" + get_c, "<" + with_body(200, "1") + with_body(200, "2"),
              "<" + with_body(404, "3")},
             {"1 GET h/a [] -> 200 [1]", "2 GET h/b [] -> 200 [2]", "3 GET h/c [] -> 404 [3]"}},
        Case{"empty_line_first",
             {post + "Content-Length: 1\r\n\r\na\r\n", "<" + ok, ">" + get_b, "<" + ok},
             {"1 POST h/a [a] -> 200 []", "2 GET h/b [] -> 200 []"}},
        Case{"upgrade_is_the_last",
             {">GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "<HTTP/1.1 101 x\r\n\r\nxx", ">" + get_b},
             {"1 GET h/a [] -> 101 []"}},
        Case{"connect_is_the_last",
             {">CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", "<HTTP/1.1 200 x\r\n\r\nxx", ">" + get_b},
             {"1 CONNECT x:1x:1 [] -> 200 []"}},
        Case{"connect_refused",
             {">CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", "<" + with_body(407, "n"), ">" + get_b, "<" + ok},
             {"1 CONNECT x:1x:1 [] -> 407 [n]", "2 GET h/b [] -> 200 []"}},
        Case{"the_host_of_an_absolute_target",
             {">GET http://t:8/a HTTP/1.1\r\nHost: h\r\n\r\n", "<" + ok},
             {"1 GET t:8http://t:8/a [] -> 200 []"}},
        Case{"closed_in_a_body",
             {">" + get_a, "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"},
             {"1 GET h/a [] -> 200 [ab]~"}},
        Case{"closed_before_the_response", {">" + get_a}, {"1 GET h/a [] -> none"}},
        Case{"answered_before_its_end",
             {post + "Content-Length: 9\r\n\r\nab", "<" + with_body(413, "")},
             {"1 POST h/a [ab]~ -> 413 []"}}),
    [](const auto& test) { return test.param.name; });

class Http1Refusal : public testing::TestWithParam<Case> {};

TEST_P(Http1Refusal, is_counted_and_gives_nothing_that_may_be_read_in_two_ways) {
  Talk talk;
  for (const auto& call : GetParam().calls)
    talk.call(call[0] == '>' ? Direction::out : Direction::in, std::string_view(call).substr(1));
  EXPECT_EQ(talk.end(), GetParam().expected);
  EXPECT_EQ(talk.counters.refused, 1U);
  EXPECT_EQ(talk.counters.desyncs, 1U);
}

/// A request is told all the same: nothing of its body, as nobody knows where that ends.
const Lines guessed = {"1 POST h/a []~ -> none"};

INSTANTIATE_TEST_SUITE_P(
    Rfc9112, Http1Refusal,
    testing::Values(
        Case{"two_lengths", {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"}, guessed},
        Case{"two_lengths_in_one", {post + "Content-Length: 3, 4\r\n\r\nabc"}, guessed},
        Case{"signed_length", {post + "Content-Length: +3\r\n\r\nabc"}, guessed},
        Case{"length_of_65_bits", {post + "Content-Length: 36893488147419103235\r\n\r\nabc"}, guessed},
        Case{"length_and_chunked", {post + "Content-Length: 3\r\n" + chunked + "0\r\n\r\n"}, guessed},
        Case{
            "chunked_and_length", {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"}, guessed},
        Case{"length_and_another_coding", {post + "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"}, guessed},
        Case{"chunked_twice", {post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"}, guessed},
        Case{"chunked_not_last", {post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"}, guessed},
        Case{"request_of_unknown_coding", {post + "Transfer-Encoding: gzip\r\n\r\nxx"}, guessed},
        Case{"chunked_in_1_0", {">POST /a HTTP/1.0\r\nHost: h\r\n" + chunked + "0\r\n\r\n"}, guessed},
        Case{"folded", {post + "X: a\r\n b\r\n\r\n"}, guessed}, Case{"bare_cr", {post + "X: a\rb\r\n\r\n"}, guessed},
        Case{"bare_lf", {post + "X: a\nY: b\r\n\r\n"}, guessed},
        Case{"nul", {post + std::string("X: a\0b\r\n\r\n", 10)}, guessed},
        Case{"blank_before_colon", {post + "X : a\r\n\r\n"}, guessed},
        Case{"no_host", {">GET /a HTTP/1.1\r\n\r\n"}, {"1 GET /a []~ -> none"}},
        Case{"two_hosts", {post + "Host: i\r\n\r\n"}, {"1 POST i/a []~ -> none"}},
        Case{"version_2", {">GET /a HTTP/2.0\r\nHost: h\r\n\r\n"}, {}},
        Case{"response_of_two_lengths",
             {">" + get_a, "<HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + chunked + "0\r\n\r\n"},
             {"1 GET h/a [] -> none"}},
        Case{"status_of_four_digits", {">" + get_a, "<HTTP/1.1 2000 OK\r\n\r\n"}, {"1 GET h/a [] -> none"}},
        Case{"chunk_without_size",
             {">" + get_a, "<HTTP/1.1 200 OK\r\n" + chunked + "\r\nx"},
             {"1 GET h/a [] -> 200 []~"}},
        Case{"chunk_of_64_bits",
             {">" + get_a, "<HTTP/1.1 200 OK\r\n" + chunked + "1000000000000000\r\nx"},
             {"1 GET h/a [] -> 200 []~"}},
        Case{"chunk_size_ended_by_lf",
             {">" + get_a, "<HTTP/1.1 200 OK\r\n" + chunked + "1\nx\r\n"},
             {"1 GET h/a [] -> 200 []~"}},
        Case{"chunk_longer_than_told",
             {">" + get_a, "<HTTP/1.1 200 OK\r\n" + chunked + "1\r\nxyz\r\n"},
             {"1 GET h/a [] -> 200 [x]~"}}),
    [](const auto& test) { return test.param.name; });

/// What some servers take, and RFC 9112 lets others refuse.
TEST(Http1, a_request_against_the_grammar_is_told_though_its_body_is_not_read) {
  const std::string line = "POST /a HTTP/1.1";
  for (const std::string& head :
       {line + "\nHost: h\nX: y\n\n", line + "\r\nHost: h\r\nX: y,\r\n  z\r\n\r\n",
        line + "\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", line + "\r\nHost : h\r\n\r\n",
        line + "\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
        line + "\r\nHost: h\r\nX: " + std::string(80'000, 'x') + "\r\n\r\n"}) {
    Talk talk;
    talk.out(head).out("body").in(ok).out(get_b).in(ok).out(get_c).in(ok);
    const auto& lines = talk.end();
    ASSERT_GE(lines.size(), 2u) << head.substr(0, 60);
    EXPECT_EQ(lines[0].substr(0, 12), "1 POST h/a [") << head.substr(0, 60);
    EXPECT_NE(lines[0].find("]~"), std::string::npos) << lines[0] << ": nobody knows where its body ends";
    EXPECT_EQ(lines.back().substr(2), "GET h/c [] -> 200 []");
    EXPECT_EQ(talk.counters.guessed, 1u);
  }
}

TEST(Http1, what_has_no_request_line_is_no_request_however_much_is_guessed) {
  for (const std::string line : {" /a HTTP/1.1", "G\x01T /a HTTP/1.1", "GET  HTTP/1.1", "GET /a HTTP/2.0", "GET /a"}) {
    Talk talk;
    talk.out(line + "\nHost: h\n\n");
    EXPECT_TRUE(talk.end().empty()) << line;
    EXPECT_EQ(talk.counters.guessed, 0u) << line;
  }
}

TEST(Http1, wants_are_asked_from_the_head_alone_and_nothing_else_is_kept) {
  HttpCounters counters;
  Lines lines;
  std::vector<std::string> asked;
  HttpConnection connection(
      {},
      [&](const HttpMessage& head) {
        asked.push_back(head.target + std::string(head.header("x-amz-target")));
        return Wanted{head.target == "/b", 2, 1};
      },
      [&](HttpExchange&& exchange) {
        lines.push_back(shown(exchange));
        EXPECT_EQ(exchange.request.body_bytes, 4U);
        EXPECT_EQ(exchange.response->body_bytes, 3U);
      },
      counters);
  const std::string request = "POST /a HTTP/1.1\r\nhost: h\r\nX-Amz-Target: S.Op\r\nContent-Length: 4\r\n\r\n";
  connection.feed(Direction::out, 0, static_cast<std::uint32_t>(request.size()), request, 1);
  EXPECT_THAT(asked, ElementsAre("/aS.Op"));
  const std::string rest = "abcd" + get_b + get_c, answers = with_body(200, "xyz") + with_body(200, "ignored");
  connection.feed(Direction::out, request.size(), static_cast<std::uint32_t>(rest.size()), rest, 2);
  connection.feed(Direction::in, 0, static_cast<std::uint32_t>(answers.size()), answers, 3);
  EXPECT_THAT(lines, ElementsAre("1 POST h/a [ab]~ -> 200 [x]~"));
  EXPECT_EQ(counters.ignored, 1U);
  EXPECT_EQ(counters.requests, 3U);
}

TEST(Http1, times_are_those_of_the_calls) {
  Talk talk;
  talk.out(get_a.substr(0, 5)).out(get_a.substr(5)).in(ok.substr(0, 9)).in(ok.substr(9));
  ASSERT_EQ(talk.exchanges.size(), 1U);
  EXPECT_EQ(talk.exchanges[0].first_seen, 2);
  EXPECT_EQ(talk.exchanges[0].last_seen, 4);
}

TEST(Http1, header_names_are_lowered_and_values_kept_in_order) {
  Talk talk;
  talk.out("GET /a?b=c HTTP/1.1\r\nHOST: h:1\r\nAccept: A\r\naccept:  B \t\r\nX-Empty:\r\n\r\n").in(ok);
  ASSERT_EQ(talk.exchanges.size(), 1U);
  EXPECT_THAT(talk.exchanges[0].request.headers, ElementsAre(HttpHeader{"host", "h:1"}, HttpHeader{"accept", "A"},
                                                             HttpHeader{"accept", "B"}, HttpHeader{"x-empty", ""}));
  EXPECT_EQ(talk.exchanges[0].request.target, "/a?b=c");
  EXPECT_EQ(talk.exchanges[0].request.host, "h:1");
}

TEST(Http1, expired_requests_keep_their_place) {
  Talk talk;
  talk.out(get_a).out(get_b);
  talk.connection.expire(2);
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> none"));
  talk.in(with_body(500, "a")).in(with_body(201, "b"));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "2 GET h/b [] -> 201 [b]"));
}

TEST(Http1, a_response_without_end_is_delivered_when_nothing_comes_of_it_any_more) {
  Talk talk;
  talk.out(get_a).in("HTTP/1.1 200 OK\r\n" + chunked + "1\r\nx\r\n");
  talk.connection.expire(2);
  EXPECT_TRUE(talk.lines.empty());
  talk.connection.expire(3);
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 [x]~"));
  talk.in("1\r\ny\r\n0\r\n\r\n").out(get_b).in(ok);
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 [x]~", "2 GET h/b [] -> 200 []"));
}

TEST(Http1, limits_hold_and_are_counted) {
  HttpLimits limits;
  limits.head_bytes = 200;
  limits.line_bytes = 10;
  limits.pipelined = 2;
  limits.body_bytes = 3;
  {
    Talk talk(limits);
    talk.out("GET /a HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x')).out("\r\n\r\n");
    EXPECT_EQ(talk.counters.too_long, 1U);
    EXPECT_EQ(talk.end(), Lines{"1 GET h/a []~ -> none"});
  }
  {
    Talk talk(limits);
    talk.out("GET /a HTTP/1.1\r\nHost: h\r\nX: ");
    for (int i = 0; i < 100; ++i) talk.out("xxxxxxxx");  // in small pieces
    EXPECT_EQ(talk.counters.too_long, 1U);
  }
  {
    Talk talk(limits);
    talk.out(get_a).in("HTTP/1.1 200 OK\r\n" + chunked + "1;aaaaaaaaaaaaaa\r\nx\r\n");
    EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 []~"));
    EXPECT_EQ(talk.counters.refused, 1U);
  }
  {
    Talk talk(limits);
    talk.out(get_a).in("HTTP/1.1 200 OK\r\n" + chunked + "0\r\n" + std::string(300, 'x') + "\r\n\r\n");
    EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 []~"));
    EXPECT_EQ(talk.counters.refused, 1U);
  }
  {
    Talk talk(limits);
    talk.out(get_a).in(with_body(200, "abcdef"));
    EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 [abc]~"));
    EXPECT_EQ(talk.counters.bodies_cut, 1U);
  }
  {
    Talk talk(limits);
    talk.out(get_a).out(get_b).out(get_c).in(ok).in(ok).in(ok);
    EXPECT_EQ(talk.counters.too_many, 1U);
    EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "2 GET h/b [] -> none", "3 GET h/c [] -> none"));
  }
  limits.connection_bytes = 300;
  limits.pipelined = 64;
  {
    Talk talk(limits);
    for (int i = 0; i < 10; ++i) talk.out(get_a);
    EXPECT_GT(talk.counters.too_many, 4U);
    EXPECT_EQ(talk.lines.size(), talk.counters.too_many);
    for (int i = 0; i < 10; ++i) talk.in(ok);
    EXPECT_EQ(talk.end().size(), 10U);
  }
}

TEST(Http1, what_is_no_http_is_dead_after_some_calls) {
  Talk strange;
  for (int i = 0; i < 64; ++i) strange.out("\x16\x03\x01 strange");
  EXPECT_TRUE(strange.connection.is_dead());
  EXPECT_EQ(strange.counters.not_http, 1U);
  Talk empty;  // which may come before a request, but not without end: nobody keeps so many
  for (int i = 0; i < 64; ++i) empty.out(std::string(300, '\n'));
  EXPECT_EQ(empty.counters.not_http, 1U);

  Talk refused;
  for (int i = 0; i < 8; ++i) refused.out("GET nothing\r\n\r\n").in("HTTP/1.1 400 x\r\n\r\n");
  for (int i = 0; i < 64 && !refused.connection.is_dead(); ++i) refused.out("no request line");
  EXPECT_TRUE(refused.connection.is_dead());
}

TEST(Http1, is_told_from_http2_however_few_bytes_come_first) {
  for (const std::string method : {"PRI", "PROPFIND", "P"}) {
    Talk talk;
    for (const char c : method + " * HTTP/1.1\r\nHost: h\r\n\r\n") talk.out(std::string(1, c));
    talk.in(ok);
    EXPECT_THAT(talk.lines, ElementsAre("1 " + method + " h* [] -> 200 []"));
  }
}

TEST(Http1, h2c_goes_on_as_stream_1) {
  Talk talk;
  talk.out("GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
  using namespace std::string_literals;
  // SETTINGS; HEADERS of stream 1 with :status 200 (index 8), END_STREAM and END_HEADERS.
  talk.in("HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"s + "\0\0\0\4\0\0\0\0\0"s + "\0\0\1\1\5\0\0\0\1\x88"s);
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 []"));
  // And a client's own: GET, /, https.
  talk.out("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s + "\0\0\0\4\0\0\0\0\0"s + "\0\0\3\1\5\0\0\0\3\x82\x84\x87"s);
  talk.in("\0\0\1\1\5\0\0\0\3\x89"s);
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 []", "3 GET / [] -> 204 []"));
}

}  // namespace
}  // namespace plumbline::agent
