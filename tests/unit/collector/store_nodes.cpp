// The part of the conformance suite that is about what a person says of a node: that he has looked, that it is gone.
#include <algorithm>

#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using wire::DriftState;
using wire::Json;

NodeWord word_of(const Made& node, WallNs at = start + 100 * second) {
  return {node.node_id, "ann", "its rack was sold", at};
}

/// The rows of the collector's own that say what became of a node, as "type state".
std::vector<std::string> words_of(const std::vector<LedgerRecord>& ledger) {
  std::vector<std::string> words;
  for (const auto& row : ledger) {
    if (row.type == "finding" || row.type == "gap") continue;
    const auto part = Json::parse(row.body)[row.type];
    words.push_back(row.type + " " + part.value("state", part.value("again", false) ? "again" : "first"));
  }
  return words;
}

TEST_P(StoreConformance, a_node_that_is_gone_for_good_is_forgotten_and_leaves_nothing_open) {
  const Made other{"00000000000000000000000000000002", "b0000000", "node-2"};
  put(batch(other, {finding(other, 1, "file:/etc/a", "d1")}));
  put(batch(node_,
            {finding(node_, 1, "file:/etc/a", "d1"), finding(node_, 2, "file:/etc/b", "d2", DriftState::contested),
             finding(node_, 3, "file:/etc/c", "d3"), finding(node_, 4, "file:/etc/c", "d3", DriftState::resolved)}));
  put(batch(node_, {finding(node_, 8, "file:/etc/d")}));  // 5 to 7 never came
  put(batch(other, {}), start + 2 * second);
  ASSERT_EQ(store_->report_silence(start + second, hour, start + 60 * second).value(), 1u);
  const auto before = ledger().size();
  EXPECT_EQ(store_->forget_node({"no such node", "ann", "why", start}).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->forget_node(word_of(node_)).value(), 2u);
  EXPECT_EQ(store_->forget_node(word_of(node_)).error().code, ErrorCode::not_found) << "once";
  EXPECT_EQ(store_->acknowledge_node(word_of(node_)).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->report_silence(start + second, hour, start + 90 * second).value(), 0u) << "nobody waits for it";
  open();
  const auto nodes = store_->nodes().value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].node, "node-2");
  EXPECT_EQ(nodes[0].open_drifts, 1u) << "another node's drift of the same id is none of its";
  EXPECT_EQ(store_->node_name(node_.node_id).value(), "node-1") << "its id stays its own";

  auto rows = ledger();
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_EQ(words_of(rows), (std::vector<std::string>{"drift forgotten", "drift forgotten", "sequence_gap forgotten",
                                                      "silence forgotten", "node forgotten"}));
  const auto said = Json::parse(rows.back().body)["node"];
  EXPECT_EQ(said["by"], "ann");
  EXPECT_EQ(said["reason"], "its rack was sold");
  EXPECT_EQ(said["drifts"], 2);
  EXPECT_EQ(rows[0].drift_state, "forgotten");
  EXPECT_EQ(rows[0].resource, "file:/etc/a");
  Query query;
  query.node = "node-1";
  std::vector<std::string> states;
  for (const auto& drift : store_->drifts(query).value().items) states.push_back(drift.id + " " + drift.state);
  std::sort(states.begin(), states.end());
  EXPECT_EQ(states, (std::vector<std::string>{"d1 forgotten", "d2 forgotten", "d3 resolved"}))
      << "never resolved by it";
  const auto drift = wire::drift_from_json(Json::parse(rows[0].body)["drift"]);
  ASSERT_TRUE(drift);
  EXPECT_EQ(drift->state, DriftState::forgotten);
  EXPECT_NE(drift->closed_by.find("forgotten by ann: its rack was sold"), std::string::npos) << drift->closed_by;
  EXPECT_TRUE(store_->resources(query).value().items.empty());
  ASSERT_TRUE(
      store_->each_open_drift("file:/etc/a", "base", [](const OpenDrift& one) { EXPECT_EQ(one.node, "node-2"); }));
}

TEST_P(StoreConformance, a_forgotten_node_that_reports_again_is_new_and_loses_nothing) {
  put(batch(node_, {finding(node_, 1, "file:/etc/a", "d1"),
                    finding(node_, 2, "file:/etc/b", "d2", DriftState::contested), finding(node_, 5, "file:/etc/c")}));
  EXPECT_EQ(store_->forget_node(word_of(node_)).value(), 2u);
  open();
  const auto before = ledger().size();
  EXPECT_EQ(statuses(put(batch(node_, {finding(node_, 5, "file:/etc/c"), finding(node_, 6, "file:/etc/a", "d1")}),
                         start + 200 * second)),
            "ds")
      << "what it had sent is known, what is new is taken";
  const auto nodes = store_->nodes().value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].first_seen, start + 200 * second);
  EXPECT_EQ(nodes[0].accepted_through, 6u);
  EXPECT_EQ(nodes[0].sequence_gaps, 0u);
  EXPECT_EQ(nodes[0].silent_since, 0);
  EXPECT_EQ(nodes[0].gap_since, 0);
  auto rows = ledger();
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_EQ(words_of(rows), (std::vector<std::string>{"drift open", "drift contested", "node returned"}));
  EXPECT_EQ(drifts_called("d1").at(0).state, "open");
  EXPECT_EQ(drifts_called("d1").at(0).seq, rows.back().seq) << "its own word is the latest";
  EXPECT_EQ(drifts_called("d2").at(0).state, "contested") << "what it was";
  EXPECT_EQ(Json::parse(drifts_called("d2").at(0).body)["drift"]["closed_by"], "");
  put(batch(node_, {finding(node_, 9, "file:/etc/c")}));
  EXPECT_EQ(store_->nodes().value().at(0).missing, 2u) << "its sequence went on: a hole is told";
  EXPECT_EQ(store_->forget_node(word_of(node_, start + 300 * second)).value(), 2u) << "and it can be forgotten again";
  put(batch(node_, {}), start + 400 * second);
  EXPECT_EQ(drifts_called("d2").at(0).state, "contested") << "a heartbeat is a word, too";
}

TEST_P(StoreConformance, a_node_with_much_drift_is_forgotten_piece_by_piece) {
  constexpr std::uint64_t many = 1'203;
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= many; ++i)
    records.push_back(finding(node_, i, "file:/etc/" + std::to_string(i), "d" + std::to_string(i)));
  put(batch(node_, records));
  const auto in = [&](const char* state) {
    Query query;
    query.state = state;
    query.limit = 2 * many;
    return store_->drifts(query).value().items.size();
  };
  const auto commits = store_->stats().commits;
  EXPECT_EQ(store_->forget_node(word_of(node_)).value(), many);
  EXPECT_GE(store_->stats().commits, commits + 3) << "batches come in between";
  EXPECT_EQ(in("forgotten"), many);
  EXPECT_EQ(store_->settle_drifts().value(), 0u) << "nothing is left";
  auto rows = ledger();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.drift_state == "forgotten"; }),
            static_cast<std::ptrdiff_t>(many))
      << "each is told once";

  // Back again: the first piece at once, the rest by whoever looks next, also after a restart.
  put(batch(node_, {finding(node_, many + 1, "file:/etc/1", "d1", DriftState::resolved)}), start + 200 * second);
  EXPECT_GT(in("forgotten"), 0u);
  EXPECT_EQ(store_->nodes().value().size(), 1u);
  open();
  while (store_->settle_drifts().value() > 0) {
  }
  EXPECT_EQ(in("forgotten"), 0u);
  EXPECT_EQ(in("open"), many - 1);
  EXPECT_EQ(in("resolved"), 1u) << "its own word is the latest";
  EXPECT_EQ(store_->stats().drifts_unreadable, 0u);
}

TEST_P(StoreConformance, a_node_that_goes_again_before_all_of_it_was_back_is_forgotten_whole) {
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= 600; ++i)
    records.push_back(finding(node_, i, "r" + std::to_string(i), "d" + std::to_string(i)));
  put(batch(node_, records));
  EXPECT_EQ(store_->forget_node(word_of(node_)).value(), 600u);
  put(batch(node_, {}), start + 200 * second);
  EXPECT_LT(store_->forget_node(word_of(node_, start + 300 * second)).value(), 600u) << "some were forgotten still";
  Query query;
  query.state = "forgotten";
  query.limit = 1000;
  EXPECT_EQ(store_->drifts(query).value().items.size(), 600u);
  EXPECT_EQ(store_->settle_drifts().value(), 0u);
}

TEST_P(StoreConformance, holes_and_conflicts_stand_until_somebody_says_that_he_looked) {
  put(batch(node_, {finding(node_, 1, "r", "d1")}));
  EXPECT_EQ(store_->acknowledge_node(word_of(node_)).value(), 0u) << "there is nothing to look at";
  put(batch(node_, {finding(node_, 3, "r", "d1")}), start + second);
  put(batch(node_, {finding(node_, 5, "r", "d1")}), start + 2 * second);
  auto forged = finding(node_, 5, "r", "d1");
  forged.body.replace(forged.body.find("0666"), 4, "0777");
  put(batch(node_, {forged}), start + 3 * second);
  open();
  auto node = store_->nodes().value().at(0);
  EXPECT_EQ(node.gap_since, start + second) << "since the first";
  EXPECT_EQ(node.conflict_since, start + 3 * second);
  EXPECT_EQ(store_->acknowledge_node(word_of(node_)).value(), 2u);
  EXPECT_EQ(store_->acknowledge_node(word_of(node_)).value(), 0u);
  EXPECT_EQ(words_of(ledger()), (std::vector<std::string>{"sequence_gap first", "sequence_gap again", "conflict first",
                                                          "sequence_gap acknowledged", "conflict acknowledged"}));
  node = store_->nodes().value().at(0);
  EXPECT_EQ(node.gap_since, 0);
  EXPECT_EQ(node.conflict_since, 0);
  EXPECT_EQ(node.missing, 2u) << "they are missing all the same";
  put(batch(node_, {finding(node_, 9, "r", "d1")}), start + 4 * second);
  EXPECT_EQ(words_of(ledger()).back(), "sequence_gap first");
}

}  // namespace
}  // namespace plumbline::collector::test
