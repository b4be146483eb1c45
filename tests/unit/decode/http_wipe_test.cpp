// Nothing of a header's value or a body is left in memory that was given back: every block is searched as it is freed.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>

#include "tests/unit/decode/http2_writer.hpp"
#include "tests/unit/decode/http_talk.hpp"

namespace {

constexpr std::string_view canary = "k9Zq7wXv";  // short: also what std::string keeps within itself,
constexpr std::string_view left = "9Zq7wXv";     // and of which a move takes only the first character away
bool is_watching = false;
std::size_t freed = 0, leaked = 0;

void look_through(void* block) {
  if (!is_watching || !block) return;
  ++freed;
  const std::string_view bytes(static_cast<const char*>(block), ::malloc_usable_size(block));
  if (bytes.find(left) != std::string_view::npos) ++leaked;
}

}  // namespace

void* operator new(std::size_t size) {
  // Zeroed: what malloc gives may hold what was freed while nobody watched.
  if (void* block = std::calloc(1, size)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::calloc(1, size);
}
void operator delete(void* block) noexcept {
  look_through(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}

namespace plumbline::agent {
namespace {

/// Runs calls while all that is freed is searched.
void watch(const std::vector<std::pair<Direction, std::string>>& calls, std::size_t piece) {
  freed = leaked = 0;
  HttpCounters counters;
  std::size_t delivered = 0;
  {
    is_watching = true;
    HttpConnection connection(
        {}, [](const HttpMessage&) { return Wanted{false, 4096, 4096}; },
        [&](HttpExchange&& exchange) {
          const HttpExchange taken = std::move(exchange);  // as a consumer does
          delivered += taken.response.has_value();
        },
        counters);
    std::uint64_t offsets[2] = {0, 0};
    for (const auto& [direction, bytes] : calls)
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto part = std::string_view(bytes).substr(at, piece);
        auto& offset = offsets[direction == Direction::out ? 0 : 1];
        connection.feed(direction, offset, static_cast<std::uint32_t>(part.size()), part, 1);
        offset += part.size();
      }
    connection.end(2);
  }
  is_watching = false;
  EXPECT_GT(freed, 10U);
  EXPECT_EQ(leaked, 0U) << "of " << freed << " blocks, in pieces of " << piece;
  EXPECT_EQ(delivered, 3U);
}

std::vector<std::string> secrets() {
  const std::string word(canary);
  return {word, word + word + word + word, word + std::string(700, 'x') + word};
}

TEST(HttpWipe, of_http1) {
  std::vector<std::pair<Direction, std::string>> calls;
  for (const auto& secret : secrets()) {
    std::string head = "PUT /?k=" + secret + " HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < 40; ++i) head += "X-" + std::to_string(i) + ": " + secret + "\r\n";
    calls.emplace_back(Direction::out, head + "Content-Length: " + std::to_string(secret.size()) + "\r\n\r\n" + secret);
    calls.emplace_back(Direction::in, "HTTP/1.1 200 x\r\nX: " + secret + "\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n" +
                                          std::string(canary) + "\r\n8\r\n" + std::string(canary) + "\r\n0\r\n\r\n");
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}, std::size_t{100000}})
    watch(calls, piece);
}

TEST(HttpWipe, of_http2) {
  Http2Writer client, server;
  std::vector<std::pair<Direction, std::string>> calls{{Direction::out, std::string(preface) + settings()},
                                                       {Direction::in, settings()}};
  std::uint32_t stream = 1;
  for (const auto& secret : secrets()) {
    Fields fields;
    for (int i = 0; i < 40; ++i) fields.emplace_back("x-" + std::to_string(i), secret);
    calls.emplace_back(Direction::out, client.request(stream, "PUT", "/?k=" + secret, false, fields));
    calls.emplace_back(Direction::out, data(stream, secret, false) + data(stream, secret, true));
    calls.emplace_back(Direction::in, server.response(stream, 200, false, fields) + data(stream, secret, false));
    calls.emplace_back(Direction::in, server.headers(stream, {{"x-trailer", secret}}, true));
    stream += 2;
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}, std::size_t{100000}})
    watch(calls, piece);
}

}  // namespace
}  // namespace plumbline::agent
