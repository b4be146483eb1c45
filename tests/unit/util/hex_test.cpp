#include "include/util/hex.hpp"

#include <gtest/gtest.h>

#include <array>

namespace plumbline {
namespace {

TEST(Hex, HasTwoDigitsAByte) {
  constexpr std::array<std::byte, 4> bytes{std::byte{0}, std::byte{0x0f}, std::byte{0xa5}, std::byte{0xff}};
  EXPECT_EQ(to_hex(bytes), "000fa5ff");
  std::string text = "%";
  append_hex(text, 0xfe, upper_hex);
  EXPECT_EQ(text, "%FE");
}

TEST(Hex, DigitsHaveValues) {
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(hex_value(lower_hex[static_cast<std::size_t>(i)]), i);
    EXPECT_EQ(hex_value(upper_hex[static_cast<std::size_t>(i)]), i);
  }
  for (const char c : {'/', ':', '@', 'G', '`', 'g', '\0', '\xff'}) EXPECT_EQ(hex_value(c), -1) << c;
}

}  // namespace
}  // namespace plumbline
