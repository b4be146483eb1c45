#include "collector/forward/cef.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "include/wire/text.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t max_value_bytes = 1000;
constexpr std::size_t max_diffs = 10;

const char* phase_of(const Alert& alert) {
  return alert.phase == Phase::closed ? "closed" : alert.phase == Phase::opened ? "opened" : "updated";
}

/// 0 to 10, as both formats have it.
int severity_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::info:
      return 1;
    case wire::Severity::low:
      return 3;
    case wire::Severity::medium:
      return 5;
    case wire::Severity::high:
      return 8;
    case wire::Severity::critical:
      break;
  }
  return 10;
}

std::string value_of(const std::string& bytes, std::size_t max = max_value_bytes) {
  return cut_text(wire::escape_bytes(bytes), max);
}

/// "mode: 0644 -> 0666; owner: root -> nobody"
std::string differences(const Alert& alert) {
  std::string text;
  for (std::size_t i = 0; i < std::min(alert.diff.size(), max_diffs); ++i) {
    const auto& diff = alert.diff[i];
    text += (text.empty() ? "" : "; ") + value_of(diff.attribute, 100) + ": " + value_of(diff.expected, 100) + " -> " +
            value_of(diff.live, 100);
  }
  return text;
}

std::string cef_header(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string cef_value(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '=' || c == '\\')
      (out += '\\') += c;
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string leef_value(const std::string& text) {
  std::string out = text;
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return out;
}

}  // namespace

std::string cef_line(const LedgerRecord& record, const Alert& alert) {
  std::vector<std::pair<const char*, std::string>> all = {
      {"rt", std::to_string(milliseconds_of(alert.at))},
      {"start", std::to_string(milliseconds_of(alert.first_seen))},
      {"dvchost", record.node},
      {"deviceExternalId", record.node_id},
      {"externalId", alert.record_uid},
      {"cat", alert.type},
      {"act", phase_of(alert)},
      {"outcome", alert.state},
      {"cnt", std::to_string(alert.count)},
      {"filePath", alert.where.path},
      {"cs1", alert.resource},
      {"cs1Label", alert.resource.empty() ? "" : "resource"},
      {"cs2", alert.verdict},
      {"cs2Label", alert.verdict.empty() ? "" : "verdict"},
      {"cs3", differences(alert)},
      {"cs3Label", alert.diff.empty() ? "" : "diff"},
      {"cs4", alert.uid},
      {"cs4Label", "findingUid"},
  };
  if (alert.actor.process) {
    const auto& p = *alert.actor.process;
    all.emplace_back("sproc", p.exe.empty() ? p.comm : p.exe);
    all.emplace_back("spid", std::to_string(p.pid));
    all.emplace_back("suser", p.login_user.empty() ? p.user : p.login_user);
    if (p.uid) all.emplace_back("suid", std::to_string(*p.uid));
  }
  if (alert.call) {
    all.emplace_back("requestMethod", alert.call->operation);
    all.emplace_back("destinationServiceName", alert.call->service);
  }
  if (alert.actor.container) {
    all.emplace_back("cs5",
                     alert.actor.container->pod.empty() ? alert.actor.container->id : alert.actor.container->pod);
    all.emplace_back("cs5Label", "container");
  }
  std::string line = "CEF:0|Plumbline|Plumbline|" + cef_header(PLUMBLINE_VERSION) + "|" + alert.type + "." +
                     phase_of(alert) + "|" + cef_header(alert.title) + "|" +
                     std::to_string(severity_of(alert.severity)) + "|";
  bool first = true;
  for (const auto& [key, value] : all) {
    if (value.empty()) continue;
    line += (first ? "" : " ") + std::string(key) + "=" + cef_value(value_of(value));
    first = false;
  }
  return line;
}

std::string leef_line(const LedgerRecord& record, const Alert& alert) {
  std::vector<std::pair<const char*, std::string>> all = {
      {"devTime", std::to_string(milliseconds_of(alert.at))},
      {"cat", alert.type},
      {"sev", std::to_string(severity_of(alert.severity))},
      {"identHostName", record.node},
      {"externalId", alert.record_uid},
      {"findingUid", alert.uid},
      {"action", phase_of(alert)},
      {"state", alert.state},
      {"resource", alert.resource},
      {"verdict", alert.verdict},
      {"filePath", alert.where.path},
      {"diff", differences(alert)},
      {"msg", alert.title},
  };
  if (alert.actor.process) {
    const auto& p = *alert.actor.process;
    all.emplace_back("usrName", p.login_user.empty() ? p.user : p.login_user);
    all.emplace_back("process", p.exe.empty() ? p.comm : p.exe);
    all.emplace_back("pid", std::to_string(p.pid));
  }
  if (alert.call) all.emplace_back("operation", alert.call->service + ":" + alert.call->operation);
  if (alert.actor.container) all.emplace_back("pod", alert.actor.container->pod);
  std::string line = std::string("LEEF:2.0|Plumbline|Plumbline|") + PLUMBLINE_VERSION + "|" + alert.type + "." +
                     phase_of(alert) + "|x09|";
  bool first = true;
  for (const auto& [key, value] : all) {
    if (value.empty()) continue;
    line += (first ? "" : "\t") + std::string(key) + "=" + leef_value(value_of(value));
    first = false;
  }
  return line;
}

}  // namespace plumbline::collector
