#include "include/util/log_text.hpp"

#include <gtest/gtest.h>

namespace plumbline {
namespace {

TEST(LogText, ends_neither_its_value_nor_its_line) {
  EXPECT_EQ(log_text("/usr/lib/x.so"), "/usr/lib/x.so");
  EXPECT_EQ(log_text("a\" level=info x=\"\\\n\x7f"), "a\\\" level=info x=\\\"\\\\\\x0a\\x7f");
  EXPECT_EQ(log_text("\xc3\xa9"), "\xc3\xa9") << "what is no control character stays";
}

}  // namespace
}  // namespace plumbline
