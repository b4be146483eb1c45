#include "collector/forward/silence_set.hpp"

#include <algorithm>

#include "collector/forward/alert.hpp"
#include "include/util/glob.hpp"
#include "include/wire/text.hpp"

namespace plumbline::collector {
namespace {

bool fits(const std::string& pattern, std::string_view text) {
  return pattern.empty() || text_glob_matches(pattern, text);
}

/// By what stands in the ledger's columns; the rest is in the body.
bool may_hold(const AlertSilence& silence, std::uint64_t seq, std::string_view resource, std::string_view node_id,
              std::string_view node) {
  return silence.begin_seq < seq && (silence.end_seq == 0 || seq < silence.end_seq) &&
         fits(silence.resource, resource) && (fits(silence.node, node) || fits(silence.node, node_id));
}

bool is_within(const AlertSilence& silence, std::optional<wire::Severity> severity) {
  if (silence.max_severity.empty()) return true;
  const auto most = wire::severity_of(silence.max_severity);
  return most && severity && *severity <= *most;
}

}  // namespace

bool SilenceSet::holds(const SilencedFacts& facts) const {
  return std::any_of(silences_.begin(), silences_.end(), [&](const AlertSilence& silence) {
    return may_hold(silence, facts.seq, facts.resource, facts.node_id, facts.node) &&
           fits(silence.baseline, facts.baseline) && is_within(silence, facts.severity);
  });
}

bool SilenceSet::holds(const LedgerRecord& record) const {
  if (record.drift_state != "open" && record.drift_state != "contested") return false;
  const bool may = std::any_of(silences_.begin(), silences_.end(), [&](const AlertSilence& silence) {
    return may_hold(silence, record.seq, record.resource, record.node_id, record.node);
  });
  if (!may) return false;  // most are not, and reading a body costs
  const Alert alert = alert_of(record);
  return holds({record.seq, record.resource, record.node_id, record.node, alert.drift_baseline,
                alert.judged ? std::optional(alert.severity) : std::nullopt});
}

LedgerRecord record_of(const DriftRow& row) {
  LedgerRecord record;
  record.seq = row.seq;
  record.node_id = row.node_id;
  record.node = row.node;
  record.type = "finding";
  record.drift_id = record.id = row.id;
  record.drift_state = row.state;
  record.resource = row.resource;
  record.comparison = row.comparison;
  record.at = row.updated_at;
  record.body = row.body;
  return record;
}

}  // namespace plumbline::collector
