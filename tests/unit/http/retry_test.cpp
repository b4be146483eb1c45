#include "http/retry.hpp"

#include <gtest/gtest.h>

namespace plumbline::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryAfter, is_seconds_or_a_date) {
  const WallNs now = *parse_rfc3339("2026-11-24T01:00:00Z");
  EXPECT_EQ(parse_retry_after("120", now), seconds(120));
  EXPECT_EQ(parse_retry_after("0", now), seconds(0));
  EXPECT_EQ(parse_retry_after("999999999999", now), seconds(1'000'000'000)) << "what nanoseconds can hold";
  for (const char* date :
       {"Tue, 24 Nov 2026 01:00:30 GMT", "Tuesday, 24-Nov-26 01:00:30 GMT", "Tue Nov 24 01:00:30 2026"})
    EXPECT_EQ(parse_retry_after(date, now), seconds(30)) << date;
  EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 00:59:30 GMT", now), seconds(0)) << "a date gone by";
  for (const char* text : {"", "-1", "soon", "1.5", "12s", "Tue, 24 Nov 2026 01:00:30 GMT+1"})
    EXPECT_EQ(parse_retry_after(text, now), std::nullopt) << text;
}

TEST(FullJitter, is_uniform_below_a_bound_that_doubles_up_to_the_cap) {
  const auto wait = [](std::uint32_t failures, double random) {
    return full_jitter(milliseconds(500), seconds(60), failures, random);
  };
  EXPECT_EQ(wait(0, 0.5), milliseconds(250));
  EXPECT_EQ(wait(1, 0.5), milliseconds(500));
  EXPECT_EQ(wait(6, 0.5), seconds(16));
  EXPECT_EQ(wait(7, 0.5), seconds(30));
  EXPECT_EQ(wait(UINT32_MAX, 0.5), seconds(30));
  EXPECT_EQ(wait(7, 0), seconds(0));
  EXPECT_EQ(full_jitter(seconds(0), seconds(60), UINT32_MAX, 0.5), seconds(0));
  EXPECT_EQ(full_jitter(seconds(90), seconds(60), 0, 0.5), seconds(30)) << "the cap is for the first wait too";
}

}  // namespace
}  // namespace plumbline::http
