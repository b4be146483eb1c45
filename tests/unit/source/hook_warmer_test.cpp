#include "agent/source/hook_warmer.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace plumbline::agent {
namespace {

/// Counts, and holds whoever it is told to.
class Warm {
 public:
  void operator()() {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_held_; });
    ++done_;
    changed_.notify_all();
  }
  void hold(bool is_held) {
    const std::lock_guard lock(mutex_);
    is_held_ = is_held;
    changed_.notify_all();
  }
  void wait_for(int begun) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= begun; });
  }
  int begun() const { return begun_; }  // for who has stopped
  int done() const { return done_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0, done_ = 0;
  bool is_held_ = false;
};

/// Returns when a warmer beside those of a test has made five hooks: they had the time to make as many.
void let_time_pass() {
  Warm warm;
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  warmer.begin();
  warm.wait_for(5);
}

TEST(HookWarmer, nothing_is_hooked_where_nothing_begins) {
  Warm warm;
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  let_time_pass();
  warmer.stop();
  EXPECT_EQ(warm.begun(), 0);
}

TEST(HookWarmer, it_ends_by_itself) {
  constexpr int most = HookWarmer::span / HookWarmer::interval;
  Warm warm;
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  warmer.begin();
  warm.wait_for(most);
  let_time_pass();
  warmer.stop();
  EXPECT_EQ(warm.begun(), most);
}

TEST(HookWarmer, one_hook_after_the_other_is_made_while_something_begins) {
  Warm warm;
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  warmer.begin();
  warm.wait_for(5);
}

TEST(HookWarmer, who_starts_things_without_end_gets_no_more_than_a_burst_at_once) {
  Warm warm;
  HookWarmer warmer([&] { warm(); }, 5 * HookWarmer::interval);
  warmer.start();
  warmer.begin();
  while (warmer.spared() < HookWarmer::span / HookWarmer::interval - 6) let_time_pass();
  warmer.stop();
  EXPECT_GE(warm.begun(), 5);
  EXPECT_LE(warm.begun(), 6) << "in that span a tenth of it came back";
}

TEST(HookWarmer, the_next_does_not_wait_for_the_end_of_the_last) {
  Warm warm;
  warm.hold(true);
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  warmer.begin();
  warm.wait_for(3);
  warm.hold(false);
}

TEST(HookWarmer, what_is_under_way_at_a_stop_is_waited_for) {
  Warm warm;
  warm.hold(true);
  HookWarmer warmer([&] { warm(); });
  warmer.start();
  warmer.begin();
  warm.wait_for(1);
  warm.hold(false);
  warmer.stop();
  EXPECT_EQ(warm.done(), warm.begun());
  const int before = warm.begun();
  warmer.begin();
  EXPECT_EQ(warm.begun(), before) << "nobody is there any more";
}

}  // namespace
}  // namespace plumbline::agent
