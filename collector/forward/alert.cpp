#include "collector/forward/alert.hpp"

#include <algorithm>

#include "include/wire/json_tree.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_title_bytes = 500;

std::string printable(const std::string& bytes) {
  std::string text = wire::escape_bytes(bytes);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

std::string who(const wire::Actor& actor) {
  if (!actor.process) return "";
  const auto& process = *actor.process;
  std::string text = " by " + (process.exe.empty() ? process.comm : process.exe);
  const std::string& user = process.login_user.empty() ? process.user : process.login_user;
  if (!user.empty()) text += " (" + user + ")";
  if (actor.container) text += " in " + (actor.container->pod.empty() ? actor.container->name : actor.container->pod);
  return text;
}

template <class Judged>
void take_judgement(Judged&& from, Alert& into) {
  into.judged = true;
  into.severity = from.severity;
  into.verdict = wire::text_of(from.verdict);
  into.comparison = wire::text_of(from.comparison);
  into.resource = std::move(from.resource);
  into.kind = std::move(from.kind);
  into.diff = std::move(from.diff);
  into.where = std::move(from.where);
  into.actor = std::move(from.actor);
  into.call = std::move(from.call);
  into.evidence = std::move(from.evidence);
  into.missing_evidence = std::move(from.missing_evidence);
}

void take_drift(wire::Drift&& drift, const LedgerRecord& record, Alert& alert) {
  alert.type = "drift";
  alert.uid = record.node_id + "/" + drift.id;
  alert.state = wire::text_of(drift.state);
  alert.at = drift.updated_at != 0 ? drift.updated_at : record.at;
  alert.first_seen = drift.opened_at;
  alert.count = std::max<std::uint64_t>(drift.count, 1);
  alert.closed_by = drift.closed_by;
  alert.drift_baseline = drift.baseline;
  if (!alert.baseline && !drift.baseline.empty()) alert.baseline = wire::BaselineRef{drift.baseline, {}};
  const bool closed = drift.state == wire::DriftState::resolved || drift.state == wire::DriftState::accepted ||
                      drift.state == wire::DriftState::forgotten;
  // The first finding opens it; a record without a finding only ever changes what is there.
  alert.phase = closed                                                                       ? Phase::closed
                : record.type == "finding" && drift.findings.size() <= 1 && drift.count <= 1 ? Phase::opened
                                                                                             : Phase::updated;
  take_judgement(std::move(drift), alert);
}

/// A silence of alerts that somebody made, or its end. `said`: a text of the record's body.
template <class Said>
void name_silence(const Said& said, Alert& alert) {
  constexpr const char* part = "alert_silence";
  const auto or_any = [&](const char* key) {
    const std::string text = said(part, key);
    return text.empty() ? std::string("any") : text;
  };
  const std::string what = or_any("resource") + " on " + or_any("node");
  if (alert.phase == Phase::opened)
    alert.title = "Alerts silenced until " + said(part, "until") + ": " + what + " by " + said(part, "created_by") +
                  ": " + said(part, "reason");
  else
    alert.title = "Alerts no longer silenced (" + said(part, "ended_by") + "): " + what;
}

/// What a node is said to be, of which nothing but a person's word is the end: records that are missing do not come any
/// more, and who of two senders was the node, nobody here knows.
template <class Said>
void take_condition(const Said& said, const char* part, const LedgerRecord& record, Alert& alert) {
  alert.uid = record.node_id + "/" + part;
  alert.severity = wire::Severity::high;
  const std::string state = said(part, "state");
  if (state.empty()) {
    alert.phase = record.body.find(R"("again":true)") == std::string::npos ? Phase::opened : Phase::updated;
    return;
  }
  alert.phase = Phase::closed;
  alert.closed_by = state + " by " + said(part, "by") + ": " + said(part, "reason");
  alert.title =
      (record.type == "conflict" ? "Conflict of " : "Missing records of ") + record.node + " " + alert.closed_by;
}

/// The collector's own records and gaps: what they mean for what people know of the node.
void name_other(const LedgerRecord& record, const wire::Json& body, Alert& alert) {
  const auto said = [&](const char* part, const char* key) {
    const auto* at = body.is_object() && body.contains(part) ? &body[part] : nullptr;
    return at != nullptr && at->is_object() && at->contains(key) && (*at)[key].is_string()
               ? (*at)[key].template get<std::string>()
               : std::string();
  };
  const auto number_of = [&](const char* part, const char* key) {
    const auto* at = body.is_object() && body.contains(part) ? &body[part] : nullptr;
    return at != nullptr && at->is_object() && at->contains(key) ? (*at)[key].dump() : std::string();
  };
  if (record.type == "silence") {
    const std::string state = said("silence", "state");
    alert.uid = record.node_id + "/silence";
    alert.phase = state == "silent" ? Phase::opened : Phase::closed;
    alert.severity = wire::Severity::high;
    alert.title = "Agent of " + record.node +
                  (state == "silent"      ? " is silent: what changes there goes unseen until it is back"
                   : state == "forgotten" ? " is no longer waited for: the node was forgotten"
                                          : " is heard again");
  } else if (record.type == "gap") {
    alert.severity = wire::Severity::low;
    alert.title =
        "Gap in what was seen on " + record.node + ": " + said("gap", "reason") + " (" + said("gap", "scope") + ")";
  } else if (record.type == "sequence_gap") {
    take_condition(said, "sequence_gap", record, alert);
    if (alert.phase != Phase::closed)
      alert.title = "Records of " + record.node + " are missing: its sequence has a hole";
  } else if (record.type == "conflict") {
    take_condition(said, "conflict", record, alert);
    if (alert.phase != Phase::closed)
      alert.title = "Two senders say that they are " + record.node + ", or its agent lost its state";
  } else if (record.type == "node") {
    const bool forgotten = said("node", "state") == "forgotten";
    alert.phase = Phase::closed;
    alert.closed_by = said("node", "by");
    alert.title = "Node " + record.node +
                  (forgotten ? " was forgotten by " + alert.closed_by + ": " + said("node", "reason")
                             : " was forgotten, and reports again");
  } else if (record.type == "alert_silence") {
    alert.phase = said("alert_silence", "state") == "created" ? Phase::opened : Phase::closed;
    alert.uid = record.node_id + "/silence-" + number_of("alert_silence", "id");
    name_silence(said, alert);
  } else {
    alert.severity = wire::severity_of(record.severity).value_or(wire::Severity::medium);
    alert.verdict = record.verdict;
    alert.comparison = record.comparison;
    alert.resource = record.resource;
    alert.state = record.drift_state;
    if (!record.drift_id.empty()) {
      alert.type = "drift";
      alert.uid = record.node_id + "/" + record.drift_id;
      const bool closed = alert.state == "resolved" || alert.state == "accepted" || alert.state == "forgotten";
      alert.phase = closed ? Phase::closed : Phase::updated;
    }
    alert.title = record.type + " of " + record.resource + " on " + record.node;
  }
}

}  // namespace

Alert alert_of(const LedgerRecord& record) {
  Alert alert;
  alert.record_uid = alert.uid = record.node_id + "/" + record.id;
  alert.type = record.type;
  alert.at = alert.first_seen = record.at;
  const auto body = wire::read_tree(record.body).value_or(nullptr);
  if (body.is_object() && body.contains("finding")) {
    if (auto finding = wire::finding_from_json(body["finding"])) {
      alert.at = alert.first_seen = finding->at;
      alert.rule = finding->rule;
      alert.baseline = finding->baseline;
      take_judgement(std::move(*finding), alert);
    }
  }
  if (body.is_object() && body.contains("drift") && body["drift"].is_object())
    if (auto drift = wire::drift_from_json(body["drift"])) take_drift(std::move(*drift), record, alert);
  if (alert.judged) {
    alert.title = title_of(alert, record.node);
    return alert;
  }
  name_other(record, body, alert);
  alert.title = cut_text(printable(alert.title), max_title_bytes);
  return alert;
}

std::string title_of(const Alert& alert, const std::string& where) {
  std::string differs;
  for (const auto& diff : alert.diff) differs += (differs.empty() ? ": " : ", ") + diff.attribute;
  const std::string what = alert.type == "drift" ? "Drift " + alert.state : "Change (" + alert.comparison + ")";
  return cut_text(printable(what + ": " + alert.resource + " on " + where + differs + who(alert.actor)),
                  max_title_bytes);
}

std::string name_of_path(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& word : argv) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`|&;<>()*?[]#~!{}") == std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::string cut_text(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max) + "…";
}

}  // namespace plumbline::collector
