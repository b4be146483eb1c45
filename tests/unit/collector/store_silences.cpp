// The part of the conformance suite that is about silences of alerts, and about one change on many nodes.
#include <algorithm>
#include <set>

#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using wire::DriftState;
using wire::Json;

constexpr std::uint64_t no_end = INT64_MAX;

AlertSilence silence_of(const std::string& resource, WallNs until = start + 100 * second) {
  AlertSilence silence;
  silence.resource = resource;
  silence.until = until;
  silence.reason = "a rollout";
  silence.created_by = "local";
  silence.created_at = start;
  return silence;
}

Made node_number(int i) {
  return {"0000000000000000000000000000000" + std::to_string(i), "b0000000", "node-" + std::to_string(i)};
}

TEST_P(StoreConformance, what_is_open_of_a_resource_is_told_by_node) {
  for (int i = 1; i <= 4; ++i)
    put(batch(node_number(i), {finding(node_number(i), 1, "file:/etc/a", "d"), finding(node_number(i), 2, "r", "e")}));
  put(batch(node_number(2), {finding(node_number(2), 3, "file:/etc/a", "d", DriftState::resolved)}));
  auto other = finding(node_number(3), 3, "file:/etc/a", "d", DriftState::contested);
  for (auto at = other.body.find("0666"); at != std::string::npos; at = other.body.find("0666"))
    other.body.replace(at, 4, "0777");
  put(batch(node_number(3), {other}));
  open();
  std::vector<std::string> nodes;
  std::set<std::int64_t> live;
  ASSERT_TRUE(store_->each_open_drift("file:/etc/a", "base", [&](const OpenDrift& drift) {
    nodes.push_back(drift.node);
    live.insert(drift.live);
    EXPECT_EQ(drift.severity, "high");
  }));
  std::sort(nodes.begin(), nodes.end());
  EXPECT_EQ(nodes, (std::vector<std::string>{"node-1", "node-3", "node-4"}));
  EXPECT_EQ(live.size(), 2u) << "two different modes";
  EXPECT_EQ(live.count(0), 0u);
  ASSERT_TRUE(store_->each_open_drift("file:/etc/a", "another", [&](const OpenDrift&) { FAIL(); }));
  const auto between = store_->open_drifts_between(0, no_end, 100).value();
  ASSERT_EQ(between.size(), 7u);
  EXPECT_LT(between[0].seq, between[1].seq);
  EXPECT_EQ(store_->open_drifts_between(between[0].seq, between[3].seq, 100).value().size(), 2u);
  EXPECT_EQ(store_->open_drifts_between(0, no_end, 3).value().size(), 3u);
}

TEST_P(StoreConformance, a_silence_is_two_rows_of_the_ledger_and_history) {
  put(batch(node_, {finding(node_, 1, "r", "d1")}));
  const auto made = store_->add_silence(silence_of("file:/etc/*")).value();
  EXPECT_GT(made.id, 0u);
  EXPECT_EQ(made.begin_seq, 2u);
  put(batch(node_, {finding(node_, 2, "r", "d1")}));
  open();
  EXPECT_EQ(store_->silences_over(no_end, no_end).value().size(), 1u) << "it outlives a restart";
  EXPECT_TRUE(store_->silences_over(1, 2).value().empty()) << "row 2 is its own";
  const auto ended = store_->end_silence(made.id, "ann", start + second).value();
  EXPECT_EQ(ended.ended_by, "ann");
  EXPECT_EQ(ended.end_seq, 4u);
  EXPECT_EQ(store_->end_silence(made.id, "bob", start + second).value().ended_by, "ann") << "once";
  EXPECT_TRUE(store_->silences_over(no_end, no_end).value().empty());
  EXPECT_EQ(store_->silences_over(3, 3).value().size(), 1u) << "a sink that is late knows it all the same";
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 4u);
  for (const auto i : {1u, 3u}) {
    EXPECT_EQ(rows[i].type, "alert_silence");
    EXPECT_EQ(rows[i].node, "collector");
    EXPECT_EQ(Json::parse(rows[i].body)["alert_silence"]["reason"], "a rollout");
  }
  EXPECT_EQ(Json::parse(rows[1].body)["alert_silence"]["state"], "created");
  EXPECT_EQ(Json::parse(rows[3].body)["alert_silence"]["ended_by"], "ann");
  EXPECT_EQ(store_->end_silence(99, "ann", start).error().code, ErrorCode::not_found);
  EXPECT_TRUE(store_->stats().writable) << "a wrong id is no failure of the disk";
  Query query;
  query.state = "active";
  EXPECT_TRUE(store_->silences(query).value().items.empty());
  query.state = "ended";
  EXPECT_EQ(store_->silences(query).value().items.size(), 1u);
}

TEST_P(StoreConformance, silences_expire_once) {
  const auto first = store_->add_silence(silence_of("a", start + second)).value();
  store_->add_silence(silence_of("b", start + 2 * second)).value();
  EXPECT_EQ(store_->expire_silences(start).value(), 0u);
  EXPECT_EQ(store_->expire_silences(start + second).value(), 1u);
  EXPECT_EQ(store_->expire_silences(start + second).value(), 0u);
  open();
  EXPECT_EQ(store_->expire_silences(start + 9 * second).value(), 1u) << "what passed while it was down";
  Query query;
  query.limit = 1;
  const auto page = store_->silences(query).value();
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].resource, "b") << "newest first";
  EXPECT_EQ(page.items[0].ended_by, silence_expired);
  query.before = page.next;
  EXPECT_EQ(store_->silences(query).value().items.at(0).id, first.id);
  EXPECT_EQ(ledger().size(), 4u);
}

TEST_P(StoreConformance, silences_are_bounded) {
  for (std::size_t i = 0; i < max_active_silences; ++i) ASSERT_TRUE(store_->add_silence(silence_of("r")));
  const auto refused = store_->add_silence(silence_of("r"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().why.find("1000"), std::string::npos);
  EXPECT_TRUE(store_->stats().writable);
  ASSERT_TRUE(store_->end_silence(1, "ann", start));
  EXPECT_TRUE(store_->add_silence(silence_of("r")));
}

}  // namespace
}  // namespace plumbline::collector::test
