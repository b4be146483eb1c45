// How the forwarder treats batches: halves, single exceptions, rate limits, what is told again.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "collector/forward/forwarder.hpp"
#include "collector/forward/rate_limit.hpp"
#include "collector/forward/settlement.hpp"
#include "collector/store/sqlite_store.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Fate = Settlement::Fate;

TEST(Settle, each_record_has_its_fate) {
  Delivery delivery = Delivery::done(3);
  delivery.exceptions = {{0, true, "bad"}, {2, false, "busy"}, {9, true, "none of ours"}};
  const auto settlement = settle(delivery, 4);
  EXPECT_EQ(settlement.records[0].fate, Fate::dead);
  EXPECT_EQ(settlement.records[1].fate, Fate::gone);
  EXPECT_EQ(settlement.records[2].fate, Fate::stays);
  EXPECT_EQ(settlement.records[3].fate, Fate::stays) << "not offered yet, as it were";
  EXPECT_EQ(settlement.trouble, "busy");
  EXPECT_EQ(settlement.delivered(), 1u);
  Delivery split = Delivery::refuse("too large");
  split.outcome = Delivery::Outcome::split;
  EXPECT_TRUE(settle(split, 2).fewer);
  EXPECT_FALSE(settle(split, 1).fewer);
  EXPECT_EQ(settle(split, 1).records[0].fate, Fate::dead);
}

TEST(RateLimit, saves_up_one_second_at_most) {
  RateLimit::Time now{};
  RateLimit limit(10, now);
  EXPECT_EQ(limit.allowed(100, now), 10u);
  limit.took(10);
  EXPECT_EQ(limit.allowed(100, now), 0u);
  EXPECT_GT(limit.next(now), now + milliseconds(99));
  EXPECT_LT(limit.next(now), now + milliseconds(101));
  EXPECT_EQ(limit.allowed(100, now + milliseconds(500)), 5u);
  EXPECT_EQ(limit.allowed(100, now + seconds(60)), 10u);
  RateLimit none(0, now);
  EXPECT_EQ(none.allowed(100, now), 100u);
  EXPECT_EQ(none.next(now), now);
}

/// Answers as its test says; remembers the ledger rows that it was offered.
class Scripted final : public Sink {
 public:
  using Answer = std::function<Delivery(std::span<const LedgerRecord>, std::size_t)>;
  struct Seen {
    std::mutex mutex;
    std::vector<std::vector<std::uint64_t>> offers;
    std::atomic<int> refreshes = 0;
    std::vector<std::vector<std::uint64_t>> get() {
      const std::lock_guard lock(mutex);
      return offers;
    }
  };
  Scripted(std::shared_ptr<Seen> seen, SinkPace pace, Answer answer)
      : seen_(std::move(seen)), pace_(pace), answer_(std::move(answer)) {}
  SinkPace pace() const override { return pace_; }
  Delivery deliver(std::span<const LedgerRecord> records) override {
    std::size_t n = 0;
    {
      const std::lock_guard lock(seen_->mutex);
      n = seen_->offers.size();
      seen_->offers.emplace_back();
      for (const auto& record : records) seen_->offers.back().push_back(record.seq);
    }
    return answer_(records, n);
  }
  Delivery refresh() override { return ++seen_->refreshes == 1 ? Delivery::again("not yet") : Delivery::done(0); }

 private:
  std::shared_ptr<Seen> seen_;
  SinkPace pace_;
  Answer answer_;
};

class Batches : public ::testing::Test {
 protected:
  void put(std::uint64_t from, std::uint64_t until) {
    std::vector<wire::Record> records;
    for (auto i = from; i <= until; ++i) records.push_back(finding({}, i, "file:/" + std::to_string(i), "d"));
    ASSERT_TRUE(store_now(*store_, batch({}, records)));
  }
  Forwarder& forward(SinkPace pace, Scripted::Answer answer, std::size_t rate = 0) {
    ForwarderOptions options;
    options.name = "siem";
    options.rate_limit = rate;
    options.random = [] { return 0.5; };
    options.retry.first = milliseconds(2);
    forwarder_ = std::make_unique<Forwarder>(options, std::make_unique<Scripted>(seen_, pace, std::move(answer)),
                                             *store_, clock_);
    forwarder_->start();
    return *forwarder_;
  }
  std::vector<std::string> dead() {
    std::vector<std::string> all;
    Query query;
    query.origin = "sink:siem";
    for (const auto& letter : store_->dead_letters(query).value().items)
      all.push_back(std::to_string(letter.seq) + " " + letter.why);
    return all;
  }

  TempDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<Store> store_ = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  std::shared_ptr<Scripted::Seen> seen_ = std::make_shared<Scripted::Seen>();
  std::unique_ptr<Forwarder> forwarder_;
};

TEST_F(Batches, the_one_at_fault_is_found_by_halves_and_the_rest_goes_out) {
  put(1, 100);
  auto& forwarder = forward({64, {}, {}, {}}, [](std::span<const LedgerRecord> records, std::size_t) {
    for (const auto& record : records)
      if (record.seq == 37) {
        Delivery split = Delivery::refuse("400: no");
        split.outcome = Delivery::Outcome::split;
        return split;
      }
    return Delivery::done(records.size());
  });
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  EXPECT_EQ(forwarder.status().delivered, 99u);
  EXPECT_EQ(dead(), (std::vector<std::string>{"37 400: no"}));
  EXPECT_LT(seen_->get().size(), 30u);
}

TEST_F(Batches, only_those_that_were_not_taken_are_offered_again) {
  put(1, 6);
  auto& forwarder = forward({6, {}, {}, {}}, [](std::span<const LedgerRecord> records, std::size_t n) {
    Delivery delivery = Delivery::done(records.size());
    if (n == 0) delivery.exceptions = {{1, false, "429"}, {3, true, "400"}, {4, false, "429"}};
    return delivery;
  });
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  EXPECT_EQ(seen_->get(), (std::vector<std::vector<std::uint64_t>>{{1, 2, 3, 4, 5, 6}, {2, 5}}));
  EXPECT_EQ(dead(), (std::vector<std::string>{"4 400"}));
  EXPECT_EQ(forwarder.status().delivered, 5u);
}

TEST_F(Batches, the_cursor_stays_before_what_was_not_taken) {
  put(1, 6);
  auto& forwarder = forward({6, {}, {}, {}}, [](std::span<const LedgerRecord> records, std::size_t) {
    Delivery delivery = Delivery::done(records.size());
    for (std::size_t i = 0; i < records.size(); ++i)
      if (records[i].seq == 3) delivery.exceptions = {{i, false, "429"}};
    return delivery;
  });
  ASSERT_TRUE(eventually([&] { return seen_->get().size() > 8; }));
  EXPECT_EQ(forwarder.status().cursor, 2u);
  EXPECT_TRUE(eventually([&] { return forwarder.status().breaker == "open"; }))
      << "between two tries, of the one record";
  EXPECT_TRUE(dead().empty());
  const auto offers = seen_->get();
  for (std::size_t i = 1; i < offers.size(); ++i) EXPECT_EQ(offers[i], (std::vector<std::uint64_t>{3}));
}

TEST_F(Batches, a_rate_limit_holds) {
  put(1, 60);
  const auto began = std::chrono::steady_clock::now();
  auto& forwarder = forward(
      {50, {}, {}, {}},
      [](std::span<const LedgerRecord> records, std::size_t) { return Delivery::done(records.size()); }, 40);
  ASSERT_TRUE(eventually([&] { return forwarder.status().lag_records == 0; }));
  EXPECT_GT(std::chrono::steady_clock::now() - began, milliseconds(450)) << "40 at once, 20 more in half a second";
  EXPECT_EQ(seen_->get()[0].size(), 40u);
}

TEST_F(Batches, what_is_to_be_told_again_is_without_any_record) {
  auto& forwarder = forward({1, {}, {}, milliseconds(20)}, [](std::span<const LedgerRecord> records, std::size_t) {
    return Delivery::done(records.size());
  });
  ASSERT_TRUE(eventually([&] { return seen_->refreshes > 4; }));
  put(1, 1);
  ASSERT_TRUE(eventually([&] { return forwarder.status().delivered == 1; }));
  EXPECT_EQ(forwarder.status().retries, 1u) << "the first one failed";
}

}  // namespace
}  // namespace plumbline::collector::test
