#include "fetch/fetcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fetch/command_origin.hpp"
#include "fetch/http_origin.hpp"
#include "include/util/fd.hpp"
#include "tests/unit/fetch/deliveries.hpp"
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
      std::unique_lock lock(mutex_);
      ++asked_;
      moved_.notify_all();
      moved_.wait(lock, [&] { return !hangs_; });
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
  /// Whoever asks waits until it does not hang any more.
  void hang(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    moved_.notify_all();
  }
  void wait_asked(int times) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return asked_ >= times; });
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::string bytes_, error_;
  int version_ = 0;
  bool hangs_ = false;
  int asked_ = 0;
};

class FetcherTest : public ::testing::Test {
 protected:
  Remote remote(std::chrono::milliseconds interval = std::chrono::hours(1), const std::string& name = "net") {
    keeper_ =
        std::make_shared<SourceKeeper>(baseline::SourceSpec{name, "terraform_state", "s3://b/k"}, dir_ / "kept", key_);
    return {keeper_, place_, interval, {}};
  }
  Remote remote_of(std::shared_ptr<Origin> origin, const std::string& name) {
    Remote made = remote(std::chrono::hours(1), name);
    made.origin = std::move(origin);
    return made;
  }
  Delivered next() { return deliveries_.next(); }

  const TempDir dir_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  std::shared_ptr<Place> place_ = std::make_shared<Place>();
  std::shared_ptr<SourceKeeper> keeper_;
  test::Deliveries deliveries_;
  Fetcher fetcher_{deliveries_.taker()};
};

TEST_F(FetcherTest, a_new_source_is_fetched_at_once_and_then_at_its_interval) {
  place_->put(1);
  fetcher_.set({remote(std::chrono::milliseconds(1))});
  const auto first = next();
  EXPECT_EQ(first.keeper->spec().name, "net");
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

TEST_F(FetcherTest, one_that_hangs_delays_no_other_and_is_asked_once) {
  const auto slow = std::make_shared<Place>();
  slow->put(1);
  slow->hang(true);
  place_->put(1);
  fetcher_.set({remote_of(slow, "a-slow"), remote_of(place_, "net")});
  EXPECT_EQ(next().keeper->spec().name, "net");
  slow->wait_asked(1);
  fetcher_.refresh("a-slow", false);
  fetcher_.refresh("net", false);
  EXPECT_EQ(next().keeper->spec().name, "net");
  EXPECT_EQ(slow->asked(), 1) << "never two of one source";
  slow->hang(false);
  EXPECT_TRUE(*next().what);
  EXPECT_FALSE(*next().what) << "the refresh that came meanwhile";
  EXPECT_EQ(slow->asked(), 2);
}

TEST_F(FetcherTest, those_that_failed_leave_a_thread_to_those_that_did_not) {
  const auto broken = std::make_shared<Place>();
  broken->fail("it is down");
  std::vector<Remote> remotes;
  for (int i = 0; i < 6; ++i) remotes.push_back(remote_of(broken, "broken" + std::to_string(i)));
  place_->put(1);
  remotes.push_back(remote_of(place_, "net"));
  fetcher_.set(remotes);
  for (int i = 0; i < 7; ++i) next();
  broken->hang(true);
  for (int i = 0; i < 6; ++i) fetcher_.refresh("broken" + std::to_string(i), false);
  broken->wait_asked(6 + static_cast<int>(Fetcher::most_at_once) - 1);
  for (int i = 0; i < 20; ++i) {
    fetcher_.refresh("net", false);
    EXPECT_EQ(next().keeper->spec().name, "net") << "while the others hang";
  }
  broken->hang(false);
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(next().what);
}

TEST_F(FetcherTest, its_end_cuts_short_what_is_under_way) {
  const Fd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(silent.get(), 16), 0);
  ASSERT_EQ(::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  FetchLimits limits;
  limits.stop = fetcher_.stopping();
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/net.tfstate";
  fetcher_.set({remote_of(make_http_origin({url, "", "", limits}).value(), "silent"),
                remote_of(make_command_origin({{"/bin/sleep", "1000"}, "/", limits}), "sleeping")});
  const Fd asked(::accept4(silent.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(asked) << "it has connected, and gets no answer";
  const auto began = std::chrono::steady_clock::now();
  fetcher_.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, limits.whole / 4) << "it did not wait for the timeout";
  EXPECT_TRUE(deliveries_.empty());
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

TEST_F(FetcherTest, the_same_keeper_is_fetched_from_where_it_comes_from_now) {
  place_->put(1);
  Remote same = remote();
  fetcher_.set({same});
  next();
  const auto elsewhere = std::make_shared<Place>();
  elsewhere->put(2);
  same.origin = elsewhere;
  same.config.endpoint = "https://elsewhere";
  fetcher_.set({same});
  const auto moved = next();
  ASSERT_TRUE(moved.what && *moved.what) << "at once, though both call their first content version 1";
  EXPECT_EQ((*moved.what)->baseline.revision.at("serial"), "2");
}

TEST_F(FetcherTest, an_answer_from_where_it_came_from_before_is_no_version_of_the_new_place) {
  place_->put(1);
  place_->hang(true);
  Remote same = remote();
  fetcher_.set({same});
  place_->wait_asked(1);
  const auto elsewhere = std::make_shared<Place>();
  elsewhere->put(2);
  same.origin = elsewhere;
  same.config.endpoint = "https://elsewhere";
  fetcher_.set({same});
  place_->hang(false);
  EXPECT_EQ((*next().what)->baseline.revision.at("serial"), "1");
  EXPECT_EQ((*next().what)->baseline.revision.at("serial"), "2");
}

}  // namespace
}  // namespace plumbline::fetch
