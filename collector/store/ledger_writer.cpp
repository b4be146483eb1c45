#include "collector/store/ledger_writer.hpp"

#include <algorithm>
#include <utility>

#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

std::string silence_body(const std::string& node_id, const std::string& node, const char* state, WallNs last_seen,
                         WallNs now) {
  wire::JsonObject silence;
  silence.text("node_id", node_id).text("node", node).text("state", state).text("last_seen", rfc3339(last_seen));
  silence.text("at", rfc3339(now));
  return wire::JsonObject().raw("silence", silence.str()).str();
}

}  // namespace

Result<wire::Ack> LedgerWriter::ingest(const PreparedBatch& batch) {
  auto found = node_of(batch);
  if (!found) return found.error();
  Node& node = **found;
  if (node.forgotten_at != 0)
    if (const auto back = welcome_back(batch, node); !back) return back.error();
  if (node.silent_since != 0) {
    const std::string id = "returned-" + batch.header.node_id + "-" + std::to_string(node.silent_since);
    const auto appended =
        append_own(node, "silence", id,
                   silence_body(batch.header.node_id, batch.header.node, "returned", node.last_seen, batch.received_at),
                   batch.received_at);
    if (!appended) return appended.error();
    node.silent_since = 0;
  }
  wire::Ack ack;
  ack.items.reserve(batch.records.size());
  Conflicts conflicts;
  for (const PreparedRecord& item : batch.records) {
    auto outcome = ingest_record(batch, item, node, conflicts);
    if (!outcome) return outcome.error();
    ack.items.push_back(std::move(*outcome));
  }
  const auto reported = report_conflicts(batch, node, conflicts);
  if (!reported) return reported.error();
  // Of a batch, everything up to its end is durable, whatever was held before; a heartbeat asks what is.
  ack.accepted_through = batch.records.empty() ? node.accepted_through : batch.records.back().record.sequence;
  node.last_seen = batch.received_at;  // to show; a clock that was set back is followed
  const auto saved = save_node(batch, node);
  if (!saved) return saved.error();
  return ack;
}

Result<wire::AckItem> LedgerWriter::ingest_record(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                                  Conflicts& conflicts) {
  const std::uint64_t sequence = item.record.sequence;
  if (!item.refused.empty()) return set_aside(batch, item, node, item.refused, conflicts);
  const auto appended = append(node, item, batch.received_at);
  if (!appended) return appended.error();
  switch (*appended) {
    case Appended::stored:
      break;
    case Appended::repeated:
      ++counts_.duplicates;
      node.accepted_through = std::max(node.accepted_through, sequence);
      return wire::AckItem{sequence, "duplicate", ""};
    case Appended::conflicting:
      return set_aside(batch, item, node, "id " + item.record.id + " was stored before with another body", conflicts);
  }
  const std::uint64_t seq = counts_.last_seq;
  ++counts_.stored;
  const auto advanced = advance(batch, node, sequence);
  if (!advanced) return advanced.error();
  if (item.columns.has_drift) {
    const auto saved = save_drift(node, item, seq);
    if (!saved) return saved.error();
  }
  return wire::AckItem{sequence, "stored", ""};
}

Result<wire::AckItem> LedgerWriter::set_aside(const PreparedBatch& batch, const PreparedRecord& item, Node& node,
                                              const std::string& why, Conflicts& conflicts) {
  const std::uint64_t sequence = item.record.sequence;
  DeadLetter letter;
  letter.origin = "ingest";
  letter.node_id = batch.header.node_id;
  letter.sequence = sequence;
  letter.record_id = item.record.id;
  letter.why = why;
  letter.at = batch.received_at;
  letter.body = item.record.body;
  const auto added = add_dead_letter(letter, item.digest);
  if (!added) return added.error();
  if (!*added) return wire::AckItem{sequence, "rejected", why};
  ++counts_.rejected;
  if (item.refused.empty()) {
    // It says nothing about the node's sequence: who sent which of the two is not known.
    ++counts_.conflicts;
    if (conflicts.records++ == 0) conflicts = {1, sequence, item.record.id, **added};
  } else {
    const auto advanced = advance(batch, node, sequence);  // a refused body leaves no hole
    if (!advanced) return advanced.error();
  }
  return wire::AckItem{sequence, "rejected", why};
}

/// Two senders say that they are this node, or one lost its state: sinks hear of it, once a batch.
Result<void> LedgerWriter::report_conflicts(const PreparedBatch& batch, Node& node, const Conflicts& conflicts) {
  if (conflicts.records == 0) return {};
  wire::JsonObject conflict;
  conflict.text("node_id", batch.header.node_id).text("node", batch.header.node);
  conflict.number("records", conflicts.records).text("record_id", conflicts.record_id);
  conflict.number("sequence", conflicts.sequence).number("dead_letter", conflicts.letter);
  conflict.text("at", rfc3339(batch.received_at)).flag("again", node.conflict_since != 0);
  if (node.conflict_since == 0) node.conflict_since = batch.received_at;
  return append_own(node, "conflict", "conflict-" + batch.header.node_id + "-" + std::to_string(conflicts.letter),
                    wire::JsonObject().raw("conflict", conflict.str()).str(), batch.received_at);
}

// A new record: does it follow on what this node sent before?
Result<void> LedgerWriter::advance(const PreparedBatch& batch, Node& node, std::uint64_t sequence) {
  if (node.first_sequence == 0) {
    node.first_sequence = sequence;
    node.accepted_through = sequence;
    return {};
  }
  if (sequence <= node.accepted_through) {
    // Never seen, yet numbered as if it had been: the node's spool began anew.
    ++node.epoch;
    ++counts_.sequence_resets;
    node.accepted_through = sequence;
    return {};
  }
  const std::uint64_t from = node.accepted_through + 1;
  node.accepted_through = sequence;
  if (sequence == from) return {};
  ++node.sequence_gaps;
  ++counts_.sequence_gaps;
  node.missing += sequence - from;
  wire::JsonObject gap;
  gap.text("node_id", batch.header.node_id).text("node", batch.header.node);
  gap.number("from_sequence", from).number("until_sequence", sequence - 1).number("missing", sequence - from);
  gap.text("at", rfc3339(batch.received_at)).flag("again", node.gap_since != 0);
  if (node.gap_since == 0) node.gap_since = batch.received_at;
  return append_own(
      node, "sequence_gap",
      "sequence-gap-" + batch.header.node_id + "-" + std::to_string(node.epoch) + "-" + std::to_string(from),
      wire::JsonObject().raw("sequence_gap", gap.str()).str(), batch.received_at);
}

Result<void> LedgerWriter::append_own(const Node& node, const std::string& type, const std::string& id,
                                      std::string body, WallNs now) {
  PreparedRecord item;
  item.record = {0, type, id, now, std::move(body)};
  item.columns.at = now;
  const auto appended = append(node, item, now);
  if (!appended) return appended.error();
  return {};
}

Result<void> LedgerWriter::expect(const std::vector<const PreparedBatch*>&) {
  return {};
}

Result<std::size_t> LedgerWriter::report_silence(std::int64_t heard_before, std::chrono::nanoseconds after,
                                                 WallNs now) {
  const auto silent = find_silent(heard_before, after);
  if (!silent) return silent.error();
  for (const SilentNode& one : *silent) {
    PreparedBatch batch;
    batch.header.node_id = one.node_id;
    auto node = node_of(batch);
    if (!node) return node.error();
    const auto appended = append_own(**node, "silence", "silence-" + one.node_id + "-" + std::to_string(one.last_seen),
                                     silence_body(one.node_id, one.node, "silent", one.last_seen, now), now);
    if (!appended) return appended.error();
    const auto set = set_silent(one.node_id, **node, one.last_seen);
    if (!set) return set.error();
    (*node)->silent_since = one.last_seen;
  }
  return silent->size();
}

WriteCounts LedgerWriter::take_counts() {
  kept_.clear();  // asked for when a transaction is over
  return std::exchange(counts_, {});
}

}  // namespace plumbline::collector
