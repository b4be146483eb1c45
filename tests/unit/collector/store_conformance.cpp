#include "tests/unit/collector/store_conformance.hpp"

#include <atomic>
#include <thread>

namespace plumbline::collector::test {
namespace {

using wire::DriftState;

TEST_P(StoreConformance, stores_in_order_and_acknowledges_through_the_end) {
  const auto ack = put(batch(node_, {finding(node_, 1, "r1"), finding(node_, 2, "r2", "d2"), gap(node_, 3)}));
  EXPECT_EQ(ack.accepted_through, 3u);
  EXPECT_EQ(statuses(ack), "sss");
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].seq + 1, rows[1].seq);
  EXPECT_EQ(rows[1].node, "node-1");
  EXPECT_EQ(rows[1].sequence, 2u);
  EXPECT_EQ(rows[1].type, "finding");
  EXPECT_EQ(rows[1].resource, "r2");
  EXPECT_EQ(rows[1].comparison, "mismatch");
  EXPECT_EQ(rows[1].drift_id, "d2");
  EXPECT_EQ(rows[1].drift_state, "open");
  EXPECT_EQ(rows[1].body, finding(node_, 2, "r2", "d2").body) << "byte for byte";
  EXPECT_EQ(rows[2].type, "gap");
}

TEST_P(StoreConformance, the_same_batch_again_is_duplicates_only) {
  const auto b = batch(node_, {finding(node_, 1, "r1"), finding(node_, 2, "r2", "d2")});
  put(b);
  open();
  const auto ack = put(b);
  EXPECT_EQ(ack.accepted_through, 2u);
  EXPECT_EQ(statuses(ack), "dd");
  EXPECT_EQ(ledger().size(), 2u);
  EXPECT_EQ(store_->stats().duplicates, 2u);
}

TEST_P(StoreConformance, an_overlapping_batch_stores_only_what_is_new) {
  put(batch(node_, {finding(node_, 1, "r"), finding(node_, 2, "r")}));
  EXPECT_EQ(statuses(put(batch(node_, {finding(node_, 2, "r"), finding(node_, 3, "r")}))), "ds");
  EXPECT_EQ(ledger().size(), 3u);
  EXPECT_EQ(store_->stats().sequence_gaps, 0u);
}

TEST_P(StoreConformance, an_id_with_another_body_is_set_aside_once) {
  put(batch(node_, {finding(node_, 1, "r1")}));
  auto other = finding(node_, 1, "r1");
  other.body.replace(other.body.find("0666"), 4, "0777");
  for (int again = 0; again < 2; ++again) {
    const auto ack = put(batch(node_, {other, finding(node_, 2, "r1")}));
    EXPECT_EQ(ack.accepted_through, 2u) << "set aside is accepted too";
    EXPECT_EQ(ack.items[0].status, "rejected");
    EXPECT_NE(ack.items[0].why.find("another body"), std::string::npos);
  }
  EXPECT_EQ(store_->stats().conflicts, 1u) << "the repeat is not counted again";
  const auto letters = store_->dead_letters({}).value();
  ASSERT_EQ(letters.items.size(), 1u);
  EXPECT_EQ(letters.items[0].origin, "ingest");
  EXPECT_EQ(letters.items[0].body, other.body);
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 3u) << "the first, the one that came with the other, and what tells of it";
  EXPECT_EQ(rows[2].type, "conflict");
  const auto conflict = wire::Json::parse(rows[2].body)["conflict"];
  EXPECT_EQ(conflict["record_id"], other.id);
  EXPECT_EQ(conflict["node_id"], node_.node_id);
  EXPECT_EQ(conflict["dead_letter"], letters.items[0].id);
}

TEST_P(StoreConformance, conflicts_of_a_batch_are_one_record) {
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= 5; ++i) records.push_back(finding(node_, i, "r"));
  put(batch(node_, records));
  for (auto& record : records) record.body.replace(record.body.find("0666"), 4, "0777");
  put(batch(node_, records));
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(wire::Json::parse(rows[5].body)["conflict"]["records"], 5);
  EXPECT_EQ(store_->stats().conflicts, 5u);
}

TEST_P(StoreConformance, no_node_takes_the_id_of_another) {
  // The first eight characters of its id are all that a record's id says of its node.
  const Made other{"00000000ffffffffffffffffffffffff", "b0000000", "node-2"};
  auto taken = finding(other, 1, "r");
  const auto mine = finding(node_, 1, "r");
  for (std::size_t at; (at = taken.body.find(taken.id)) != std::string::npos;)
    taken.body.replace(at, taken.id.size(), mine.id);
  taken.id = mine.id;
  EXPECT_EQ(statuses(put(batch(other, {taken}))), "s");
  EXPECT_EQ(statuses(put(batch(node_, {mine}))), "s");
  EXPECT_EQ(statuses(put(batch(node_, {mine}))), "d");
  EXPECT_EQ(store_->stats().conflicts, 0u);
  EXPECT_EQ(ledger().size(), 2u);
}

TEST_P(StoreConformance, what_its_sender_cannot_have_made_is_set_aside) {
  const Made other{"11111111ffffffffffffffffffffffff", "b0000000", "node-2"};
  wire::Record silence{3, "silence", node_.node_id + "-x", start, R"({"silence":{"state":"returned"}})"};
  wire::Record newer{4, "something_newer", node_.node_id + "-y", start, "{}"};
  const auto ack = put(batch(node_, {finding(other, 1, "r"), gap(other, 2), silence, newer, finding(node_, 5, "r")}));
  EXPECT_EQ(statuses(ack), "rrrrs");
  EXPECT_NE(ack.items[0].why.find("does not begin with 00000000"), std::string::npos) << ack.items[0].why;
  EXPECT_NE(ack.items[1].why.find("does not begin with g-00000000"), std::string::npos) << ack.items[1].why;
  EXPECT_NE(ack.items[2].why.find("/type is none that agents send"), std::string::npos) << ack.items[2].why;
  EXPECT_EQ(ack.items[3].why.find("stored before"), std::string::npos);
  EXPECT_EQ(ledger().size(), 1u);
  EXPECT_EQ(store_->count_dead_letters("ingest").value(), 4u);
  EXPECT_EQ(store_->stats().sequence_gaps, 0u) << "set aside, not missing";
}

TEST_P(StoreConformance, a_body_that_is_not_what_it_says_is_set_aside_and_leaves_no_hole) {
  auto bad = finding(node_, 2, "r");
  bad.body = R"({"finding":7})";
  const auto ack = put(batch(node_, {finding(node_, 1, "r"), bad, finding(node_, 3, "r")}));
  EXPECT_EQ(statuses(ack), "srs");
  EXPECT_EQ(ack.accepted_through, 3u);
  EXPECT_EQ(store_->stats().sequence_gaps, 0u);
  EXPECT_EQ(store_->count_dead_letters("ingest").value(), 1u);
}

TEST_P(StoreConformance, a_hole_is_accepted_and_recorded) {
  put(batch(node_, {finding(node_, 1, "r")}));
  EXPECT_EQ(put(batch(node_, {finding(node_, 5, "r")})).accepted_through, 5u);
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2].type, "sequence_gap");
  EXPECT_NE(rows[2].body.find("\"from_sequence\":2,\"until_sequence\":4,\"missing\":3"), std::string::npos)
      << rows[2].body;
  EXPECT_EQ(store_->stats().sequence_gaps, 1u);
  EXPECT_EQ(store_->nodes().value().at(0).missing, 3u);
}

TEST_P(StoreConformance, a_new_node_may_begin_anywhere) {
  put(batch(node_, {finding(node_, 500, "r")}));
  EXPECT_EQ(store_->stats().sequence_gaps, 0u);
  EXPECT_EQ(store_->nodes().value().at(0).first_sequence, 500u);
}

TEST_P(StoreConformance, a_spool_that_began_anew_is_a_new_epoch_and_its_drift_counts) {
  put(batch(node_, {finding(node_, 10, "r", "d")}));
  Made rebooted = node_;
  rebooted.boot_id = "b1111111";
  EXPECT_EQ(put(batch(rebooted, {finding(rebooted, 1, "r", "d", DriftState::resolved)})).accepted_through, 1u);
  EXPECT_EQ(store_->stats().sequence_resets, 1u);
  EXPECT_EQ(drifts_called("d").at(0).state, "resolved") << "sequence 1 of epoch 1 is newer than 10 of epoch 0";
  put(batch(rebooted, {finding(rebooted, 2, "r")}));
  EXPECT_EQ(store_->stats().sequence_gaps, 0u);
}

TEST_P(StoreConformance, drift_is_the_newest_state) {
  put(batch(node_, {finding(node_, 1, "r", "d"), finding(node_, 2, "r", "d"),
                    finding(node_, 3, "r", "d", DriftState::resolved)}));
  const auto drifts = drifts_called("d");
  ASSERT_EQ(drifts.size(), 1u);
  EXPECT_EQ(drifts[0].state, "resolved");
  EXPECT_EQ(drifts[0].comparison, "match");
  EXPECT_EQ(wire::Json::parse(drifts[0].body)["drift"]["count"], 3);
  EXPECT_EQ(store_->drifts({}).value().items.size(), 1u);
  EXPECT_TRUE(drifts_called("other").empty());
}

TEST_P(StoreConformance, a_drift_without_finding_changes_the_state_too) {
  put(batch(node_, {finding(node_, 1, "r", "d")}));
  auto body = wire::Json::parse(finding(node_, 2, "r", "d").body);
  body.erase("finding");
  body["drift"]["state"] = "accepted";
  put(batch(node_, {{2, "drift", "d@2", start, body.dump()}}));
  EXPECT_EQ(drifts_called("d").at(0).state, "accepted");
}

TEST_P(StoreConformance, no_node_overwrites_the_drift_of_another) {
  Made other{"00000000000000000000000000000002", "b0000000", "node-2"};
  put(batch(node_, {finding(node_, 1, "r", "d")}));
  put(batch(other, {finding(other, 9, "r", "d", DriftState::resolved)}));
  EXPECT_EQ(drifts_called("d").size(), 2u) << "the one or the other would be a guess";
  Query of_first;
  of_first.id = "d";
  of_first.node = "node-1";
  const auto first = store_->drifts(of_first).value().items;
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].state, "open");
}

TEST_P(StoreConformance, pages_give_every_row_once_newest_first) {
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= 25; ++i)
    records.push_back(finding(node_, i, "r" + std::to_string(i), "d" + std::to_string(i)));
  put(batch(node_, records));
  Query query;
  query.limit = 10;
  std::vector<std::string> seen;
  std::size_t pages = 0;
  do {
    const auto page = store_->drifts(query).value();
    for (const auto& row : page.items) seen.push_back(row.id);
    query.before = page.next;
    ++pages;
    // New rows do not shift the pages that follow.
    put(batch(node_, {finding(node_, 25 + pages, "new", "new" + std::to_string(pages))}));
  } while (query.before != 0);
  EXPECT_EQ(pages, 3u);
  ASSERT_EQ(seen.size(), 25u);
  EXPECT_EQ(seen.front(), "d25");
  EXPECT_EQ(seen.back(), "d1");
}

TEST_P(StoreConformance, filters) {
  Made other{"00000000000000000000000000000002", "b0000000", "node-2"};
  put(batch(node_, {finding(node_, 1, "file:/etc/a[1]", "d1"), finding(node_, 2, "file:/etc/b", "d2"),
                    finding(node_, 3, "file:/etc/b", "d2", DriftState::resolved)}));
  put(batch(other, {finding(other, 4, "file:/etc/b", "d3")}));
  const auto count = [&](Query query) { return store_->drifts(query).value().items.size(); };
  const auto findings = [&](Query query) { return store_->findings(query).value().items.size(); };
  Query query;
  query.state = "open";
  EXPECT_EQ(count(query), 2u);
  query = {};
  query.resource = "file:/etc/b";
  EXPECT_EQ(count(query), 2u);
  EXPECT_EQ(findings(query), 3u);
  query.resource = "file:/etc/a[1*";
  EXPECT_EQ(count(query), 1u) << "brackets stand for themselves";
  query.resource = "file:/etc/?*";
  EXPECT_EQ(count(query), 0u) << "so does '?'";
  query = {};
  query.node = "node-2";
  EXPECT_EQ(count(query), 1u);
  query.node = other.node_id;
  EXPECT_EQ(findings(query), 1u);
  query = {};
  query.since = start + 3 * second;
  EXPECT_EQ(count(query), 2u);
  EXPECT_EQ(findings(query), 2u);
}

TEST_P(StoreConformance, since_finds_what_was_received_long_after_it_happened) {
  constexpr WallNs day = 86'400 * second;
  for (std::uint64_t i = 1; i <= 20; ++i)
    put(batch(node_, {finding(node_, i, "r")}), start + static_cast<WallNs>(i / 2) * day);
  Query query;
  query.since = start + 15 * second;
  EXPECT_EQ(store_->findings(query).value().items.size(), 6u);
  query.since = start + 100 * day;
  EXPECT_TRUE(store_->findings(query).value().items.empty());
}

TEST_P(StoreConformance, resources_show_their_latest_drift) {
  put(batch(node_, {finding(node_, 1, "r1", "d1"), finding(node_, 2, "r1", "d1", DriftState::resolved),
                    finding(node_, 3, "r1", "d2"), finding(node_, 4, "r2", "d3")}));
  const auto page = store_->resources({}).value();
  ASSERT_EQ(page.items.size(), 2u);
  EXPECT_EQ(page.items[0].resource, "r2");
  EXPECT_EQ(page.items[1].id, "d2");
}

TEST_P(StoreConformance, nodes_show_what_they_last_said) {
  auto b = batch(node_, {finding(node_, 1, "r", "d")});
  put(b, start);
  b.records.clear();
  b.agent_version = "0.2.0";
  b.health_json = R"({"ok":true})";
  b.oldest_unsent = 7;
  EXPECT_EQ(put(b, start + second).accepted_through, 1u) << "a heartbeat learns what is durable";
  const auto nodes = store_->nodes().value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].agent_version, "0.2.0");
  EXPECT_EQ(nodes[0].health_json, b.health_json);
  EXPECT_EQ(nodes[0].labels_json, b.labels_json);
  EXPECT_EQ(nodes[0].first_seen, start);
  EXPECT_EQ(nodes[0].last_seen, start + second);
  EXPECT_EQ(nodes[0].oldest_unsent, 7u);
  EXPECT_EQ(nodes[0].open_drifts, 1u);
}

TEST_P(StoreConformance, silence_and_return_are_one_record_each) {
  put(batch(node_, {}), start);
  EXPECT_EQ(store_->report_silence(start, hour, start + 60 * second).value(), 0u) << "heard at the cutoff: not yet";
  EXPECT_EQ(store_->report_silence(start + 1, hour, start + 60 * second).value(), 1u);
  EXPECT_EQ(store_->report_silence(start + 2, hour, start + 61 * second).value(), 0u) << "once";
  open();
  EXPECT_EQ(store_->report_silence(start + 3, hour, start + 62 * second).value(), 0u) << "once, over a restart too";
  put(batch(node_, {}), start + 70 * second);
  put(batch(node_, {}), start + 71 * second);
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].type, "silence");
  EXPECT_NE(rows[0].body.find("\"state\":\"silent\""), std::string::npos);
  EXPECT_NE(rows[1].body.find("\"state\":\"returned\""), std::string::npos);
  EXPECT_EQ(store_->report_silence(start + 100 * second, hour, start + 130 * second).value(), 1u) << "and again";
}

TEST_P(StoreConformance, silence_is_not_measured_with_the_wall_clock) {
  auto beat = prepared(batch(node_, {}), start);
  beat.heard_at = 100 * second;
  std::promise<void> stored;
  ASSERT_TRUE(store_->submit(std::move(beat), [&](const auto&) { stored.set_value(); }));
  stored.get_future().wait();
  EXPECT_EQ(store_->report_silence(100 * second, hour, start + 86'400 * second).value(), 0u)
      << "somebody set the clock";
  EXPECT_EQ(store_->report_silence(100 * second + 1, hour, start - 86'400 * second).value(), 1u);
  EXPECT_NE(ledger().at(0).body.find("\"last_seen\":\"" + rfc3339(start)), std::string::npos) << "shown, though";
}

TEST_P(StoreConformance, a_sink_cursor_only_moves_forward_and_survives) {
  EXPECT_EQ(store_->sink_cursor("soc").value(), std::nullopt);
  EXPECT_TRUE(store_->take_sink("soc").value().ours);
  store_->move_sink_cursor("soc", 5);
  store_->move_sink_cursor("soc", 3);
  put(batch(node_, {}));  // and all that was asked for before
  EXPECT_EQ(store_->sink_cursor("soc").value(), 5u);
  open();
  const auto turn = store_->take_sink("soc").value();
  EXPECT_TRUE(turn.ours);
  EXPECT_EQ(turn.cursor, 5u);
  store_->move_sink_cursor("soc", 4);
  put(batch(node_, {}));
  EXPECT_EQ(store_->sink_cursor("soc").value(), 5u);
}

TEST_P(StoreConformance, dead_letters_can_be_sent_again) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    DeadLetter letter;
    letter.origin = "sink:soc";
    letter.seq = i;
    letter.why = "404";
    ASSERT_TRUE(store_->add_dead_letter(letter));
  }
  EXPECT_TRUE(store_->replays("sink:soc", 10).value().empty());
  EXPECT_EQ(store_->request_replay("sink:other").value(), 0u);
  EXPECT_EQ(store_->request_replay("sink:soc").value(), 3u);
  const auto letters = store_->replays("sink:soc", 10).value();
  ASSERT_EQ(letters.size(), 3u);
  EXPECT_EQ(letters[0].seq, 1u) << "oldest first";
  ASSERT_TRUE(store_->end_replay(letters[0].id, ""));
  ASSERT_TRUE(store_->end_replay(letters[1].id, "still 404"));
  EXPECT_EQ(store_->replays("sink:soc", 10).value().size(), 1u);
  EXPECT_EQ(store_->count_dead_letters("sink:soc").value(), 2u);
}

TEST_P(StoreConformance, many_writers_lose_and_double_nothing) {
  constexpr std::uint64_t nodes = 4, batches = 10, size = 20;
  std::atomic<int> stored = 0;
  std::vector<std::thread> writers;
  for (std::uint64_t n = 0; n < nodes; ++n)
    writers.emplace_back([&, n] {
      const Made from{"0000000000000000000000000000001" + std::to_string(n), "b0000000", "n" + std::to_string(n)};
      for (std::uint64_t i = 0; i < batches; ++i) {
        std::vector<wire::Record> records;
        for (std::uint64_t k = 1; k <= size; ++k) records.push_back(finding(from, i * size + k, "r"));
        for (int repeat = 0; repeat < 2; ++repeat)
          for (const auto& item : put(batch(from, records)).items) stored += item.status == "stored" ? 1 : 0;
      }
    });
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(stored, static_cast<int>(nodes * batches * size));
  const auto rows = ledger();
  ASSERT_EQ(rows.size(), nodes * batches * size);
  std::map<std::string, std::uint64_t> last;
  for (const auto& row : rows) EXPECT_EQ(row.sequence, ++last[row.node_id]);
}

TEST_P(StoreConformance, subscribers_hear_of_new_rows_until_they_leave) {
  std::atomic<int> heard = 0;
  auto handle = store_->subscribe([&] { ++heard; });
  put(batch(node_, {finding(node_, 1, "r")}));
  put(batch(node_, {}));
  EXPECT_EQ(heard, 1);
  handle.reset();
  put(batch(node_, {finding(node_, 2, "r")}));
  put(batch(node_, {}));
  EXPECT_EQ(heard, 1);
}

TEST_P(StoreConformance, a_stopped_store_refuses_and_keeps_what_it_had) {
  put(batch(node_, {finding(node_, 1, "r")}));
  ASSERT_TRUE(store_->take_sink("soc").value().ours);
  store_->move_sink_cursor("soc", 1);
  store_->stop();
  EXPECT_FALSE(store_now(*store_, batch(node_, {finding(node_, 2, "r")})));
  open();
  EXPECT_EQ(ledger().size(), 1u);
  EXPECT_EQ(store_->sink_cursor("soc").value(), 1u) << "stop() commits cursors";
}

}  // namespace
}  // namespace plumbline::collector::test
