#include "collector/forward/ocsf.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

using wire::JsonObject;

constexpr std::size_t brief_diffs = 10;
constexpr std::size_t brief_value_bytes = 128;
constexpr std::size_t brief_path_bytes = 512;
constexpr int class_uid = 2004;

constexpr std::array<std::string_view, 6> severities = {"Unknown", "Informational", "Low",
                                                        "Medium",  "High",          "Critical"};

struct Writer {
  const LedgerRecord& record;
  const Alert& alert;
  const bool brief;

  std::string bounded(const std::string& text, std::size_t max = brief_path_bytes) const {
    return brief ? cut_text(wire::escape_bytes(text), max) : text;
  }

  static std::string hash(const std::string& sha256) {
    return "[" + JsonObject().text("algorithm", "SHA-256").number("algorithm_id", 3).text("value", sha256).str() + "]";
  }

  static std::string user(const std::string& name, const std::optional<std::uint32_t>& uid) {
    JsonObject j;
    j.bytes_if("name", name);
    if (uid) j.text("uid", std::to_string(*uid));
    return j.str();
  }

  std::string process(const wire::Process& p, const wire::Process* parent) const {
    JsonObject j;
    j.number("pid", p.pid).bytes_if("name", p.exe.empty() ? p.comm : name_of_path(bounded(p.exe)));
    if (!brief && !p.argv.empty()) j.bytes("cmd_line", command_line(p.argv));
    if (p.start_time != 0) j.number("created_time", milliseconds_of(p.start_time));
    if (!p.exe.empty()) {
      JsonObject file;
      file.bytes("name", name_of_path(bounded(p.exe))).bytes("path", bounded(p.exe));
      file.number("type_id", 8).text("type", "Executable File");
      if (!p.exe_sha256.empty()) file.raw("hashes", hash(p.exe_sha256));
      j.raw("file", file.str());
    }
    if (p.uid || !p.user.empty()) j.raw("user", user(p.user, p.uid));
    if (parent != nullptr) j.raw("parent_process", process(*parent, nullptr));
    if (!brief && parent != nullptr) {
      std::vector<std::string> ancestry;
      for (const auto& one : alert.actor.lineage) {
        JsonObject entity;
        entity.number("pid", one.pid).bytes_if("name", one.exe.empty() ? one.comm : name_of_path(one.exe));
        entity.bytes_if("path", one.exe);
        if (!one.argv.empty()) entity.bytes("cmd_line", command_line(one.argv));
        if (one.start_time != 0) entity.number("created_time", milliseconds_of(one.start_time));
        ancestry.push_back(entity.str());
      }
      j.raw("ancestry", wire::json_array(ancestry));
    }
    return j.str();
  }

  std::string actor() const {
    const auto& p = *alert.actor.process;
    const auto& lineage = alert.actor.lineage;
    JsonObject j;
    j.raw("process", process(p, lineage.empty() ? nullptr : &lineage.front()));
    // Who logged in is the person; the process' own user may be root by sudo.
    if (p.login_uid || !p.login_user.empty()) j.raw("user", user(p.login_user, p.login_uid));
    if (!p.tty.empty()) j.raw("session", JsonObject().bytes("terminal", p.tty).str());
    return j.str();
  }

  static std::string container(const wire::Container& c) {
    JsonObject j;
    j.bytes_if("uid", c.id).bytes_if("name", c.name.empty() ? c.id : c.name).bytes_if("runtime", c.runtime);
    if (!c.image.empty() || !c.image_digest.empty()) {
      JsonObject image;
      image.bytes("uid", c.image_digest.empty() ? c.image : c.image_digest).bytes_if("name", c.image);
      j.raw("image", image.str());
    }
    if (!c.pod.empty()) j.text("orchestrator", "Kubernetes");
    if (c.ecs) j.text("orchestrator", "ECS");
    return j.bytes_if("pod_uuid", c.pod_uid).str();
  }

  std::string api() const {
    const wire::Call& call = *alert.call;
    JsonObject j;
    j.bytes("operation", call.operation.empty() ? "unknown" : bounded(call.operation));
    if (!call.service.empty())
      j.raw("service", JsonObject().bytes("uid", call.service).bytes("name", call.service).str());
    if (!call.request_id.empty()) j.raw("request", JsonObject().bytes("uid", call.request_id).str());
    return j.str();
  }

  std::string evidences() const {
    JsonObject j;
    if (alert.actor.process) j.raw("actor", actor());
    if (alert.actor.container) j.raw("container", container(*alert.actor.container));
    if (alert.call) j.raw("api", api());
    if (!alert.where.path.empty()) {
      const std::string path = bounded(alert.where.path);
      j.raw("file", JsonObject().bytes("name", name_of_path(path)).bytes("path", path).number("type_id", 0).str());
    }
    JsonObject data;
    data.text("verdict", alert.verdict);
    if (!alert.actor.unknown_reason.empty()) data.bytes("actor_unknown", bounded(alert.actor.unknown_reason));
    data.flag("lineage_complete", alert.actor.lineage_complete);
    if (alert.actor.container) {
      const auto& c = *alert.actor.container;
      data.bytes_if("pod", c.pod).bytes_if("namespace", c.pod_namespace).bytes_if("service_account", c.service_account);
      if (c.ecs) data.raw("ecs", wire::to_json(*c.ecs));
    }
    if (!brief) data.raw("evidence", wire::to_json(alert.evidence));
    if (!brief) data.raw("missing_evidence", wire::to_json(alert.missing_evidence));
    if (!brief && alert.call) data.raw("call", wire::to_json(*alert.call));
    return "[" + j.raw("data", data.str()).str() + "]";
  }

  std::string resources() const {
    JsonObject j;
    j.bytes("uid", bounded(alert.resource)).bytes("name", bounded(alert.resource));
    if (alert.call && !alert.call->ids.empty()) j.bytes("uid_alt", bounded(alert.call->ids.front()));
    j.text("type", alert.kind.empty() ? "resource" : alert.kind)
        .text("role", "Affected")
        .number("role_id", 3)
        .text("hostname", record.node);
    if (alert.baseline) j.raw("data", JsonObject().raw("baseline", wire::to_json(*alert.baseline)).str());
    return "[" + j.str() + "]";
  }

  std::string anomalies() const {
    std::vector<std::string> live, expected;
    const std::size_t count = brief ? std::min(alert.diff.size(), brief_diffs) : alert.diff.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto& diff = alert.diff[i];
      const auto one = [&](const char* type, const std::string& value) {
        JsonObject observation;
        observation.bytes("value", bounded(value, brief_value_bytes));
        JsonObject j;
        j.bytes("observation_parameter", bounded(diff.attribute, brief_value_bytes)).text("observation_type", type);
        return j.raw("observations", "[" + observation.str() + "]").str();
      };
      live.push_back(one("live", diff.live));
      expected.push_back(one("expected", diff.expected));
    }
    JsonObject target;
    target.bytes("name", bounded(alert.resource)).text("type", "IaC resource");
    JsonObject j;
    j.raw("analysis_targets", "[" + target.str() + "]").raw("anomalies", wire::json_array(live));
    return "[" + j.raw("baselines", wire::json_array(expected)).str() + "]";
  }

  std::string observables() const {
    std::vector<std::string> all;
    const auto add = [&](const char* name, const char* type, int type_id, const std::string& value) {
      if (value.empty()) return;
      JsonObject j;
      j.text("name", name).text("type", type).number("type_id", type_id).bytes("value", bounded(value));
      all.push_back(j.str());
    };
    add("device.hostname", "Hostname", 1, record.node);
    add("resources[].uid", "Resource UID", 10, alert.resource);
    add("evidences[].file.path", "File Path", 45, alert.where.path);
    if (alert.actor.process) {
      const auto& p = *alert.actor.process;
      add("evidences[].actor.process.name", "Process Name", 9, p.exe.empty() ? p.comm : name_of_path(p.exe));
      add("evidences[].actor.process.file.hashes[].value", "Hash", 8, p.exe_sha256);
      add("evidences[].actor.user.name", "User Name", 4, p.login_user);
      add("evidences[].actor.process.user.name", "User Name", 4, p.user);
    }
    return wire::json_array(all);
  }

  std::string finding_info() const {
    JsonObject j;
    j.text("uid", alert.uid).text("title", alert.title).raw("types", "[" + quoted(alert.type) + "]");
    j.number("created_time", milliseconds_of(alert.first_seen));
    j.number("first_seen_time", milliseconds_of(alert.first_seen));
    j.number("last_seen_time", milliseconds_of(alert.at)).number("modified_time", milliseconds_of(alert.at));
    JsonObject analytic;
    analytic.text("uid", "plumbline." + alert.type).number("type_id", 1);
    analytic.text("name", alert.rule.empty() ? "plumbline." + alert.type : alert.rule);
    return j.raw("analytic", analytic.text("type", "Rule").str()).str();
  }

  static std::string quoted(const std::string& text) {
    std::string out;
    wire::append_json_string(out, text);
    return out;
  }

  std::string metadata() const {
    JsonObject product;
    product.text("name", "Plumbline").text("vendor_name", "Plumbline").text("version", PLUMBLINE_VERSION);
    JsonObject j;
    j.text("version", "1.8.0").raw("product", product.str()).text("uid", alert.record_uid);
    j.text("correlation_uid", alert.uid).text("log_name", record.type).number("sequence", record.seq);
    j.text("original_time", rfc3339(record.at)).number("logged_time", milliseconds_of(record.received_at));
    if (alert.call) j.raw("profiles", R"(["cloud"])");
    return j.str();
  }

  std::string cloud() const {
    JsonObject j;
    j.bytes("provider", alert.call->provider).bytes_if("region", alert.call->region);
    if (!alert.call->account.empty()) {
      const bool aws = alert.call->provider == "aws";
      JsonObject account;
      account.bytes("uid", alert.call->account).bytes("name", alert.call->account).number("type_id", aws ? 10 : 0);
      j.raw("account", account.text("type", aws ? "AWS Account" : "Unknown").str());
    }
    return j.str();
  }

  std::string unmapped() const {
    JsonObject j;
    j.text("node_id", record.node_id);
    if (alert.judged) {
      j.text("verdict", alert.verdict).text("comparison", alert.comparison);
      j.bytes_if("drift_state", alert.state).bytes_if("drift_id", record.drift_id);
    } else if (!brief) {
      j.raw("record", record.body);
    }
    return j.str();
  }

  std::string write() const {
    const bool closed = alert.phase == Phase::closed;
    const int activity = closed ? 3 : alert.phase == Phase::updated ? 2 : 1;
    const char* const activity_name = closed ? "Close" : alert.phase == Phase::updated ? "Update" : "Create";
    // A finding of no drift matches its baseline or is nobody's: it was over when it was seen.
    const bool over = closed || (alert.type == "finding" && alert.judged);
    const bool suppressed = alert.state == "suppressed";
    // Nobody knows what became of what was forgotten: it is put away, not resolved.
    const int status = alert.state == "forgotten"      ? 5
                       : over                          ? 4
                       : suppressed                    ? 3
                       : alert.phase == Phase::updated ? 2
                                                       : 1;
    constexpr std::array<const char*, 6> statuses = {"Unknown",    "New",      "In Progress",
                                                     "Suppressed", "Resolved", "Archived"};
    const int severity = ocsf_severity_id(alert.severity);
    JsonObject j;
    j.number("activity_id", activity).text("activity_name", activity_name);
    j.number("category_uid", 2).text("category_name", "Findings");
    j.number("class_uid", class_uid).text("class_name", "Detection Finding");
    j.number("type_uid", class_uid * 100 + activity)
        .text("type_name", std::string("Detection Finding: ") + activity_name);
    j.number("time", milliseconds_of(alert.at)).number("severity_id", severity);
    j.text("severity", severities[static_cast<std::size_t>(severity)]);
    j.number("status_id", status).text("status", statuses[static_cast<std::size_t>(status)]);
    if (!alert.closed_by.empty()) j.bytes("status_detail", bounded(alert.closed_by));
    j.text("message", alert.title)
        .flag("is_alert", !over && !suppressed && alert.type != "alert_silence")
        .number("count", alert.count);
    j.number("start_time", milliseconds_of(alert.first_seen)).number("end_time", milliseconds_of(alert.at));
    j.raw("metadata", metadata()).raw("finding_info", finding_info());
    JsonObject device;
    device.text("hostname", record.node).text("uid", record.node_id).number("type_id", 0).text("type", "Unknown");
    j.raw("device", device.str());
    if (alert.judged) j.raw("evidences", evidences());
    if (!alert.resource.empty()) j.raw("resources", resources());
    if (!alert.diff.empty()) j.raw("anomaly_analyses", anomalies());
    if (alert.call) j.raw("cloud", cloud());
    return j.raw("observables", observables()).raw("unmapped", unmapped()).str();
  }
};

}  // namespace

int ocsf_severity_id(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
      return 1;
    case wire::Severity::low:
      return 2;
    case wire::Severity::medium:
      return 3;
    case wire::Severity::high:
      return 4;
    case wire::Severity::critical:
      break;
  }
  return 5;
}

std::string ocsf_finding(const LedgerRecord& record, const Alert& alert, Detail detail) {
  return Writer{record, alert, detail == Detail::brief}.write();
}

}  // namespace plumbline::collector
