// What a person says of a node, as LedgerWriter writes it: that he has looked, or that it is gone for good; and its
// return.
#include <array>

#include "collector/store/ledger_writer.hpp"
#include "include/wire/json.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

/// Drifts that one transaction turns: each is a row with a body of some KB, and batches wait for it.
constexpr std::size_t piece = 500;

/// {"<part>": {"node_id", "node", "state", "by", "reason", "at"}}
wire::JsonObject word_json(const std::string& name, const char* state, const NodeWord& word) {
  wire::JsonObject json;
  json.text("node_id", word.node_id).text("node", name).text("state", state);
  json.bytes_if("by", word.by).bytes_if("reason", word.reason);
  json.text("at", rfc3339(word.at));
  return json;
}

/// The drift of a row's body in another state; "" where the body has none.
std::string drift_body(const std::string& body, bool forget, const NodeWord& word) {
  auto json = wire::Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("drift") || !json["drift"].is_object()) return "";
  wire::Json drift = std::move(json["drift"]);
  if (forget) {
    drift["was"] = drift["state"];
    drift["state"] = "forgotten";
    drift["closed_at"] = rfc3339(word.at);
    drift["closed_by"] = "its node was forgotten by " + word.by + ": " + word.reason;
  } else {
    const auto was = drift.find("was");
    drift["state"] = was == drift.end() ? wire::Json("open") : wire::Json(*was);
    drift.erase("was");
    drift.erase("closed_at");
    drift["closed_by"] = "";
  }
  drift["updated_at"] = rfc3339(word.at);
  return wire::Json{{"drift", std::move(drift)}}.dump(-1, ' ', false, wire::Json::error_handler_t::replace);
}

}  // namespace

Result<std::optional<std::size_t>> LedgerWriter::acknowledge_node(const NodeWord& word) {
  const auto name = find_node_name(word.node_id);
  if (!name) return name.error();
  if (!*name) return std::optional<std::size_t>();
  PreparedBatch batch;
  batch.header.node_id = word.node_id;
  auto node = node_of(batch);
  if (!node) return node.error();
  const auto ended = end_conditions(**node, **name, "acknowledged", word);
  if (!ended) return ended.error();
  if (const auto saved = save_standing(**node, 0); !saved) return saved.error();
  return std::optional(*ended);
}

Result<std::optional<std::size_t>> LedgerWriter::forget_node(const NodeWord& word) {
  const auto name = find_node_name(word.node_id);
  if (!name) return name.error();
  if (!*name) return std::optional<std::size_t>();
  PreparedBatch batch;
  batch.header.node_id = word.node_id;
  auto found = node_of(batch);
  if (!found) return found.error();
  Node& node = **found;
  ++node.epoch;  // its drifts' rows are newer than any of its own
  const auto drifts = count_drifts(node, false);
  if (!drifts) return drifts.error();
  if (const auto begun = begin_turning(node, true, word); !begun) return begun.error();
  if (const auto ended = end_conditions(node, **name, "forgotten", word); !ended) return ended.error();
  if (node.silent_since != 0) {
    const std::string id = "forgotten-" + word.node_id + "-" + std::to_string(node.silent_since);
    const std::string body = wire::JsonObject().raw("silence", word_json(**name, "forgotten", word).str()).str();
    if (const auto told = append_own(node, "silence", id, body, word.at); !told) return told.error();
  }
  if (const auto told = tell_of_node(node, **name, "forgotten", word, *drifts); !told) return told.error();
  node.silent_since = 0;
  node.sequence_gaps = node.missing = 0;
  node.forgotten_at = word.at;
  if (const auto saved = save_standing(node, 0); !saved) return saved.error();
  return std::optional(*drifts);
}

/// It reports, so it is not gone. Its sequence goes on where it was: a hole meanwhile is told.
Result<void> LedgerWriter::welcome_back(const PreparedBatch& batch, Node& node) {
  const NodeWord word{batch.header.node_id, "", "", batch.received_at};
  ++node.epoch;
  const auto drifts = count_drifts(node, true);
  if (!drifts) return drifts.error();
  if (auto begun = begin_turning(node, false, word); !begun) return begun;
  if (auto told = tell_of_node(node, batch.header.node, "returned", word, *drifts); !told) return told;
  node.forgotten_at = 0;
  return save_standing(node, batch.received_at);
}

Result<std::size_t> LedgerWriter::end_conditions(Node& node, const std::string& name, const char* state,
                                                 const NodeWord& word) {
  struct Condition {
    const char* type;
    const char* id;
    WallNs& since;
  };
  std::size_t ended = 0;
  for (const Condition& one :
       {Condition{"sequence_gap", "sequence-gap-", node.gap_since}, {"conflict", "conflict-", node.conflict_since}}) {
    if (one.since == 0) continue;
    const auto told =
        append_own(node, one.type, one.id + std::string(state) + "-" + word.node_id + "-" + std::to_string(one.since),
                   wire::JsonObject().raw(one.type, word_json(name, state, word).str()).str(), word.at);
    if (!told) return told.error();
    one.since = 0;
    ++ended;
  }
  return ended;
}

Result<void> LedgerWriter::tell_of_node(const Node& node, const std::string& name, const char* state,
                                        const NodeWord& word, std::size_t drifts) {
  auto json = word_json(name, state, word);
  json.number("drifts", drifts);
  return append_own(node, "node", "node-" + std::string(state) + "-" + word.node_id + "-" + std::to_string(node.epoch),
                    wire::JsonObject().raw("node", json.str()).str(), word.at);
}

/// The first piece; what is left is noted, and settle_drifts() goes on.
Result<void> LedgerWriter::begin_turning(Node& node, bool forget, const NodeWord& word) {
  const auto turned = turn_drifts(node, forget, word);
  if (!turned) return turned.error();
  return *turned < piece ? set_unsettled(node, {}) : set_unsettled(node, word);
}

Result<std::size_t> LedgerWriter::settle_drifts() {
  const auto found = find_unsettled();
  if (!found) return found.error();
  if (!*found) return std::size_t{0};
  PreparedBatch batch;
  batch.header.node_id = (*found)->node_id;
  auto node = node_of(batch);
  if (!node) return node.error();
  const auto turned = turn_drifts(**node, (*node)->forgotten_at != 0, **found);
  if (!turned) return turned.error();
  if (*turned < piece)
    if (const auto settled = set_unsettled(**node, {}); !settled) return settled.error();
  return *turned;
}

/// A piece of its drifts becomes `forgotten`, or what each was before; returns how many. One whose record nobody can
/// read has its state alone, without a row that tells of it, and is counted.
Result<std::size_t> LedgerWriter::turn_drifts(Node& node, bool forget, const NodeWord& word) {
  const auto rows = find_drifts(node, !forget, piece);
  if (!rows) return rows.error();
  wire::ColumnReader reader;
  for (const DriftRow& row : *rows) {
    PreparedRecord item;
    item.record = {0, "drift", row.id + "@0", word.at, drift_body(row.body, forget, word)};
    bool is_told = false;
    if (auto columns = reader.read(item.record)) {
      item.columns = std::move(*columns);
      item.record.id = (forget ? "forgotten-" : "returned-") + row.id + "-" + std::to_string(row.seq);
      const PreparedRecord& kept = kept_.emplace_back(std::move(item));
      const auto appended = append(node, kept, word.at);
      if (!appended) return appended.error();
      is_told = *appended == Appended::stored;
      if (is_told)
        if (const auto saved = save_drift(node, kept, counts_.last_seq); !saved) return saved.error();
    }
    if (is_told) continue;
    ++counts_.drifts_unreadable;
    if (const auto set = set_drift_state(node, row.id, forget ? "forgotten" : "open"); !set) return set.error();
  }
  return rows->size();
}

}  // namespace plumbline::collector
