#include "fetch/fetcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;

/// A declared double of a place: gives what the test puts there, and knows versions as a real one does.
class Place final : public Origin {
 public:
  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    std::string version, bytes;
    {
      const std::lock_guard lock(mutex_);
      ++asked_;
      if (!error_.empty()) return Error{ErrorCode::unavailable, "ask the place", error_, ""};
      version = std::to_string(version_);
      bytes = bytes_;
    }
    if (known == version) return Fetched{true, known};
    if (auto taken = take(bytes); !taken) return taken.error();
    return Fetched{false, version};
  }
  void put(int serial, const std::string& lineage = "a") {
    const std::lock_guard lock(mutex_);
    ++version_;
    error_.clear();
    bytes_ =
        R"({"version":4,"serial":)" + std::to_string(serial) + R"(,"lineage":")" + lineage + R"(","resources":[]})";
  }
  void fail(const std::string& why) {
    const std::lock_guard lock(mutex_);
    error_ = why;
  }
  void heal() { fail(""); }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::string bytes_, error_;
  int version_ = 0;
  int asked_ = 0;
};

class FetcherTest : public ::testing::Test {
 protected:
  Remote remote(std::chrono::milliseconds interval = std::chrono::hours(1), const std::string& name = "net") {
    keeper_ =
        std::make_shared<SourceKeeper>(baseline::SourceSpec{name, "terraform_state", "s3://b/k"}, dir_ / "kept", key_);
    return {keeper_, place_, interval};
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
  std::shared_ptr<Place> place_ = std::make_shared<Place>();
  std::shared_ptr<SourceKeeper> keeper_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Delivered> delivered_;
  Fetcher fetcher_{[this](Delivered delivered) {
    const std::lock_guard lock(mutex_);
    delivered_.push_back(std::move(delivered));
    came_.notify_all();
  }};
};

TEST_F(FetcherTest, a_new_source_is_fetched_at_once_and_then_at_its_interval) {
  place_->put(1);
  fetcher_.set({remote(std::chrono::milliseconds(1))});
  const auto first = next();
  EXPECT_EQ(first.name, "net");
  ASSERT_TRUE(first.what && *first.what);
  EXPECT_EQ((*first.what)->baseline.revision.at("serial"), "1");
  const auto second = next();
  ASSERT_TRUE(second.what);
  EXPECT_FALSE(*second.what) << "unchanged";
  place_->put(2);
  for (;;) {
    const auto later = next();
    ASSERT_TRUE(later.what);
    if (!*later.what) continue;
    EXPECT_EQ((*later.what)->baseline.revision.at("serial"), "2");
    break;
  }
  fetcher_.stop();
  EXPECT_EQ(fetcher_.counts().failures, 0u);
  EXPECT_EQ(fetcher_.counts().fetches, fetcher_.counts().unchanged + 2);
}

TEST_F(FetcherTest, a_refresh_does_not_wait_for_the_interval) {
  place_->put(1);
  fetcher_.set({remote()});
  next();
  place_->put(2);
  fetcher_.refresh("net", false);
  EXPECT_TRUE(*next().what);
  fetcher_.refresh("unknown", false);
}

TEST_F(FetcherTest, a_failure_is_told_and_a_step_back_with_what_it_is) {
  place_->fail("it is down");
  fetcher_.set({remote()});
  EXPECT_THAT(next().what.error().message(), HasSubstr("it is down"));
  place_->put(7);
  fetcher_.refresh("net", false);
  EXPECT_TRUE(next().what);
  place_->put(6);
  fetcher_.refresh("net", false);
  const auto back = next();
  EXPECT_FALSE(back.what);
  EXPECT_EQ(back.move, baseline::Move::backwards);
  place_->fail("it is down");
  fetcher_.refresh("net", true);
  EXPECT_EQ(next().move, baseline::Move::none) << "nothing came, so nothing went back";
  place_->heal();
  fetcher_.refresh("net", false);  // what a person said once still holds
  const auto meant = next();
  ASSERT_TRUE(meant.what && *meant.what) << "taken although the place has not changed since";
  EXPECT_EQ((*meant.what)->baseline.revision.at("serial"), "6");
  EXPECT_EQ(fetcher_.counts().failures, 3u);
}

TEST_F(FetcherTest, what_is_taken_out_of_the_configuration_is_asked_no_more) {
  place_->put(1);
  fetcher_.set({remote(std::chrono::milliseconds(1))});
  next();
  fetcher_.set({});
  keeper_->forget();
  fetcher_.stop();
  const int asked = place_->asked();
  EXPECT_GE(asked, 1);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kept/net.index"));
}

TEST_F(FetcherTest, the_same_keeper_goes_on_where_it_was) {
  place_->put(1);
  const Remote same = remote();
  fetcher_.set({same});
  next();
  fetcher_.set({same});
  fetcher_.refresh("net", false);
  EXPECT_FALSE(*next().what) << "its version is still known";
}

}  // namespace
}  // namespace plumbline::fetch
