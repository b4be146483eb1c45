// JSON of the wire units, in the shape of DESIGN section 6. Writing: absent where unknown, never invented. Reading is
// tolerant of unknown keys (a newer peer) and strict about types.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "include/util/result.hpp"
#include "include/wire/finding.hpp"
#include "include/wire/text.hpp"

namespace plumbline::wire {

using Json = nlohmann::json;

/// Text that may hold any bytes (paths, argv) as a JSON string: bytes that are not UTF-8 become U+FFFD only in the
/// rendered text; see text.hpp for the lossless "\xNN" form used here instead.
inline Json json_text(const std::string& bytes) {
  return escape_bytes(bytes);
}

inline Json json_texts(const std::vector<std::string>& items) {
  Json j = Json::array();
  for (const auto& item : items) j.push_back(json_text(item));
  return j;
}

inline Json to_json_value(const Process& p) {
  Json j = {{"pid", p.pid}};
  if (p.start_time != 0) j["start_time"] = rfc3339(p.start_time);
  if (!p.exe.empty()) j["exe"] = json_text(p.exe);
  if (!p.exe_sha256.empty()) j["exe_sha256"] = p.exe_sha256;
  if (!p.comm.empty()) j["comm"] = json_text(p.comm);
  if (!p.argv.empty()) j["argv"] = json_texts(p.argv);
  if (p.argv_truncated) j["argv_truncated"] = true;
  if (p.uid) j["uid"] = *p.uid;
  if (!p.user.empty()) j["user"] = json_text(p.user);
  if (p.login_uid) j["login_uid"] = *p.login_uid;
  if (!p.login_user.empty()) j["login_user"] = json_text(p.login_user);
  if (!p.tty.empty()) j["tty"] = json_text(p.tty);
  return j;
}

inline Json to_json_value(const Container& c) {
  Json j = {{"id", json_text(c.id)}};
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) j[key] = json_text(value);
  };
  put("runtime", c.runtime);
  put("name", c.name);
  put("image", c.image);
  put("image_digest", c.image_digest);
  put("pod", c.pod);
  put("namespace", c.pod_namespace);
  put("service_account", c.service_account);
  return j;
}

inline Json to_json_value(const Actor& a) {
  Json j = {{"resolved", a.resolved}};
  j["process"] = a.process ? to_json_value(*a.process) : Json(nullptr);
  Json lineage = Json::array();
  for (const auto& p : a.lineage) lineage.push_back(to_json_value(p));
  j["lineage"] = std::move(lineage);
  j["lineage_complete"] = a.lineage_complete;
  if (a.container) j["container"] = to_json_value(*a.container);
  if (!a.unknown_reason.empty()) j["unknown_reason"] = json_text(a.unknown_reason);
  return j;
}

inline Json to_json_value(const AttributeDiff& d) {
  Json j = {{"attribute", d.attribute}, {"expected", json_text(d.expected)}, {"live", json_text(d.live)}};
  if (d.sensitive) j["sensitive"] = true;
  return j;
}

inline Json to_json_value(const Evidence& e) {
  return {{"kind", e.kind}, {"says", json_text(e.says)}};
}

inline Json to_json_value(const Where& w) {
  return {{"node", w.node}, {"path", json_text(w.path)}, {"aliases", json_texts(w.aliases)}};
}

inline Json to_json_value(const BaselineRef& b) {
  Json revision = Json::object();
  for (const auto& [key, value] : b.revision) revision[key] = json_text(value);
  return {{"name", b.name}, {"revision", std::move(revision)}};
}

template <class T>
Json to_json_array(const std::vector<T>& items) {
  Json j = Json::array();
  for (const auto& item : items) j.push_back(to_json_value(item));
  return j;
}

inline Json to_json_value(const Finding& f) {
  Json j = {{"id", f.id},
            {"resource", json_text(f.resource)},
            {"kind", f.kind},
            {"at", rfc3339(f.at)},
            {"observed_at", rfc3339(f.observed_at)},
            {"source", f.source},
            {"verdict", text_of(f.verdict)},
            {"rule", f.rule},
            {"comparison", text_of(f.comparison)},
            {"severity", text_of(f.severity)},
            {"diff", to_json_array(f.diff)},
            {"where", to_json_value(f.where)},
            {"actor", to_json_value(f.actor)},
            {"changes", f.changes},
            {"evidence", to_json_array(f.evidence)},
            {"missing_evidence", json_texts(f.missing_evidence)}};
  if (f.first_actor) j["first_actor"] = to_json_value(*f.first_actor);
  if (f.baseline) j["baseline"] = to_json_value(*f.baseline);
  j["drift_id"] = f.drift_id.empty() ? Json(nullptr) : Json(f.drift_id);
  return j;
}

inline Json to_json_value(const Drift& d) {
  Json j = {{"id", d.id},
            {"resource", json_text(d.resource)},
            {"kind", d.kind},
            {"state", text_of(d.state)},
            {"opened_at", rfc3339(d.opened_at)},
            {"updated_at", rfc3339(d.updated_at)},
            {"count", d.count},
            {"verdict", text_of(d.verdict)},
            {"comparison", text_of(d.comparison)},
            {"severity", text_of(d.severity)},
            {"diff", to_json_array(d.diff)},
            {"where", to_json_value(d.where)},
            {"actor", to_json_value(d.actor)},
            {"evidence", to_json_array(d.evidence)},
            {"missing_evidence", json_texts(d.missing_evidence)},
            {"findings", d.findings}};
  if (d.closed_at) j["closed_at"] = rfc3339(*d.closed_at);
  if (!d.closed_by.empty()) j["closed_by"] = json_text(d.closed_by);
  return j;
}

inline Json to_json_value(const Gap& g) {
  return {{"id", g.id},
          {"reason", g.reason},
          {"scope", json_text(g.scope)},
          {"from", rfc3339(g.from)},
          {"until", rfc3339(g.until)},
          {"checked", g.checked},
          {"changed", g.changed},
          {"detail", json_text(g.detail)}};
}

inline Json to_json_value(const ResourceStatus& r) {
  Json j = {{"resource", json_text(r.resource)},
            {"kind", r.kind},
            {"path", json_text(r.path)},
            {"baseline", to_json_value(r.baseline)},
            {"comparison", text_of(r.comparison)},
            {"diff", to_json_array(r.diff)},
            {"watched", r.watched}};
  Json expected = Json::object();
  for (const auto& [key, value] : r.expected) expected[key] = json_text(value);
  Json live = Json::object();
  for (const auto& [key, value] : r.live) live[key] = json_text(value);
  j["expected"] = std::move(expected);
  j["live"] = std::move(live);
  if (r.last_checked != 0) j["last_checked"] = rfc3339(r.last_checked);
  if (!r.unwatched_reason.empty()) j["unwatched_reason"] = json_text(r.unwatched_reason);
  j["drift_id"] = r.drift_id.empty() ? Json(nullptr) : Json(r.drift_id);
  return j;
}

inline Json to_json_value(const BlindSpot& b) {
  Json j = {
      {"id", b.id}, {"scope", json_text(b.scope)}, {"says", json_text(b.says)}, {"because", json_text(b.because)}};
  if (!b.remedy.empty()) j["remedy"] = json_text(b.remedy);
  return j;
}

/// Drift back from its own JSON (agent state snapshot, spool replay, CLI). Errors name the key.
Result<Drift> drift_from_json(const Json& j);
Result<Finding> finding_from_json(const Json& j);

}  // namespace plumbline::wire

#include "include/wire/json_read.hpp"
