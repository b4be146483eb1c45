#include "include/util/loopback.hpp"

#include <gtest/gtest.h>

namespace plumbline {
namespace {

TEST(Loopback, IsWhatCannotLeaveThisMachine) {
  for (const char* host : {"localhost", "::1", "127.0.0.1", "127.1.2.3"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host :
       {"", "127.example.org", "127.0.0.1.example.org", "128.0.0.1", "0.0.0.0", "::", "[::1]", "127"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace plumbline
