// The same bytes in any pieces give the same exchanges; any lost piece gives none that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decode/http2_writer.hpp"
#include "tests/unit/decode/http_recording.hpp"
#include "tests/unit/decode/http_talk.hpp"
#include "tests/unit/decode/http_truth.hpp"

namespace plumbline::agent {
namespace {

constexpr Wanted all{false, 1 << 20, 1 << 20};

std::string with_length(std::string_view start, std::string_view body) {
  return std::string(start) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
std::string post(int n, std::string_view body) {
  return with_length("POST /" + std::to_string(n) + " HTTP/1.1\r\nHost: h\r\nX-Id: " + std::to_string(n) + "\r\n",
                     body);
}
std::string get(int n) {
  return "GET /" + std::to_string(n) + " HTTP/1.1\r\nHost: h\r\nX-Id: " + std::to_string(n) + "\r\n\r\n";
}
std::string answer(int n, std::string_view body) {
  return with_length("HTTP/1.1 " + std::to_string(210 + n) + " x\r\nX-Id: " + std::to_string(n) + "\r\n", body);
}
std::string in_chunks(std::string_view start, std::string_view body) {
  std::string bytes = std::string(start) + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += 7) {
    const auto chunk = body.substr(at, 7);
    bytes += std::to_string(chunk.size()) + ";x=y\r\n" + std::string(chunk) + "\r\n";
  }
  return bytes + "0\r\nTrailer: x\r\n\r\n";
}

const std::string trap_out = "a\r\nDELETE /trap HTTP/1.1\r\nHost: h\r\n\r\nbbb",
                  trap_in = "a\r\nHTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\nbbb";

std::vector<Call> one_by_one() {
  std::vector<Call> calls;
  for (int n = 0; n < 8; ++n) {
    const auto number = std::to_string(n);
    switch (n % 4) {
      case 0:
        calls.push_back({Direction::out, get(n)});
        calls.push_back({Direction::in, answer(n, trap_in + number)});
        break;
      case 1:
        calls.push_back({Direction::out, post(n, trap_out + number)});
        calls.push_back(
            {Direction::in, in_chunks("HTTP/1.1 201 x\r\nX-Id: " + number + "\r\n", "chunks of " + number)});
        break;
      case 2:
        calls.push_back({Direction::out, in_chunks("PUT /" + number + " HTTP/1.1\r\nHost: h\r\n",
                                                   "an upload in chunks, of " + number)});
        calls.push_back({Direction::in, answer(n, "")});
        break;
      case 3:
        calls.push_back({Direction::out, "HEAD /" + number + " HTTP/1.1\r\nHost: h\r\n\r\n"});
        calls.push_back({Direction::in, "HTTP/1.1 203 x\r\nContent-Length: 77\r\nX-Id: " + number + "\r\n\r\n"});
    }
  }
  return calls;
}

std::vector<Call> pipelined() {
  std::vector<Call> calls;
  std::string requests, answers;
  for (int n = 0; n < 6; ++n) {
    requests += n % 2 == 0 ? get(n) : post(n, trap_out + std::to_string(n));
    answers += answer(n, "body " + std::to_string(n));
    if (n % 3 != 2) continue;
    calls.push_back({Direction::out, std::exchange(requests, "")});
    calls.push_back({Direction::in, std::exchange(answers, "")});
  }
  return calls;
}

std::vector<Call> streams() {
  Http2Writer client, server, liar;
  std::vector<Call> calls{{Direction::out, std::string(preface) + settings()}, {Direction::in, settings({{1, 4096}})}};
  const auto out = [&](std::string bytes) { calls.push_back({Direction::out, std::move(bytes)}); };
  const auto in = [&](std::string bytes) { calls.push_back({Direction::in, std::move(bytes)}); };
  for (std::uint32_t n = 1; n < 16; n += 4) {
    const auto number = std::to_string(n), next = std::to_string(n + 2);
    out(client.request(n, "POST", "/" + number, false,
                       {{"x-id", number}, {"authorization", "Bearer " + number}, {"x-same", "s"}}));
    out(client.request(n + 2, "GET", "/" + next, true, {{"x-id", next}, {"x-same", "s"}}) +
        data(n, liar.request(99, "DELETE", "/trap", true), false));
    in(joined(
        {server.response(n + 2, 100, false), server.response(n + 2, 201, false, {{"x-id", next}, {"x-same", "s"}})}));
    out(frame(0, 9, n, "\3" + ("body of " + number) + std::string(3, '\0')));
    in(data(n + 2, "answer of " + next, false) + server.response(n, 200, false, {{"x-id", number}}) +
       data(n, "of " + number, false));
    in(data(n + 2, "", true) + server.headers(n, {{"grpc-status", std::to_string(n % 5)}, {"x-id", number}}, true));
  }
  return calls;
}

struct Conversation {
  std::string name;
  std::vector<Call> calls;
  bool by_stream = false;
};

std::vector<Conversation> conversations() {
  return {{"one_by_one", one_by_one(), false}, {"pipelined", pipelined(), false},
          {"streams", streams(), true},        {"curl", recording("curl.h1"), false},
          {"go", recording("go.h2"), true},    {"node", recording("node.h2"), true}};
}

std::vector<Call> in_pieces(const std::vector<Call>& calls, std::mt19937& random) {
  std::vector<Call> pieces;
  const std::size_t most = std::size_t{1} << (1 + random() % 12);
  for (const auto& call : calls)
    for (std::size_t at = 0; at < call.bytes.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % most, call.bytes.size() - at);
      pieces.push_back({call.direction, call.bytes.substr(at, size)});
      at += size;
    }
  return pieces;
}

std::vector<HttpExchange> truth_of(const std::vector<Call>& calls) {
  Talk talk({}, all);
  for (const auto& call : calls) talk.call(call.direction, call.bytes);
  talk.end();
  EXPECT_EQ(talk.counters.desyncs + talk.counters.refused + talk.counters.dead_directions, 0U);
  return std::move(talk.exchanges);
}

class HttpProperty : public testing::TestWithParam<Conversation> {};

TEST_P(HttpProperty, any_pieces_give_the_same_exchanges) {
  const auto& calls = GetParam().calls;
  Talk whole({}, all);
  for (const auto& call : calls) whole.call(call.direction, call.bytes);
  whole.end();
  ASSERT_GE(whole.lines.size(), 5U);
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    Talk talk({}, all);
    for (const auto& piece : in_pieces(calls, random)) talk.call(piece.direction, piece.bytes);
    ASSERT_EQ(talk.end(), whole.lines) << seed;
    ASSERT_EQ(difference(talk.exchanges, whole.exchanges, true), "") << seed;
  }
}

TEST_P(HttpProperty, any_lost_piece_gives_no_wrong_exchange) {
  const auto& [name, calls, by_stream] = GetParam();
  const auto truth = truth_of(calls);
  std::size_t answered = 0, delivered = 0, runs = 0;
  for (unsigned seed = 0; seed < 16; ++seed) {
    std::mt19937 random(seed);
    // The first ones lose whole calls, as a ring buffer does; the others pieces of any size.
    const auto pieces = seed == 0 ? calls : in_pieces(calls, random);
    const std::size_t step = std::max<std::size_t>(1, pieces.size() / 40);
    for (std::size_t lost = random() % step; lost < pieces.size(); lost += step) {
      Talk talk({}, all);
      const std::size_t kept = random() % 3 == 0 ? random() % pieces[lost].bytes.size() : 0;  // or the rest of a call
      for (std::size_t at = 0; at < pieces.size(); ++at) {
        const auto& [direction, bytes] = pieces[at];
        if (at != lost)
          talk.call(direction, bytes);
        else if (kept > 0)
          talk.call(direction, bytes, kept);
        else
          talk.lose(direction, bytes.size());
      }
      talk.end();
      ASSERT_EQ(difference(talk.exchanges, truth, by_stream), "")
          << "seed " << seed << ", lost " << lost << ", kept " << kept;
      ++runs;
      delivered += talk.exchanges.size();
      for (const auto& exchange : talk.exchanges) answered += exchange.response.has_value();
    }
  }
  RecordProperty("delivered", std::to_string(100 * delivered / (runs * truth.size())) + " %");
  RecordProperty("answered", std::to_string(100 * answered / (runs * truth.size())) + " %");
  std::printf("%s: of all exchanges %zu %% delivered, %zu %% with their response\n", name.c_str(),
              100 * delivered / (runs * truth.size()), 100 * answered / (runs * truth.size()));
  EXPECT_GT(delivered * 2, runs * truth.size());
}

INSTANTIATE_TEST_SUITE_P(Of, HttpProperty, testing::ValuesIn(conversations()),
                         [](const auto& test) { return test.param.name; });

std::vector<std::string> heads(const std::string& name) {
  Talk talk({}, {false, 64, 64});
  for (const auto& call : recording(name)) talk.call(call.direction, call.bytes);
  talk.end();
  EXPECT_EQ(
      talk.counters.desyncs + talk.counters.refused + talk.counters.dead_directions + talk.counters.unknown_headers,
      0U);
  std::vector<std::string> lines;
  for (const auto& [request, response, stream, first, last, taken_by] : talk.exchanges)
    lines.push_back(request.method + " " + request.target + " " + std::to_string(request.body_bytes) + " " +
                    std::string(request.header("x-amz-target")) + " -> " + std::to_string(response->status) + " " +
                    std::to_string(response->body_bytes) + " " + std::string(response->header("x-amzn-requestid")) +
                    std::string(response->header("grpc-status")));
  return lines;
}

TEST(HttpRecording, of_go) {
  EXPECT_THAT(
      heads("go.h2"),
      testing::ElementsAre("GET /first?x=1 0 DynamoDB_20120810.first?x=1 -> 200 29 id-of-/first",
                           "POST /second 7 DynamoDB_20120810.second -> 200 26 id-of-/second",
                           "POST /second 7 DynamoDB_20120810.second -> 200 26 id-of-/second",
                           "GET /big/third 0 DynamoDB_20120810.big/third -> 200 20000 id-of-/big/third",
                           "POST /grpc 6 DynamoDB_20120810.grpc -> 200 7 7",
                           "PUT /upload 20000 DynamoDB_20120810.upload -> 200 30 id-of-/upload",
                           testing::HasSubstr("-> 403 26 id-of-/many/"), testing::HasSubstr("-> 403 26 id-of-/many/"),
                           testing::HasSubstr("-> 403 26 id-of-/many/"), testing::HasSubstr("-> 403 26 id-of-/many/")));
}

TEST(HttpRecording, of_node) {
  EXPECT_THAT(heads("node.h2"),
              testing::ElementsAre(
                  "GET /one?a=b 0 A.B -> 200 27 id-of-/one", "PUT /two 7 A.B -> 200 23 id-of-/two",
                  "PUT /two 7 A.B -> 200 23 id-of-/two", "GET /big/three 0 A.B -> 200 20000 id-of-/big/three",
                  "POST /four 20000 A.B -> 200 28 id-of-/four", "DELETE /many/0 0 A.B -> 403 26 id-of-/many/0",
                  "DELETE /many/1 0 A.B -> 403 26 id-of-/many/1", "DELETE /many/2 0 A.B -> 403 26 id-of-/many/2",
                  "DELETE /many/3 0 A.B -> 403 26 id-of-/many/3"));
}

TEST(HttpRecording, of_curl) {
  EXPECT_THAT(heads("curl.h1"),
              testing::ElementsAre("GET /one?a=b 0 A.B -> 200 27 id-of-/one", "PUT /two 7  -> 200 23 id-of-/two",
                                   "PUT /up 0  -> 200 22 id-of-/up", "GET /big/four 0  -> 200 20000 id-of-/big/four",
                                   "HEAD /head 0  -> 200 0 id-of-/head"));
}

}  // namespace
}  // namespace plumbline::agent
