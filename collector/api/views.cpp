#include "collector/api/views.hpp"

#include <algorithm>

#include "include/wire/json_write.hpp"
#include "include/wire/record_columns.hpp"

namespace plumbline::collector {
namespace {

using wire::JsonObject;

void time_or_null(JsonObject& json, std::string_view key, WallNs at) {
  if (at == 0)
    json.null(key);
  else
    json.text(key, rfc3339(at));
}

double seconds_between(WallNs from, WallNs until) {
  return from == 0 ? 0 : static_cast<double>(std::max<WallNs>(until - from, 0)) / 1e9;
}

}  // namespace

std::string drift_json(const DriftRow& row) {
  return wire::body_part(row.body, "drift").value_or("null");
}

std::string finding_json(const LedgerRecord& record) {
  return wire::body_part(record.body, "finding").value_or("null");
}

std::string resource_json(const DriftRow& row) {
  JsonObject json;
  json.text("resource", row.resource).text("node", row.node).text("node_id", row.node_id);
  json.text("comparison", row.state == "open" || row.state == "contested" ? "mismatch" : row.comparison);
  json.text("drift_id", row.id).text("drift_state", row.state).text("last_changed", rfc3339(row.updated_at));
  return json.str();
}

std::string node_json(const NodeRow& node, WallNs now) {
  JsonObject json;
  json.text("node_id", node.node_id).text("node", node.node).raw("labels", node.labels_json);
  json.text("state", node.silent_since == 0 ? "heard" : "silent");
  json.text("agent_version", node.agent_version).text("boot_id", node.boot_id);
  time_or_null(json, "first_seen", node.first_seen);
  time_or_null(json, "last_seen", node.last_seen);
  json.number("last_seen_seconds_ago", seconds_between(node.last_seen, now));
  time_or_null(json, "silent_since", node.silent_since);
  time_or_null(json, "gap_since", node.gap_since);
  time_or_null(json, "conflict_since", node.conflict_since);
  json.number("first_sequence", node.first_sequence).number("accepted_through", node.accepted_through);
  json.number("oldest_unsent", node.oldest_unsent).number("epoch", node.epoch);
  json.number("sequence_gaps", node.sequence_gaps).number("missing_records", node.missing);
  json.number("open_drifts", node.open_drifts).raw("health", node.health_json);
  return json.str();
}

std::string sink_json(const SinkStatus& status, std::uint64_t stored_dead_letters, WallNs now) {
  JsonObject json;
  json.text("name", status.name).text("kind", status.kind).text("state", status.state).text("breaker", status.breaker);
  json.number("cursor", status.cursor).number("lag_records", status.lag_records);
  json.number("lag_seconds", seconds_between(status.oldest_undelivered_at, now));
  json.number("failures_in_a_row", status.failures);
  if (status.last_error.empty())
    json.null("last_error");
  else
    json.text("last_error", status.last_error);
  time_or_null(json, "last_delivered_at", status.last_delivered_at);
  time_or_null(json, "next_try_at", status.next_try_at);
  json.number("delivered", status.delivered).number("filtered", status.filtered);
  json.number("silenced", status.silenced);
  json.number("retries", status.retries).number("replayed", status.replayed);
  json.number("dead_letters", stored_dead_letters);
  return json.str();
}

std::string shelf_json(const ShelfRow& row) {
  JsonObject json;
  json.text("name", row.name).text("kind", row.kind).bytes("path", row.path);
  std::vector<std::string> nodes;
  for (const auto& node : row.nodes) wire::append_json_string(nodes.emplace_back(), node);
  json.raw("nodes", wire::json_array(nodes));
  if (!row.sha256.empty()) {
    JsonObject revision;
    for (const auto& [name, value] : row.revision) revision.text(name, value);
    json.raw("revision", revision.str()).number("resources", row.resources).number("files", row.files);
    json.raw("index", JsonObject().text("sha256", row.sha256).number("bytes", row.bytes).str());
    json.text("loaded_at", rfc3339(row.loaded_at));
  }
  if (!row.error.empty()) json.text("error", row.error);
  return json.str();
}

std::string dead_letter_json(const DeadLetter& letter) {
  JsonObject json;
  json.number("id", letter.id).text("origin", letter.origin).text("record_id", letter.record_id);
  if (letter.seq == 0)
    json.null("ledger_seq");
  else
    json.number("ledger_seq", letter.seq);
  json.text("node_id", letter.node_id).number("sequence", letter.sequence).text("why", letter.why);
  json.text("at", rfc3339(letter.at)).flag("replaying", letter.replaying);
  // As text: a body is refused because it is not what it says, so it need not be JSON of any use.
  if (!letter.body.empty()) json.text("body", letter.body);
  return json.str();
}

std::vector<ViewEvent> events_of(const LedgerRecord& record) {
  std::vector<ViewEvent> events;
  if (record.type == "finding" || record.type == "drift") {
    for (const char* key : {"finding", "drift"})
      if (auto part = wire::body_part(record.body, key)) events.push_back({key, std::move(*part)});
    return events;
  }
  // A gap's own object does not say of which node it is.
  events.push_back({record.type, JsonObject()
                                     .text("id", record.id)
                                     .text("node_id", record.node_id)
                                     .text("node", record.node)
                                     .raw(record.type, wire::body_part(record.body, record.type).value_or("null"))
                                     .str()});
  return events;
}

}  // namespace plumbline::collector
