#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/decode/http2_writer.hpp"
#include "tests/unit/decode/http_talk.hpp"

namespace plumbline::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A connection whose prefaces were exchanged, and an encoder for each direction.
struct Open : Talk {
  explicit Open(const HttpLimits& limits = {}) : Talk(limits) {
    out(std::string(preface) + settings());
    in(settings());
  }
  Http2Writer client, server;
};

TEST(Http2, gives_exchanges_of_interleaved_streams) {
  Open talk;
  talk.out(talk.client.request(1, "POST", "/a", false)).out(talk.client.request(3, "GET", "/b", true));
  talk.out(data(1, "one", false));
  talk.in(talk.server.response(3, 201, false)).in(talk.server.response(1, 404, false));
  talk.out(data(1, "two", true));
  talk.in(data(3, "b", false) + data(1, "a", true) + data(3, "bb", true));
  EXPECT_THAT(talk.lines, ElementsAre("1 POST h/a [onetwo] -> 404 [a]", "3 GET h/b [] -> 201 [bbb]"));
  EXPECT_EQ(talk.exchanges[0].request.body_bytes, 6U);
  EXPECT_EQ(talk.counters.desyncs, 0U);
}

TEST(Http2, reads_padding_priority_and_continuations) {
  Open talk;
  const auto block =
      talk.client.block({{":method", "POST"}, {":scheme", "https"}, {":path", "/a"}, {"host", "h"}, {"x", "y"}});
  const std::string weight("\x80\0\0\0\x10", 5);
  talk.out(frame(1, 8 | 0x20, 1, "\3" + weight + block.substr(0, 4) + std::string(3, '\0')));
  talk.out(frame(9, 0, 1, block.substr(4, 2)) + frame(9, 0, 1, "") + frame(9, 4, 1, block.substr(6)));
  talk.out(frame(2, 0, 1, weight) + frame(0, 9, 1, std::string("\2ab\0\0", 5)));
  talk.in(talk.server.response(1, 200, true));
  EXPECT_THAT(talk.lines, ElementsAre("1 POST h/a [ab] -> 200 []"));
  EXPECT_THAT(talk.exchanges[0].request.headers, ElementsAre(HttpHeader{"host", "h"}, HttpHeader{"x", "y"}));
}

TEST(Http2, interim_responses_are_none_and_trailers_are_headers) {
  Open talk;
  talk.out(talk.client.request(1, "POST", "/S/M", true, {{"content-type", "application/grpc"}}));
  talk.in(talk.server.response(1, 103, false, {{"link", "x"}}));
  talk.in(talk.server.response(1, 200, false, {{"content-type", "application/grpc"}}) + data(1, "x", false));
  talk.in(talk.server.headers(1, {{"grpc-status", "7"}}, true));
  EXPECT_THAT(talk.lines, ElementsAre("1 POST h/S/M [] -> 200 [x]"));
  EXPECT_EQ(talk.exchanges[0].response->header("grpc-status"), "7");
  EXPECT_EQ(talk.exchanges[0].response->header("link"), "");
}

TEST(Http2, a_response_of_trailers_alone) {
  Open talk;
  talk.out(talk.client.request(1, "POST", "/S/M", true)).in(talk.server.response(1, 200, true, {{"grpc-status", "5"}}));
  EXPECT_THAT(talk.lines, ElementsAre("1 POST h/S/M [] -> 200 []"));
  EXPECT_EQ(talk.exchanges[0].response->header("grpc-status"), "5");
}

TEST(Http2, resets_and_goaway_end_exchanges) {
  Open talk;
  for (const std::uint32_t stream : {1, 3, 5, 7})
    talk.out(talk.client.request(stream, "POST", "/" + std::to_string(stream), false));
  talk.in(talk.server.response(1, 200, false)).out(frame(3, 0, 1, std::string(4, '\0')));
  talk.in(frame(3, 0, 3, std::string(4, '\0')));
  talk.in(frame(7, 0, 0, std::string("\0\0\0\5\0\0\0\0debug", 13)));
  EXPECT_THAT(talk.lines, ElementsAre("1 POST h/1 []~ -> 200 []~", "3 POST h/3 []~ -> none", "7 POST h/7 []~ -> none"));
  talk.out(data(5, "", true)).in(talk.server.response(5, 200, true));
  EXPECT_EQ(talk.end().back(), "5 POST h/5 [] -> 200 []");
}

TEST(Http2, promises_change_the_table_and_nothing_else) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/a", true));
  const Fields promised{{":method", "GET"}, {":path", "/pushed"}, {"x-new", "v"}};
  talk.in(frame(5, 4, 1, std::string("\0\0\0\2", 4) + talk.server.block(promised)));
  talk.in(talk.server.response(2, 200, true, {{"x-new", "v"}}));
  talk.in(talk.server.response(1, 200, true, {{"x-new", "v"}}));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 []"));
  EXPECT_EQ(talk.exchanges[0].response->header("x-new"), "v");
}

TEST(Http2, tables_follow_settings_in_both_directions) {
  Talk talk;
  Http2Writer client(65536), server(65536);
  talk.out(std::string(preface) + settings({{1, 8192}})).in(settings({{1, 0}}));
  client.resize(0);     // as the server announced
  server.resize(8192);  // as the client did
  Fields many;
  for (int i = 0; i < 100; ++i)
    many.push_back({"x-" + std::to_string(i), std::string(30, 'v')});  // more than 4096 bytes
  for (const std::uint32_t stream : {1, 3}) {
    talk.out(client.request(stream, "GET", "/a", true, {{"x", "y"}}));
    talk.in(server.response(stream, 200, true, many));
  }
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> 200 []", "3 GET h/a [] -> 200 []"));
  EXPECT_EQ(talk.exchanges[1].response->headers, many);
  EXPECT_EQ(talk.counters.refused, 0U);
}

TEST(Http2, what_is_kept_of_a_large_table_is_bounded_and_the_rest_unknown) {
  HttpLimits limits;
  limits.table_bytes = 150;
  Talk talk(limits);
  Http2Writer client(65536);
  talk.out(std::string(preface) + settings()).in(settings({{1, 65536}}));
  client.resize(65536);
  talk.out(client.request(1, "GET", "/a", true, {{"x-old", std::string(50, 'o')}, {"x-new", std::string(50, 'n')}}));
  talk.out(client.request(3, "GET", "/a", true, {{"x-old", std::string(50, 'o')}, {"x-new", std::string(50, 'n')}}));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", testing::StartsWith("3 GET ")));
  EXPECT_TRUE(talk.exchanges[1].request.unknown_headers);
  EXPECT_EQ(talk.exchanges[1].request.header("x-old"), "");
  EXPECT_EQ(talk.exchanges[1].request.header("x-new"), std::string(50, 'n'));
  EXPECT_EQ(talk.counters.unknown_headers, 1U);
}

struct Broken {
  std::string name, bytes;
};
class Http2Refusal : public testing::TestWithParam<Broken> {};

TEST_P(Http2Refusal, ends_that_direction) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/a", true)).out(GetParam().bytes);
  EXPECT_EQ(talk.counters.refused, 1U);
  EXPECT_EQ(talk.counters.dead_directions, 1U);
  talk.out(talk.client.request(9, "GET", "/b", true)).in(talk.server.response(1, 200, true));
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> 200 []"));
  EXPECT_TRUE(talk.connection.is_dead());
}

INSTANTIATE_TEST_SUITE_P(
    Rfc9113, Http2Refusal,
    testing::Values(
        Broken{"data_of_no_stream", frame(0, 0, 0, "x")}, Broken{"headers_of_no_stream", frame(1, 4, 0, "\x82")},
        Broken{"settings_of_a_stream", frame(4, 0, 1, "")}, Broken{"settings_of_5_bytes", frame(4, 0, 0, "12345")},
        Broken{"ack_with_payload", frame(4, 1, 0, "123456")}, Broken{"ping_of_7_bytes", frame(6, 0, 0, "1234567")},
        Broken{"reset_of_5_bytes", frame(3, 0, 1, "12345")}, Broken{"continuation_of_nothing", frame(9, 4, 1, "")},
        Broken{"data_within_a_block", frame(1, 0, 3, "\x82") + frame(0, 0, 3, "")},
        Broken{"continuation_of_another_stream", frame(1, 0, 3, "\x82") + frame(9, 4, 5, "")},
        Broken{"padding_longer_than_its_frame", frame(0, 8, 1,
                                                      "\x05"
                                                      "abc")},
        Broken{"padding_longer_than_its_block", frame(1, 12, 3, "\x05\x82")}, Broken{"index_0", frame(1, 4, 3, "\x80")},
        Broken{"index_beyond_the_table", frame(1, 4, 3, "\xff\x7f")},
        Broken{"integer_without_end", frame(1, 4, 3, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
        Broken{"string_longer_than_its_block", frame(1, 4, 3, std::string("\0\1x\x7fy", 5))},
        Broken{"huffman_padding_too_long", frame(1, 4, 3, std::string("\0\1x\x82\xff\xff", 6))},
        Broken{"table_resized_after_a_field", frame(1, 4, 3, "\x82\x20")}),
    [](const auto& test) { return test.param.name; });

class Http2Malformed : public testing::TestWithParam<std::pair<std::string, Fields>> {};

TEST_P(Http2Malformed, is_no_request_and_harms_no_other) {
  Open talk;
  talk.out(talk.client.headers(1, GetParam().second, true)).out(talk.client.request(3, "GET", "/b", true));
  talk.in(talk.server.response(1, 400, true)).in(talk.server.response(3, 200, true));
  EXPECT_THAT(talk.end(), ElementsAre("3 GET h/b [] -> 200 []"));
  EXPECT_EQ(talk.counters.refused, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc9113, Http2Malformed,
    testing::Values(
        std::pair{std::string("no_path"), Fields{{":method", "GET"}, {":scheme", "https"}}},
        std::pair{std::string("two_paths"), Fields{{":method", "GET"}, {":path", "/a"}, {":path", "/b"}}},
        std::pair{std::string("pseudo_after_regular"), Fields{{":method", "GET"}, {"x", "y"}, {":path", "/a"}}},
        std::pair{std::string("pseudo_of_a_response"), Fields{{":method", "GET"}, {":path", "/a"}, {":status", "200"}}},
        std::pair{std::string("unknown_pseudo"), Fields{{":method", "GET"}, {":path", "/a"}, {":x", "y"}}},
        std::pair{std::string("upper_case_name"), Fields{{":method", "GET"}, {":path", "/a"}, {"X", "y"}}},
        std::pair{std::string("line_in_a_value"), Fields{{":method", "GET"}, {":path", "/a\r\nx: y"}}}),
    [](const auto& test) { return test.param.first; });

TEST(Http2, limits_hold_and_are_counted) {
  HttpLimits limits;
  limits.streams = 2;
  limits.head_bytes = 1000;
  limits.continuations = 3;
  {
    Open talk(limits);
    for (const std::uint32_t stream : {1, 3, 5})
      talk.out(talk.client.request(stream, "GET", "/" + std::to_string(stream), true));
    EXPECT_THAT(talk.lines, ElementsAre("1 GET h/1 [] -> none"));
    EXPECT_EQ(talk.counters.too_many, 1U);
  }
  {  // a block that is too long, and what follows
    Open talk(limits);
    talk.out(talk.client.request(1, "GET", "/a", true, {{"x", std::string(3000, '\1')}}))
        .out(talk.client.request(3, "GET", "/b", true));
    EXPECT_EQ(talk.counters.too_long, 1U);
    EXPECT_EQ(talk.counters.lost_heads, 1U);
    EXPECT_THAT(talk.end(), ElementsAre("3 GET /b []? -> none"));  // the host was in the table, maybe
  }
  {  // a bomb: a few bytes that stand for many
    Open talk(limits);
    const auto first = talk.client.request(1, "GET", "/a", true, {{"x", std::string(700, '-')}});
    talk.out(first).out(frame(1, 5, 3, "\x82\x84\x87" + std::string(900, '\xbe')));
    EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "3 GET / []? -> none"));
    std::size_t kept = 0;
    for (const auto& [name, value] : talk.exchanges[1].request.headers) kept += value.size();
    EXPECT_LT(kept, 1000U);
  }
  {  // a flood of continuations
    Open talk(limits);
    talk.out(frame(1, 0, 1, "\x82"));
    for (int i = 0; i < 5; ++i) talk.out(frame(9, 0, 1, ""));
    EXPECT_EQ(talk.counters.too_long, 1U);
    EXPECT_TRUE(talk.connection.is_dead());
  }
  limits.connection_bytes = 500;
  limits.streams = 100;
  {
    Open talk(limits);
    for (std::uint32_t stream = 1; stream < 40; stream += 2)
      talk.out(talk.client.request(stream, "GET", "/" + std::string(100, 'p'), true));
    EXPECT_GT(talk.counters.too_many, 10U);
    EXPECT_EQ(talk.end().size(), 20U);
  }
}

TEST(Http2, expired_requests_are_delivered_and_forgotten) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/a", true)).out(talk.client.request(3, "GET", "/b", true));
  talk.connection.expire(talk.now);
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> none"));
  talk.in(talk.server.response(1, 200, true)).in(talk.server.response(3, 200, true));
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> none", "3 GET h/b [] -> 200 []"));
}

TEST(Http2, a_malformed_response_leaves_its_request_without_one) {
  for (const std::string status : {"099", "20", "2000", "2x0", ""}) {
    Open talk;
    talk.out(talk.client.request(1, "GET", "/a", true)).in(talk.server.headers(1, {{":status", status}}, true));
    EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> none")) << status;
    EXPECT_EQ(talk.counters.refused, 1U);
  }
}

TEST(Http2, streams_are_opened_in_their_order_and_once) {
  Open talk;
  talk.out(talk.client.request(3, "POST", "/a", false)).in(talk.server.response(3, 200, true));
  talk.out(talk.client.headers(3, {{"trailer", "late"}}, true)).out(talk.client.request(1, "GET", "/b", true));
  talk.out(talk.client.request(3, "GET", "/c", true)).out(talk.client.request(4, "GET", "/d", true));
  EXPECT_THAT(talk.end(), ElementsAre("3 POST h/a []~ -> 200 []"));
  EXPECT_EQ(talk.counters.refused, 0U);
}

// Loss ---------------------------------------------------------------------------------------------------------------

TEST(Http2Loss, within_data_is_passed_exactly) {
  Open talk;
  talk.out(talk.client.request(1, "POST", "/a", false) + data(1, "0123456789", true).substr(0, 12))
      .lose_out(4)
      .out("789");
  talk.out(talk.client.request(3, "GET", "/b", true));
  talk.in(joined({talk.server.response(1, 200, true), talk.server.response(3, 200, true)}));
  EXPECT_THAT(talk.end(), ElementsAre("1 POST h/a [012]~ -> 200 []", "3 GET h/b [] -> 200 []"));
  EXPECT_EQ(talk.exchanges[0].request.body_bytes, 10U);
  EXPECT_EQ(talk.counters.dead_directions, 0U);
}

TEST(Http2Loss, of_the_length_of_padding_makes_no_padding_content) {
  Open talk;
  const auto padded = frame(0, 9, 1, std::string("\4abcd\0\0\0\0", 9));
  talk.out(talk.client.request(1, "POST", "/a", false) + padded.substr(0, 9)).lose_out(1).out(padded.substr(10));
  talk.in(talk.server.response(1, 200, true));
  EXPECT_THAT(talk.end(), ElementsAre("1 POST h/a []~ -> 200 []"));
}

TEST(Http2Loss, within_headers_makes_that_request_missing_and_the_table_unknown) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/before", true, {{"x", "old"}}));
  const auto lost = talk.client.request(3, "GET", "/lost", true, {{"y", "lost"}});
  talk.out(lost.substr(0, 12)).lose_out(5).out(lost.substr(17));
  talk.out(talk.client.request(5, "GET", "/before", true, {{"x", "old"}, {"y", "lost"}}));  // all of it in the table
  talk.out(talk.client.request(7, "GET", "/new", true, {{"z", "new"}}));
  talk.out(talk.client.request(9, "GET", "/new", true, {{"z", "new"}, {"x", "old"}}));
  for (const std::uint32_t stream : {1, 3, 5, 7, 9}) talk.in(talk.server.response(stream, 200, true));
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/before [] -> 200 []", "5 GET /before []? -> 200 []",
                                      "7 GET /new []? -> 200 []", "9 GET /new []? -> 200 []"));
  EXPECT_EQ(talk.exchanges[3].request.header("z"), "new");
  EXPECT_EQ(talk.exchanges[3].request.header("x"), "");
  EXPECT_EQ(talk.counters.lost_heads, 1U);
  EXPECT_EQ(talk.counters.unknown_headers, 3U);
  EXPECT_EQ(talk.counters.dead_directions, 0U);
}

TEST(Http2Loss, within_a_responses_headers_leaves_the_request_without_one) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/a", true)).out(talk.client.request(3, "GET", "/b", true));
  const auto lost = talk.server.response(1, 403, false, {{"x-amzn-requestid", "1"}});
  talk.in(lost.substr(0, 10)).lose_in(lost.size() - 10).in(data(1, "no", true));
  talk.in(talk.server.response(3, 403, true));  // of the table
  EXPECT_THAT(talk.end(), ElementsAre("1 GET h/a [] -> none", "3 GET h/b [] -> 0 []?"));
}

TEST(Http2Loss, of_a_frames_header_ends_that_direction) {
  Open talk;
  talk.out(talk.client.request(1, "GET", "/a", true)).out(talk.client.request(3, "GET", "/b", true));
  const auto lost = talk.server.response(1, 200, true);
  talk.lose_in(lost.size()).in(talk.server.response(3, 200, true));
  EXPECT_THAT(talk.lines, ElementsAre("1 GET h/a [] -> none", "3 GET h/b [] -> none"));
  talk.out(talk.client.request(5, "GET", "/c", false));
  EXPECT_EQ(talk.lines.size(), 2U);
  talk.out(data(5, "x", true));
  EXPECT_EQ(talk.lines.back(), "5 GET h/c [x] -> none");
  EXPECT_EQ(talk.counters.dead_directions, 1U);
  EXPECT_FALSE(talk.connection.is_dead());
}

TEST(Http2Loss, a_late_join_knows_what_was_sent_since) {
  Talk talk;
  Http2Writer client, server;
  (void)client.request(1, "POST", "/old", true, {{"x-old", "old"}});
  (void)server.response(1, 418, true, {{"x", "old"}});
  talk.out("\x17\x03\x03").out(client.request(3, "POST", "/old", true, {{"x-old", "old"}, {"x-new", "v"}}));
  talk.in(server.response(3, 418, true, {{"x", "old"}}));
  talk.out(client.request(5, "POST", "/new", true, {{"x-new", "v"}}));
  talk.in(server.response(5, 200, true, {{"z", "new"}}));
  EXPECT_THAT(talk.end(), ElementsAre("3 POST /old []? -> none", "5 POST /new []? -> 200 []"));
  EXPECT_EQ(talk.exchanges[0].request.header("x-old"), "");
  EXPECT_EQ(talk.exchanges[0].request.header("x-new"), "v");
  EXPECT_EQ(talk.exchanges[1].request.header("x-new"), "v");
}

TEST(Http2Loss, is_not_joined_within_a_call) {
  Talk talk;
  Http2Writer client;
  const auto request = client.request(1, "GET", "/a", true);
  talk.out("x" + request).out(request + "x").call(Direction::out, request, request.size() - 1);
  EXPECT_TRUE(talk.end().empty());
}

}  // namespace
}  // namespace plumbline::agent
