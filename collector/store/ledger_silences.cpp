// Silences of alerts, as LedgerWriter writes them: each is two rows of the ledger.
#include "collector/store/ledger_writer.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {

/// Appends the ledger row that tells of it; returns its position. Its id is the silence's and what became of it, so
/// that each is told once.
Result<std::uint64_t> LedgerWriter::tell_of_silence(const AlertSilence& silence, const char* state, WallNs now) {
  wire::JsonObject json;
  json.number("id", silence.id).text("state", state);
  json.bytes_if("resource", silence.resource).bytes_if("node", silence.node).bytes_if("baseline", silence.baseline);
  json.bytes_if("max_severity", silence.max_severity).text("until", rfc3339(silence.until));
  json.bytes("reason", silence.reason).bytes("created_by", silence.created_by).bytes_if("by", silence.by);
  json.text("created_at", rfc3339(silence.created_at)).bytes_if("ended_by", silence.ended_by);
  json.text("at", rfc3339(now));
  const Node of_no_node;
  const auto appended =
      append_own(of_no_node, "alert_silence", "alert-silence-" + std::to_string(silence.id) + "-" + state,
                 wire::JsonObject().raw("alert_silence", json.str()).str(), now);
  if (!appended) return appended.error();
  return counts_.last_seq;
}

Result<std::optional<AlertSilence>> LedgerWriter::add_silence(AlertSilence silence) {
  const auto active = count_active_silences();
  if (!active) return active.error();
  if (*active >= max_active_silences) return std::optional<AlertSilence>();
  const auto id = insert_silence(silence);
  if (!id) return id.error();
  silence.id = *id;
  const auto seq = tell_of_silence(silence, "created", silence.created_at);
  if (!seq) return seq.error();
  silence.begin_seq = *seq;
  const auto begun = set_silence_begin(silence.id, silence.begin_seq);
  if (!begun) return begun.error();
  return std::optional(std::move(silence));
}

Result<AlertSilence> LedgerWriter::end(AlertSilence silence, const std::string& by, WallNs now) {
  silence.ended_at = now;
  silence.ended_by = by;
  const auto seq = tell_of_silence(silence, by == silence_expired ? "expired" : "ended", now);
  if (!seq) return seq.error();
  silence.end_seq = *seq;
  const auto ended = set_silence_end(silence);
  if (!ended) return ended.error();
  return silence;
}

Result<std::optional<AlertSilence>> LedgerWriter::end_silence(std::uint64_t id, const std::string& by, WallNs now) {
  auto found = find_silence(id);
  if (!found) return found.error();
  if (found->empty()) return std::optional<AlertSilence>();
  if (found->front().end_seq != 0) return std::optional(std::move(found->front()));
  auto ended = end(std::move(found->front()), by, now);
  if (!ended) return ended.error();
  return std::optional(std::move(*ended));
}

Result<std::size_t> LedgerWriter::expire_silences(WallNs now) {
  auto due = find_due_silences(now);
  if (!due) return due.error();
  for (AlertSilence& silence : *due)
    if (const auto ended = end(std::move(silence), silence_expired, now); !ended) return ended.error();
  return due->size();
}

}  // namespace plumbline::collector
