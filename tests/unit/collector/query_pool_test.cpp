// Questions beside ingest: how many wait, what becomes of the rest.
#include "collector/api/query_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

namespace plumbline::collector {
namespace {

TEST(QueryPool, turns_away_what_is_too_much_and_counts_it) {
  std::promise<void> let_go;
  const auto wait = let_go.get_future().share();
  std::atomic<unsigned> running = 0, done = 0;
  QueryPool pool;
  const auto job = [&, wait] {
    ++running;
    wait.wait();
    ++done;
  };
  for (unsigned i = 0; i < QueryPool::at_once; ++i) ASSERT_TRUE(pool.run(job));
  while (running < QueryPool::at_once) std::this_thread::yield();
  for (std::size_t i = 0; i < QueryPool::most_waiting; ++i) ASSERT_TRUE(pool.run(job));
  EXPECT_EQ(pool.stats().waiting, QueryPool::most_waiting);
  EXPECT_FALSE(pool.run(job));
  EXPECT_EQ(pool.stats().refused, 1u);
  let_go.set_value();
  while (done < QueryPool::at_once + QueryPool::most_waiting) std::this_thread::yield();
  EXPECT_EQ(pool.stats().waiting, 0u);
  EXPECT_TRUE(pool.run(job));
}

TEST(QueryPool, outlives_a_job_that_throws) {
  QueryPool pool;
  ASSERT_TRUE(pool.run([] { throw std::runtime_error("x"); }));
  std::promise<void> ran;
  ASSERT_TRUE(pool.run([&] { ran.set_value(); }));
  ran.get_future().wait();
}

TEST(QueryPool, a_stopped_one_drops_what_waits_and_takes_nothing) {
  std::promise<void> let_go;
  const auto wait = let_go.get_future().share();
  std::atomic<unsigned> running = 0;
  const auto held = std::make_shared<int>();
  QueryPool pool;
  for (unsigned i = 0; i < QueryPool::at_once; ++i)
    ASSERT_TRUE(pool.run([&, wait] {
      ++running;
      wait.wait();
    }));
  while (running < QueryPool::at_once) std::this_thread::yield();
  ASSERT_TRUE(pool.run([held] { FAIL() << "it was dropped"; }));
  std::thread stops([&] { pool.stop(); });
  while (pool.stats().waiting != 0) std::this_thread::yield();
  EXPECT_FALSE(pool.run([] {}));
  let_go.set_value();
  stops.join();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace plumbline::collector
