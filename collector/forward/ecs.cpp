#include "collector/forward/ecs.hpp"

#include <set>

#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

using wire::JsonObject;

/// What Elastic's own rules give for these words.
int severity_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
      return 0;
    case wire::Severity::low:
      return 21;
    case wire::Severity::medium:
      return 47;
    case wire::Severity::high:
      return 73;
    case wire::Severity::critical:
      break;
  }
  return 99;
}

std::string process(const wire::Process& p, const wire::Process* parent) {
  JsonObject j;
  j.number("pid", p.pid).bytes_if("name", p.exe.empty() ? p.comm : name_of_path(p.exe)).bytes_if("executable", p.exe);
  if (!p.argv.empty()) j.bytes("command_line", command_line(p.argv)).raw("args", wire::to_json(p.argv));
  if (p.start_time != 0) j.text("start", rfc3339(p.start_time));
  if (!p.exe_sha256.empty()) j.raw("hash", JsonObject().text("sha256", p.exe_sha256).str());
  if (p.uid || !p.user.empty()) {
    JsonObject user;
    user.bytes_if("name", p.user);
    if (p.uid) user.text("id", std::to_string(*p.uid));
    j.raw("user", user.str());
  }
  if (parent != nullptr) j.raw("parent", process(*parent, nullptr));
  return j.str();
}

void add_actor(const Alert& alert, JsonObject& j) {
  const auto& actor = alert.actor;
  if (actor.process) {
    const auto& p = *actor.process;
    j.raw("process", process(p, actor.lineage.empty() ? nullptr : &actor.lineage.front()));
    JsonObject user;
    const bool person = p.login_uid || !p.login_user.empty();
    user.bytes_if("name", person ? p.login_user : p.user);
    if (const auto& id = person ? p.login_uid : p.uid) user.text("id", std::to_string(*id));
    j.raw("user", user.str());
  }
  if (!actor.container) return;
  const auto& c = *actor.container;
  JsonObject container;
  container.bytes_if("id", c.id).bytes_if("name", c.name).bytes_if("runtime", c.runtime);
  if (!c.image.empty() || !c.image_digest.empty()) {
    JsonObject image;
    image.bytes_if("name", c.image);
    if (!c.image_digest.empty())
      image.raw("hash", JsonObject().raw("all", wire::to_json(std::vector{c.image_digest})).str());
    container.raw("image", image.str());
  }
  j.raw("container", container.str());
  JsonObject resource;
  if (c.ecs) {
    resource.text("type", "task").bytes("id", c.ecs->task);
    JsonObject orchestrator;
    orchestrator.text("type", "ecs").raw("cluster", JsonObject().bytes_if("name", c.ecs->cluster).str());
    orchestrator.raw("resource", resource.str());
    j.raw("orchestrator", orchestrator.str());
  }
  if (c.pod.empty()) return;
  resource.text("type", "pod").bytes("name", c.pod).bytes_if("id", c.pod_uid);
  JsonObject orchestrator;
  orchestrator.text("type", "kubernetes").bytes_if("namespace", c.pod_namespace).raw("resource", resource.str());
  j.raw("orchestrator", orchestrator.str());
}

std::string event(const LedgerRecord& record, const Alert& alert) {
  const bool is_audit = alert.type == "alert_silence";
  const bool alerting = alert.phase != Phase::closed && !(alert.type == "finding" && alert.judged) && !is_audit;
  std::string action = alert.type;
  if (alert.type == "drift" || alert.type == "silence" || is_audit)
    action += alert.phase == Phase::closed ? "-closed" : alert.phase == Phase::opened ? "-opened" : "-updated";
  JsonObject j;
  j.text("kind", alerting ? "alert" : "event");
  j.raw("category", alert.kind == "file" ? R"(["configuration","file"])" : R"(["configuration"])");
  j.raw("type", alert.judged ? R"(["change"])" : R"(["info"])").text("action", action).text("id", alert.record_uid);
  j.number("severity", severity_of(alert.severity))
      .text("module", "plumbline")
      .text("dataset", "plumbline." + alert.type);
  j.text("start", rfc3339(alert.first_seen))
      .text("end", rfc3339(alert.at))
      .text("created", rfc3339(record.received_at));
  return j.bytes_if("reason", alert.closed_by).str();
}

std::string own(const LedgerRecord& record, const Alert& alert) {
  JsonObject j;
  j.text("uid", alert.uid).number("ledger_seq", record.seq);
  if (!alert.judged) return j.raw("record", record.body).str();
  j.bytes_if("drift_id", record.drift_id).bytes_if("drift_state", alert.state).number("count", alert.count);
  j.text("verdict", alert.verdict).text("comparison", alert.comparison).bytes("resource", alert.resource);
  if (alert.baseline) j.raw("baseline", wire::to_json(*alert.baseline));
  j.raw("diff", wire::to_json(alert.diff)).raw("evidence", wire::to_json(alert.evidence));
  j.raw("missing_evidence", wire::to_json(alert.missing_evidence)).raw("lineage", wire::to_json(alert.actor.lineage));
  if (alert.call) j.raw("call", wire::to_json(*alert.call));
  if (alert.actor.container && alert.actor.container->ecs) j.raw("ecs", wire::to_json(*alert.actor.container->ecs));
  return j.str();
}

std::string related(const LedgerRecord& record, const Alert& alert) {
  std::set<std::string> users;
  JsonObject j;
  j.raw("hosts", wire::to_json(std::vector{record.node}));
  if (!alert.actor.process) return j.str();
  const auto& p = *alert.actor.process;
  for (const auto& name : {p.user, p.login_user})
    if (!name.empty()) users.insert(name);
  if (!users.empty()) j.raw("user", wire::to_json(std::vector<std::string>(users.begin(), users.end())));
  if (!p.exe_sha256.empty()) j.raw("hash", wire::to_json(std::vector{p.exe_sha256}));
  return j.str();
}

}  // namespace

std::string ecs_document(const LedgerRecord& record, const Alert& alert) {
  JsonObject j;
  j.text("@timestamp", rfc3339(alert.at)).raw("ecs", R"({"version":"8.17.0"})").text("message", alert.title);
  j.raw("event", event(record, alert));
  JsonObject observer;
  observer.text("vendor", "Plumbline")
      .text("product", "Plumbline")
      .text("type", "ids")
      .text("version", PLUMBLINE_VERSION);
  j.raw("observer", observer.str());
  j.raw("host", JsonObject().text("name", record.node).text("hostname", record.node).text("id", record.node_id).str());
  if (!alert.rule.empty()) j.raw("rule", JsonObject().text("name", alert.rule).str());
  add_actor(alert, j);
  if (!alert.where.path.empty())
    j.raw("file", JsonObject().bytes("path", alert.where.path).bytes("name", name_of_path(alert.where.path)).str());
  if (alert.call) {
    const auto& call = *alert.call;
    JsonObject cloud;
    cloud.bytes("provider", call.provider).bytes_if("region", call.region);
    if (!call.account.empty()) cloud.raw("account", JsonObject().bytes("id", call.account).str());
    if (!call.service.empty()) cloud.raw("service", JsonObject().bytes("name", call.service).str());
    j.raw("cloud", cloud.str());
  }
  return j.raw("related", related(record, alert)).raw("plumbline", own(record, alert)).str();
}

}  // namespace plumbline::collector
