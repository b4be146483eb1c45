// Who is called silent, and when nobody is.
#include "collector/ingest/silence.hpp"

#include <gtest/gtest.h>

#include "collector/store/sqlite_store.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

/// Time that a test sets.
class HandClock final : public Clock {
 public:
  std::int64_t boot() const override { return now; }
  WallNs wall() const override { return now + set_by; }
  WallNs now = start;
  WallNs set_by = 0;  ///< what somebody set the wall clock ahead by
};

class Silence : public ::testing::Test {
 protected:
  /// A look each second, as the watch's own thread takes them, until `seconds` after the start; how many were found.
  std::size_t look_until(std::int64_t seconds) {
    std::size_t found = 0;
    while (clock_.now < start + seconds * second) {
      clock_.now += second;
      found += watch_.check().value();
    }
    return found;
  }
  void hear(std::int64_t seconds) { ASSERT_TRUE(store_now(*store_, batch(node_, {}), start + seconds * second)); }

  TempDirectory directory_;
  std::unique_ptr<Store> store_ = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  HandClock clock_;
  Made node_;
  SilenceWatch watch_{*store_, clock_, std::chrono::seconds(60)};
};

TEST_F(Silence, nobody_is_accused_for_the_collectors_own_absence) {
  hear(-3600);
  EXPECT_EQ(watch_.check().value(), 0u) << "the collector itself has only just begun to listen";
  EXPECT_EQ(look_until(59), 0u);
  EXPECT_EQ(look_until(61), 1u);
  EXPECT_EQ(look_until(70), 0u);
}

TEST_F(Silence, nobody_is_accused_for_a_clock_that_was_set) {
  look_until(100);
  hear(100);
  for (const WallNs step : {3600 * second, -3600 * second}) {
    clock_.set_by = step;
    EXPECT_EQ(watch_.check().value(), 0u) << step;
  }
  EXPECT_EQ(look_until(160), 0u);
  EXPECT_EQ(look_until(161), 1u) << "the silence itself is noticed, wherever the wall clock stands";
}

TEST_F(Silence, nobody_is_accused_for_a_host_that_was_suspended) {
  look_until(100);
  hear(95);
  clock_.now = start + 3700 * second;  // the boot clock goes on through a suspension, nothing else does
  EXPECT_EQ(watch_.check().value(), 0u);
  EXPECT_EQ(look_until(3759), 0u) << "agents find their way back meanwhile";
  EXPECT_EQ(look_until(3761), 1u) << "one that does not is silent";
}

TEST_F(Silence, a_short_pause_between_two_looks_is_no_absence) {
  look_until(100);
  hear(50);
  clock_.now = start + 104 * second;
  EXPECT_EQ(watch_.check().value(), 0u);
  EXPECT_EQ(look_until(111), 1u);
}

}  // namespace
}  // namespace plumbline::collector::test
