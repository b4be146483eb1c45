// The part of the conformance suite that is about what is over its time.
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using wire::DriftState;

class Expiry {
 public:
  explicit Expiry(Store& store) : store_(store) {}
  /// Looks until there is nothing more; the last word.
  Expired all() {
    Expired last;
    do {
      const auto expired = store_.expire_ledger(INT64_MAX, {"soc"});
      EXPECT_TRUE(expired) << expired.error().message();
      last = expired.value();
      rows += last.rows;
    } while (last.more);
    return last;
  }
  std::uint64_t rows = 0;

 private:
  Store& store_;
};

TEST_P(StoreConformance, what_is_over_its_time_goes_unless_somebody_needs_it) {
  store_.reset();
  store_ = GetParam().open_expiring(directory_.path()).value();
  put(batch(node_, {finding(node_, 1, "r1", "d1")}));
  put(batch(node_, {finding(node_, 2, "r2", "d2"), finding(node_, 3, "r2", "d2", DriftState::resolved)}));
  put(batch(node_, {finding(node_, 4, "r3")}));
  put(batch(node_, {finding(node_, 5, "r4")}));
  DeadLetter letter;
  letter.origin = "sink:soc";
  letter.seq = 4;
  ASSERT_TRUE(store_->add_dead_letter(letter));
  ASSERT_TRUE(store_->take_sink("soc")->ours);
  store_->move_sink_cursor("soc", 1);
  put(batch(node_, {}));
  Expiry expiry(*store_);
  EXPECT_EQ(expiry.all().held_by, "soc") << "it has not passed the second row";
  EXPECT_EQ(store_->stats().retention_held_by, "soc");
  EXPECT_EQ(ledger().size(), 5u);
  store_->move_sink_cursor("soc", 5);
  put(batch(node_, {finding(node_, 6, "r5")}));
  (void)expiry.all();
  const auto rows = ledger();
  ASSERT_GE(rows.size(), 2u);
  EXPECT_EQ(rows[0].seq, 1u) << "its drift is open";
  EXPECT_EQ(rows[1].seq, 4u) << "it may be sent again";
  EXPECT_EQ(rows.back().seq, 6u) << "no sink has passed it";
  EXPECT_EQ(expiry.rows, 3u);
  EXPECT_EQ(store_->stats().expired, 3u);
  ASSERT_EQ(drifts_called("d1").size(), 1u);
  EXPECT_EQ(drifts_called("d1")[0].body, finding(node_, 1, "r1", "d1").body);
  EXPECT_TRUE(drifts_called("d2").empty()) << "it ended, and its time is over";
  EXPECT_EQ(statuses(put(batch(node_, {finding(node_, 1, "r1", "d1"), finding(node_, 4, "r3")}))), "dd");

  put(batch(node_, {finding(node_, 7, "r1", "d1", DriftState::resolved)}));
  ASSERT_TRUE(store_->end_replay(store_->dead_letters({})->items.at(0).id, ""));
  (void)expiry.all();
  EXPECT_GT(ledger().at(0).seq, 4u) << "nobody needs them any more";
  EXPECT_EQ(drifts_called("d1").at(0).state, "resolved");
}

TEST_P(StoreConformance, what_a_forgotten_node_had_open_waits_for_it) {
  store_.reset();
  store_ = GetParam().open_expiring(directory_.path()).value();
  put(batch(node_, {finding(node_, 1, "r1", "d1")}));
  ASSERT_TRUE(store_->take_sink("soc")->ours);
  ASSERT_EQ(store_->forget_node({node_.node_id, "ann", "gone", start}).value(), 1u);
  store_->move_sink_cursor("soc", ledger().back().seq);
  put(batch({"00000000000000000000000000000002", "b0000000", "node-2"}, {}));
  Expiry expiry(*store_);
  (void)expiry.all();
  put(batch(node_, {}), start + 400 * second);
  ASSERT_EQ(drifts_called("d1").size(), 1u);
  EXPECT_EQ(drifts_called("d1")[0].state, "open") << "its agent does not tell it again";
}

TEST_P(StoreConformance, nothing_goes_before_its_time) {
  store_.reset();
  store_ = GetParam().open_expiring(directory_.path()).value();
  put(batch(node_, {finding(node_, 1, "r1")}));
  put(batch(node_, {finding(node_, 2, "r1")}));
  const auto expired = store_->expire_ledger(start, {});
  ASSERT_TRUE(expired) << expired.error().message();
  EXPECT_EQ(expired->rows, 0u);
  EXPECT_EQ(ledger().size(), 2u);
}

}  // namespace
}  // namespace plumbline::collector::test
