#include "fetch/encoding.hpp"

#include <gtest/gtest.h>

namespace plumbline::fetch {
namespace {

TEST(PercentEncode, leaves_only_what_is_unreserved) {
  const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(percent_encode(unreserved), unreserved);
  EXPECT_EQ(percent_encode("/a//../b c+~%41", true), "/a//../b%20c%2B~%2541");
  EXPECT_EQ(percent_encode("/:\xff" + std::string(1, '\0')), "%2F%3A%FF%00");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(PercentEncode, grows_no_buffer) {
  std::string out = "name=";
  out.reserve(5 + 3 * 100);
  const char* const before = out.data();
  append_percent_encoded(out, std::string(100, '&'));
  EXPECT_EQ(out.data(), before);
  EXPECT_EQ(out.size(), 305u);
}

/// The test vectors of RFC 4648, section 10.
TEST(Base64, is_that_of_the_rfc) {
  const std::string text = "foobar";
  const char* const encoded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t size = 0; size <= text.size(); ++size) EXPECT_EQ(base64(text.substr(0, size)), encoded[size]);
  EXPECT_EQ(base64("\xfb\xff"), "+/8=");
}

TEST(HeaderText, is_printable_without_blanks) {
  for (const char* good : {"", "a", "!~", "eyJ.a-b_c="}) EXPECT_TRUE(is_header_text(good)) << good;
  for (const char* bad : {" ", "a b", "a\n", "a\r\nb: c", "\x7f", "\xc3\xbc"}) EXPECT_FALSE(is_header_text(bad)) << bad;
  EXPECT_FALSE(is_header_text(std::string(1, '\0')));
}

}  // namespace
}  // namespace plumbline::fetch
