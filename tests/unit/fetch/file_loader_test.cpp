#include "fetch/file_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;

class FileLoaderTest : public ::testing::Test {
 protected:
  std::shared_ptr<SourceKeeper> source(const std::string& name, int serial) {
    dir_.write(name, R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":"a","resources":[]})");
    return std::make_shared<SourceKeeper>(baseline::SourceSpec{name, "terraform_state", dir_ / name}, dir_ / "kept",
                                          key_);
  }
  /// The next delivery; waits for it.
  Delivered next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !delivered_.empty(); });
    Delivered first = std::move(delivered_.front());
    delivered_.pop_front();
    return first;
  }

  const TempDir dir_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Delivered> delivered_;
  FileLoader loader_{[this](Delivered delivered) {
    std::unique_lock lock(mutex_);
    delivered_.push_back(std::move(delivered));
    came_.notify_all();
    came_.wait(lock, [&] { return !hold_; });
  }};
  bool hold_ = false;  ///< the thread does not come back from a delivery
};

TEST_F(FileLoaderTest, each_file_is_read_in_its_turn) {
  const auto one = source("one", 1), two = source("two", 2);
  loader_.load(one, false);
  loader_.load(two, false);
  const auto first = next(), second = next();
  EXPECT_EQ(first.keeper, one);
  EXPECT_EQ((**first.what).baseline.revision.at("serial"), "1");
  EXPECT_EQ(second.keeper, two);
  EXPECT_EQ((**second.what).baseline.revision.at("serial"), "2");
}

TEST_F(FileLoaderTest, what_waits_is_read_once_and_what_is_under_way_once_more) {
  const auto one = source("one", 1), two = source("two", 7);
  ASSERT_TRUE(two->load(false));
  source("two", 6);
  {
    const std::lock_guard lock(mutex_);
    hold_ = true;
  }
  loader_.load(one, false);
  next();
  loader_.load(two, false);
  loader_.load(two, true);
  loader_.load(two, false);
  loader_.load(one, false);
  {
    const std::lock_guard lock(mutex_);
    hold_ = false;
    came_.notify_all();
  }
  const auto back = next();
  EXPECT_EQ(back.keeper, two);
  EXPECT_TRUE(back.what) << "somebody means it";
  EXPECT_EQ(next().keeper, one);
  loader_.stop();
  EXPECT_TRUE(delivered_.empty());
}

TEST_F(FileLoaderTest, what_cannot_be_taken_is_told_with_the_reason) {
  const auto one = source("one", 7);
  ASSERT_TRUE(one->load(false));
  source("one", 6);
  loader_.load(one, false);
  const auto back = next();
  EXPECT_THAT(back.what.error().message(), HasSubstr("it went back"));
  EXPECT_EQ(back.move, baseline::Move::backwards);
}

}  // namespace
}  // namespace plumbline::fetch
