#include "agent/spool/crc32c.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plumbline::agent {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, KnownValues) {
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(crc32c(bytes_of(ascending)), 0x46dd794eu);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, TheProcessorAndTheTableAgreeForEveryLengthAndSplit) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37 + 11);
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto all = bytes_of(text).first(length);
    const std::uint32_t whole = crc32c_portable(all);
    EXPECT_EQ(crc32c(all), whole) << length;
    const std::size_t split = length / 3;
    EXPECT_EQ(crc32c(all.subspan(split), crc32c(all.first(split))), whole) << length;
  }
}

}  // namespace
}  // namespace plumbline::agent
