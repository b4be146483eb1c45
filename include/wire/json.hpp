// JSON of the wire units, in the shape of DESIGN section 6. Writing: absent where unknown, never invented. Reading is
// tolerant of unknown keys (a newer peer) and strict about types.
#pragma once

#include <string>
#include <vector>

#include "include/util/clock.hpp"
#include "include/wire/finding.hpp"
#include "include/wire/json_write.hpp"
#include "include/wire/text.hpp"

namespace plumbline::wire {

/// A list of texts that may hold any bytes.
inline std::string to_json(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    append_json_bytes(out, item);
  }
  return out += ']';
}

template <class T>
std::string to_json(const std::vector<T>& items) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += to_json(item);
  }
  return out += ']';
}

template <class Map>
std::string to_json_map(const Map& entries) {
  JsonObject j;
  for (const auto& [key, value] : entries) j.bytes(key, value);
  return j.str();
}

inline std::string to_json(const Process& p) {
  JsonObject j;
  j.number("pid", p.pid);
  if (p.start_time != 0) j.text("start_time", rfc3339(p.start_time));
  j.bytes_if("exe", p.exe).bytes_if("exe_sha256", p.exe_sha256).bytes_if("comm", p.comm);
  if (!p.argv.empty()) j.raw("argv", to_json(p.argv));
  if (p.argv_truncated) j.flag("argv_truncated", true);
  if (p.uid) j.number("uid", *p.uid);
  j.bytes_if("user", p.user);
  if (p.login_uid) j.number("login_uid", *p.login_uid);
  return j.bytes_if("login_user", p.login_user).bytes_if("tty", p.tty).str();
}

inline std::string to_json(const EcsTask& e) {
  return JsonObject()
      .bytes_if("cluster", e.cluster)
      .bytes_if("service", e.service)
      .bytes("task", e.task)
      .bytes_if("family", e.family)
      .bytes_if("revision", e.revision)
      .bytes_if("container", e.container)
      .str();
}

inline std::string to_json(const Container& c) {
  JsonObject j;
  j.bytes("id", c.id)
      .bytes_if("runtime", c.runtime)
      .bytes_if("name", c.name)
      .bytes_if("image", c.image)
      .bytes_if("image_digest", c.image_digest)
      .bytes_if("pod", c.pod)
      .bytes_if("namespace", c.pod_namespace)
      .bytes_if("pod_uid", c.pod_uid)
      .bytes_if("service_account", c.service_account);
  if (c.ecs) j.raw("ecs", to_json(*c.ecs));
  return j.str();
}

inline std::string to_json(const Actor& a) {
  JsonObject j;
  j.flag("resolved", a.resolved).raw("process", a.process ? to_json(*a.process) : "null");
  j.raw("lineage", to_json(a.lineage)).flag("lineage_complete", a.lineage_complete);
  if (a.container) j.raw("container", to_json(*a.container));
  return j.bytes_if("unknown_reason", a.unknown_reason).str();
}

inline std::string to_json(const AttributeDiff& d) {
  JsonObject j;
  j.bytes("attribute", d.attribute).bytes("expected", d.expected).bytes("live", d.live);
  if (d.sensitive) j.flag("sensitive", true);
  return j.str();
}

inline std::string to_json(const Evidence& e) {
  return JsonObject().text("kind", e.kind).bytes("says", e.says).str();
}

inline std::string to_json(const Where& w) {
  JsonObject j;
  j.text("node", w.node).bytes("path", w.path).raw("aliases", to_json(w.aliases));
  if (w.container) j.raw("container", to_json(*w.container));
  return j.str();
}

inline std::string to_json(const BaselineRef& b) {
  return JsonObject().text("name", b.name).raw("revision", to_json_map(b.revision)).str();
}

inline std::string to_json(const Call& c) {
  JsonObject j;
  j.text("provider", c.provider).bytes_if("service", c.service).bytes_if("operation", c.operation);
  j.bytes_if("why_unknown", c.why_unknown).bytes_if("level", c.level).bytes_if("semantics", c.semantics);
  j.bytes_if("outcome", c.outcome).bytes_if("region", c.region).bytes_if("account", c.account);
  j.bytes_if("host", c.host)
      .bytes_if("host_by", c.host_by)
      .bytes_if("principal", c.principal)
      .bytes_if("principal_account", c.principal_account)
      .bytes_if("principal_arn", c.principal_arn);
  if (!c.principal_chain.empty()) j.raw("principal_chain", to_json(c.principal_chain));
  j.bytes_if("principal_proof", c.principal_proof);
  j.bytes_if("request_id", c.request_id).bytes_if("invocation", c.invocation);
  if (!c.ids.empty()) j.raw("ids", to_json(c.ids));
  if (!c.sets.empty()) j.raw("sets", to_json(c.sets));
  return j.number("tries", c.tries).str();
}

inline std::string to_json(const Finding& f) {
  JsonObject j;
  j.text("id", f.id).bytes("resource", f.resource).text("kind", f.kind);
  j.text("at", rfc3339(f.at)).text("observed_at", rfc3339(f.observed_at)).text("source", f.source);
  j.text("verdict", text_of(f.verdict)).text("rule", f.rule).text("comparison", text_of(f.comparison));
  j.text("severity", text_of(f.severity)).raw("diff", to_json(f.diff)).raw("where", to_json(f.where));
  j.raw("actor", to_json(f.actor)).number("changes", f.changes).raw("evidence", to_json(f.evidence));
  j.raw("missing_evidence", to_json(f.missing_evidence));
  if (f.first_actor) j.raw("first_actor", to_json(*f.first_actor));
  if (f.handovers > 0) j.number("handovers", f.handovers);
  if (f.baseline) j.raw("baseline", to_json(*f.baseline));
  if (f.call) j.raw("call", to_json(*f.call));
  return (f.drift_id.empty() ? j.null("drift_id") : j.text("drift_id", f.drift_id)).str();
}

inline std::string to_json(const Rollback& r) {
  JsonObject j;
  j.text("state", text_of(r.state)).text("mode", r.mode).bytes_if("rule", r.rule).bytes_if("by", r.by);
  return j.bytes_if("why", r.why).text("at", rfc3339(r.at)).flag("can_be_undone", r.can_be_undone).str();
}

inline std::string to_json(const Drift& d) {
  JsonObject j;
  j.text("id", d.id).bytes("resource", d.resource).text("kind", d.kind).text("state", text_of(d.state));
  j.bytes_if("baseline", d.baseline);
  j.text("opened_at", rfc3339(d.opened_at)).text("updated_at", rfc3339(d.updated_at)).number("count", d.count);
  j.text("verdict", text_of(d.verdict)).text("comparison", text_of(d.comparison));
  j.text("severity", text_of(d.severity)).raw("diff", to_json(d.diff)).raw("where", to_json(d.where));
  j.raw("actor", to_json(d.actor)).raw("evidence", to_json(d.evidence));
  j.raw("missing_evidence", to_json(d.missing_evidence)).raw("findings", to_json(d.findings));
  if (d.call) j.raw("call", to_json(*d.call));
  if (d.rollback) j.raw("rollback", to_json(*d.rollback));
  if (d.closed_at) j.text("closed_at", rfc3339(*d.closed_at));
  return j.bytes_if("closed_by", d.closed_by).str();
}

inline std::string to_json(const ResourceOwner& o) {
  JsonObject j;
  j.bytes("resource", o.resource)
      .bytes("type", o.type)
      .bytes("provider", o.provider)
      .raw("baseline", to_json(o.baseline));
  j.number("rank", o.rank).bytes("reason", o.reason).raw("ids", to_json(o.ids)).raw("files", to_json(o.files));
  return j.str();
}

inline std::string to_json(const Gap& g) {
  JsonObject j;
  j.text("id", g.id).text("reason", g.reason).bytes("scope", g.scope).text("from", rfc3339(g.from));
  j.text("until", rfc3339(g.until)).number("checked", g.checked).number("changed", g.changed);
  return j.bytes("detail", g.detail).str();
}

inline std::string to_json(const ResourceStatus& r) {
  JsonObject j;
  j.bytes("resource", r.resource).text("kind", r.kind).bytes("path", r.path).raw("baseline", to_json(r.baseline));
  if (r.container) j.raw("container", to_json(*r.container));
  j.text("comparison", text_of(r.comparison)).raw("diff", to_json(r.diff)).flag("watched", r.watched);
  j.raw("expected", to_json_map(r.expected)).raw("live", to_json_map(r.live));
  if (r.last_checked != 0) j.text("last_checked", rfc3339(r.last_checked));
  j.bytes_if("unwatched_reason", r.unwatched_reason);
  return (r.drift_id.empty() ? j.null("drift_id") : j.text("drift_id", r.drift_id)).str();
}

inline std::string to_json(const BlindSpot& b) {
  return JsonObject()
      .text("id", b.id)
      .bytes("scope", b.scope)
      .bytes("says", b.says)
      .bytes("because", b.because)
      .bytes_if("remedy", b.remedy)
      .str();
}

}  // namespace plumbline::wire

#include "include/wire/json_read.hpp"
