#include "collector/forward/retry.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "collector/forward/watchdog.hpp"
#include "tests/unit/collector/receiver.hpp"

namespace plumbline::collector {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = Delivery::Outcome;

TEST(RetryPolicy, waits_are_uniform_below_a_doubling_bound) {
  double random = 0.5;
  RetryPolicy policy({.first = milliseconds(500), .cap = seconds(60)}, [&] { return random; });
  EXPECT_EQ(policy.failed({}), milliseconds(250));
  EXPECT_EQ(policy.failed({}), milliseconds(500));
  EXPECT_EQ(policy.failed({}), milliseconds(1000));
  random = 0;
  EXPECT_EQ(policy.failed({}), milliseconds(0)) << "full jitter begins at zero";
  random = 0.5;
  for (int i = 0; i < 1000; ++i) policy.failed({});
  EXPECT_EQ(policy.failed({}), seconds(30)) << "the cap holds, however long it lasts";
  policy.succeeded();
  EXPECT_EQ(policy.failed({}), milliseconds(250));
}

TEST(RetryPolicy, what_the_destination_asks_for_is_the_least) {
  RetryPolicy policy({.first = milliseconds(500), .max_retry_after = seconds(100)}, [] { return 0.5; });
  EXPECT_EQ(policy.failed(seconds(7)), seconds(7));
  EXPECT_EQ(policy.failed(milliseconds(1)), milliseconds(500));
  EXPECT_EQ(policy.failed(seconds(1'000'000)), seconds(100)) << "up to a bound";
}

TEST(RetryPolicy, the_breaker_opens_after_failures_in_a_row) {
  RetryPolicy policy({.breaker_after = 3}, [] { return 0.0; });
  policy.failed({});
  policy.failed({});
  EXPECT_EQ(policy.breaker(false), RetryPolicy::Breaker::closed);
  policy.failed({});
  EXPECT_EQ(policy.breaker(false), RetryPolicy::Breaker::open);
  EXPECT_EQ(policy.breaker(true), RetryPolicy::Breaker::half_open);
  policy.succeeded();
  EXPECT_EQ(policy.breaker(false), RetryPolicy::Breaker::closed);
  policy.paused();
  EXPECT_EQ(policy.breaker(false), RetryPolicy::Breaker::open) << "a pause opens it at once";
}

TEST(RetryPolicy, every_status_has_its_class) {
  for (const int status : {200, 201, 202, 204}) EXPECT_EQ(outcome_of_status(status), Outcome::delivered) << status;
  for (const int status : {408, 429, 500, 502, 503, 504})
    EXPECT_EQ(outcome_of_status(status), Outcome::retry) << status;
  for (const int status : {301, 302, 307, 308, 401, 403, 404, 405, 410, 415})
    EXPECT_EQ(outcome_of_status(status), Outcome::paused) << status;
  for (const int status : {400, 409, 413, 422}) EXPECT_EQ(outcome_of_status(status), Outcome::refused) << status;
}

TEST(Watchdog, bites_in_time_whatever_was_waited_for_before) {
  using std::chrono::steady_clock;
  Watchdog dog;
  std::atomic<int> bites = 0;
  const auto after = [&](std::chrono::milliseconds time) {
    return Watchdog::Guard(dog, steady_clock::now() + time, [&] { ++bites; });
  };
  {
    const auto far = after(std::chrono::hours(1));
  }  // the thread may wait for it still
  const auto near = after(std::chrono::milliseconds(5));
  EXPECT_TRUE(test::eventually([&] { return bites >= 1; }));
  {
    const auto gone = after(std::chrono::milliseconds(20));
  }
  const auto behind = after(std::chrono::milliseconds(30));
  EXPECT_TRUE(test::eventually([&] { return bites >= 2; }));
}

}  // namespace
}  // namespace plumbline::collector
