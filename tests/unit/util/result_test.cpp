#include "include/util/result.hpp"

#include <gtest/gtest.h>

namespace plumbline {
namespace {

TEST(Error, ReadsAsOneSentence) {
  EXPECT_EQ((Error{ErrorCode::io, "open /etc/app.conf", "No such file", "create it"}.message()),
            "open /etc/app.conf: No such file; create it");
  EXPECT_EQ((Error{ErrorCode::io, "open /etc/app.conf", "No such file", ""}.message()),
            "open /etc/app.conf: No such file");
  EXPECT_EQ((Error{ErrorCode::internal, "judge", "", ""}.message()), "judge");
}

TEST(IoError, CodeFollowsFromErrno) {
  EXPECT_EQ(io_error("x", ENOENT).code, ErrorCode::not_found);
  EXPECT_EQ(io_error("x", ENOTDIR).code, ErrorCode::not_found);
  EXPECT_EQ(io_error("x", EACCES).code, ErrorCode::permission);
  EXPECT_EQ(io_error("x", EPERM).code, ErrorCode::permission);
  EXPECT_EQ(io_error("x", ENOSPC).code, ErrorCode::unavailable);
  EXPECT_EQ(io_error("x", EDQUOT).code, ErrorCode::unavailable);
  EXPECT_EQ(io_error("x", EAGAIN).code, ErrorCode::unavailable);
  EXPECT_EQ(io_error("x", EIO).code, ErrorCode::io);
}

TEST(IoError, SaysWhyInWords) {
  const Error error = io_error("open /etc/app.conf", ENOENT, "create it");
  EXPECT_EQ(error.what, "open /etc/app.conf");
  EXPECT_EQ(error.why, "No such file or directory");
  EXPECT_EQ(error.fix, "create it");
}

Result<int> half(int n) {
  if (n % 2 != 0) return invalid("halve " + std::to_string(n), "it is odd", "give an even number");
  return n / 2;
}

TEST(Result, IsAValueOrAnError) {
  EXPECT_EQ(half(4).value(), 2);
  const Result<int> odd = half(3);
  ASSERT_TRUE(odd.has_error());
  EXPECT_EQ(odd.error().code, ErrorCode::invalid_argument);
}

TEST(Result, ValueOfAnErrorThrowsItsMessage) {
  try {
    half(3).value();
    FAIL() << "did not throw";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "halve 3: it is odd; give an even number");
  }
}

}  // namespace
}  // namespace plumbline
