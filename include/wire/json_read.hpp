// Reading side of wire/json.hpp (included by it), and what else works on parsed JSON.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "include/util/result.hpp"
#include "include/wire/finding.hpp"
#include "include/wire/text.hpp"

namespace plumbline::wire {

namespace detail {

/// Reads keys of one object; the first wrong type is kept as the error, later reads do nothing.
class Reader {
 public:
  Reader(const nlohmann::json& j, std::string at) : json_(j), at_(std::move(at)) {
    if (!json_.is_object()) fail("", "not an object");
  }

  const nlohmann::json* find(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  void text(const char* key, std::string& out, bool bytes = true) {
    if (const auto* v = find(key)) {
      if (!v->is_string()) return fail(key, "not a string");
      out = bytes ? unescape_bytes(v->get_ref<const std::string&>()) : v->get<std::string>();
    }
  }
  template <class N>
  void number(const char* key, N& out) {
    if (const auto* v = find(key)) {
      if (!v->is_number_unsigned()) return fail(key, "not a whole number");
      const auto value = v->get<std::uint64_t>();
      constexpr std::uint64_t most = std::numeric_limits<N>::max();
      if (value > most) return fail(key, "larger than " + std::to_string(most));
      out = static_cast<N>(value);
    }
  }
  template <class N>
  void number(const char* key, std::optional<N>& out) {
    if (find(key)) {
      N value{};
      number(key, value);
      out = value;
    }
  }
  void flag(const char* key, bool& out) {
    if (const auto* v = find(key)) {
      if (!v->is_boolean()) return fail(key, "not true or false");
      out = v->get<bool>();
    }
  }
  void time(const char* key, WallNs& out) {
    if (const auto* v = find(key)) {
      const auto parsed = v->is_string() ? parse_rfc3339(v->get_ref<const std::string&>()) : std::nullopt;
      if (!parsed) return fail(key, "not an RFC 3339 time");
      out = *parsed;
    }
  }
  template <class E, class Parse>
  void word(const char* key, E& out, Parse parse) {
    if (const auto* v = find(key)) {
      const auto parsed = v->is_string() ? parse(v->get_ref<const std::string&>()) : std::nullopt;
      if (!parsed) return fail(key, "not a known word");
      out = *parsed;
    }
  }
  void texts(const char* key, std::vector<std::string>& out) {
    if (const auto* v = find(key)) {
      if (!v->is_array()) return fail(key, "not a list");
      for (const auto& item : *v) {
        if (!item.is_string()) return fail(key, "not a list of strings");
        out.push_back(unescape_bytes(item.get_ref<const std::string&>()));
      }
    }
  }
  template <class T, class Read>
  void list(const char* key, std::vector<T>& out, Read read) {
    if (const auto* v = find(key)) {
      if (!v->is_array()) return fail(key, "not a list");
      for (const auto& item : *v) {
        Reader inner(item, at_ + "/" + key);  // NOLINT(misc-const-correctness): read() keeps its error there
        out.push_back(read(inner));
        adopt(inner);
      }
    }
  }
  template <class T, class Read>
  void object(const char* key, std::optional<T>& out, Read read) {
    if (const auto* v = find(key)) {
      Reader inner(*v, at_ + "/" + key);  // NOLINT(misc-const-correctness): read() keeps its error there
      out = read(inner);
      adopt(inner);
    }
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void fail(const std::string& key, const std::string& why) {
    if (!error_) error_ = invalid("read JSON at " + at_ + (key.empty() ? "" : "/" + key), why);
  }
  void adopt(const Reader& inner) {
    if (!error_) error_ = inner.error_;
  }

  const nlohmann::json& json_;
  std::string at_;
  std::optional<Error> error_;
};

inline Process read_process(Reader& r) {
  Process p;
  r.number("pid", p.pid);
  r.time("start_time", p.start_time);
  r.text("exe", p.exe);
  r.text("exe_sha256", p.exe_sha256);
  r.text("comm", p.comm);
  r.texts("argv", p.argv);
  r.flag("argv_truncated", p.argv_truncated);
  r.number("uid", p.uid);
  r.text("user", p.user);
  r.number("login_uid", p.login_uid);
  r.text("login_user", p.login_user);
  r.text("tty", p.tty);
  return p;
}

inline EcsTask read_ecs_task(Reader& r) {
  EcsTask e;
  r.text("cluster", e.cluster);
  r.text("service", e.service);
  r.text("task", e.task);
  r.text("family", e.family);
  r.text("revision", e.revision);
  r.text("container", e.container);
  return e;
}

inline Container read_container(Reader& r) {
  Container c;
  r.text("id", c.id);
  r.text("runtime", c.runtime);
  r.text("name", c.name);
  r.text("image", c.image);
  r.text("image_digest", c.image_digest);
  r.text("pod", c.pod);
  r.text("namespace", c.pod_namespace);
  r.text("pod_uid", c.pod_uid);
  r.text("service_account", c.service_account);
  r.object("ecs", c.ecs, read_ecs_task);
  return c;
}

inline Actor read_actor(Reader& r) {
  Actor a;
  r.flag("resolved", a.resolved);
  r.object("process", a.process, read_process);
  r.list("lineage", a.lineage, read_process);
  r.flag("lineage_complete", a.lineage_complete);
  r.object("container", a.container, read_container);
  r.text("unknown_reason", a.unknown_reason);
  return a;
}

inline AttributeDiff read_diff(Reader& r) {
  AttributeDiff d;
  r.text("attribute", d.attribute);
  r.text("expected", d.expected);
  r.text("live", d.live);
  r.flag("sensitive", d.sensitive);
  return d;
}

inline Evidence read_evidence(Reader& r) {
  Evidence e;
  r.text("kind", e.kind, false);
  r.text("says", e.says);
  return e;
}

inline Where read_where(Reader& r) {
  Where w;
  r.text("node", w.node, false);
  r.text("path", w.path);
  r.texts("aliases", w.aliases);
  r.object("container", w.container, read_container);
  return w;
}

inline BaselineRef read_baseline(Reader& r) {
  BaselineRef b;
  r.text("name", b.name, false);
  if (const auto* revision = r.find("revision"); revision != nullptr && revision->is_object())
    for (const auto& [key, value] : revision->items())
      if (value.is_string()) b.revision[key] = unescape_bytes(value.get_ref<const std::string&>());
  return b;
}

inline Call read_call(Reader& r) {
  Call c;
  r.text("provider", c.provider, false);
  r.text("service", c.service);
  r.text("operation", c.operation);
  r.text("why_unknown", c.why_unknown);
  r.text("level", c.level);
  r.text("semantics", c.semantics);
  r.text("outcome", c.outcome);
  r.text("region", c.region);
  r.text("account", c.account);
  r.text("host", c.host);
  r.text("host_by", c.host_by);
  r.text("principal", c.principal);
  r.text("principal_account", c.principal_account);
  r.text("principal_arn", c.principal_arn);
  r.texts("principal_chain", c.principal_chain);
  r.text("principal_proof", c.principal_proof);
  r.text("request_id", c.request_id);
  r.text("invocation", c.invocation);
  r.texts("ids", c.ids);
  r.texts("sets", c.sets);
  r.number("tries", c.tries);
  return c;
}

inline Rollback read_rollback(Reader& r) {
  Rollback b;
  r.word("state", b.state, rollback_state_of);
  r.text("mode", b.mode, false);
  r.text("rule", b.rule);
  r.text("by", b.by);
  r.text("why", b.why);
  r.time("at", b.at);
  r.flag("can_be_undone", b.can_be_undone);
  return b;
}

/// What Finding and Drift have in common on the wire.
template <class T>
void read_judgement(Reader& r, T& t) {
  r.text("id", t.id, false);
  r.text("resource", t.resource);
  r.text("kind", t.kind, false);
  r.word("verdict", t.verdict, verdict_of);
  r.word("comparison", t.comparison, comparison_of);
  r.word("severity", t.severity, severity_of);
  r.list("diff", t.diff, read_diff);
  std::optional<Where> where;
  r.object("where", where, read_where);
  if (where) t.where = std::move(*where);
  std::optional<Actor> actor;
  r.object("actor", actor, read_actor);
  if (actor) t.actor = std::move(*actor);
  r.list("evidence", t.evidence, read_evidence);
  r.texts("missing_evidence", t.missing_evidence);
  r.object("call", t.call, read_call);
}

}  // namespace detail

using Json = nlohmann::json;

/// Text that may hold any bytes, in the lossless form of escape_bytes().
inline Json json_text(const std::string& bytes) {
  return escape_bytes(bytes);
}

/// A unit's JSON as a tree, as tests take it apart.
template <class T>
Json to_json_value(const T& unit) {
  return Json::parse(to_json(unit));
}

/// Drift back from its own JSON (agent state snapshot, spool replay, CLI). Errors name the key.
inline Result<Drift> drift_from_json(const nlohmann::json& j) {
  detail::Reader r(j, "drift");
  Drift d;
  detail::read_judgement(r, d);
  r.text("baseline", d.baseline);
  r.word("state", d.state, drift_state_of);
  r.time("opened_at", d.opened_at);
  r.time("updated_at", d.updated_at);
  if (r.find("closed_at") != nullptr) {
    WallNs closed = 0;
    r.time("closed_at", closed);
    d.closed_at = closed;
  }
  r.text("closed_by", d.closed_by);
  r.object("rollback", d.rollback, detail::read_rollback);
  r.number("count", d.count);
  r.texts("findings", d.findings);
  if (r.error()) return *r.error();
  return d;
}

inline Result<Finding> finding_from_json(const nlohmann::json& j) {
  detail::Reader r(j, "finding");
  Finding f;
  detail::read_judgement(r, f);
  r.time("at", f.at);
  r.time("observed_at", f.observed_at);
  r.text("source", f.source, false);
  r.text("rule", f.rule, false);
  r.number("changes", f.changes);
  r.number("handovers", f.handovers);
  r.object("first_actor", f.first_actor, detail::read_process);
  r.object("baseline", f.baseline, detail::read_baseline);
  r.text("drift_id", f.drift_id, false);
  if (r.error()) return *r.error();
  return f;
}

}  // namespace plumbline::wire
