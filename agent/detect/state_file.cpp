#include "agent/detect/state_file.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "include/util/replace_file.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;
using wire::JsonObject;
constexpr int version = 1;

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
  return text;
}

std::uint64_t from_hex(const Json& j) {
  return j.is_string() ? std::strtoull(j.get_ref<const std::string&>().c_str(), nullptr, 16) : 0;
}

Result<wire::Gap> gap_from_json(const Json& json) {
  wire::detail::Reader r(json, "gap");
  wire::Gap gap;
  r.text("id", gap.id, false);
  r.text("reason", gap.reason, false);
  r.text("scope", gap.scope);
  r.time("from", gap.from);
  r.time("until", gap.until);
  r.number("checked", gap.checked);
  r.number("changed", gap.changed);
  r.text("detail", gap.detail);
  if (r.error()) return *r.error();
  return gap;
}

}  // namespace

Result<void> write_snapshot(const std::string& path, const Snapshot& snapshot) {
  const std::string text = JsonObject()
                               .number("version", version)
                               .text("sequence", hex(snapshot.sequence))
                               .raw("drifts", wire::to_json(snapshot.drifts))
                               .str();
  return replace_file(path, text);
}

Result<Snapshot> read_snapshot(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error("read " + path, errno);
  const Json json = Json::parse(file, nullptr, false);
  const auto bad = [&](const std::string& why) {
    return Error{ErrorCode::corrupt, "read the snapshot " + path, why, "it is kept beside and made anew by a scan"};
  };
  if (!json.is_object()) return bad("not JSON");
  if (!json.contains("version") || !json["version"].is_number_integer())
    return bad("its version is missing, or no number");
  if (json["version"] != version)
    return bad("it has version " + json["version"].dump() + ", this agent reads " + std::to_string(version));
  if (!json.contains("sequence") || !json["sequence"].is_string()) return bad("its sequence is missing, or no text");
  if (!json.contains("drifts") || !json["drifts"].is_array()) return bad("its drifts are missing, or no list");
  Snapshot snapshot;
  snapshot.sequence = from_hex(json["sequence"]);
  for (const auto& item : json["drifts"]) {
    auto drift = wire::drift_from_json(item);
    if (!drift) return bad(drift.error().message());
    snapshot.drifts.push_back(std::move(*drift));
  }
  return snapshot;
}

std::string finding_body(const wire::Finding& finding, const wire::Drift* drift,
                         const std::vector<HandledMark>& marks) {
  JsonObject body;
  body.raw("finding", wire::to_json(finding)).raw("drift", drift != nullptr ? wire::to_json(*drift) : "null");
  if (marks.empty()) return body.str();
  std::vector<std::string> list;
  for (const auto& m : marks) {
    std::vector numbers{hex(m.epoch), hex(m.dev), hex(m.ino), hex(m.subvolume), hex(m.generation)};
    if (m.inode_generation) numbers.push_back(hex(*m.inode_generation));
    list.push_back(wire::to_json(numbers));
  }
  return body.raw("marks", wire::json_array(list)).str();
}

std::string drift_body(const wire::Drift& drift) {
  return JsonObject().raw("drift", wire::to_json(drift)).str();
}

std::string gap_body(const wire::Gap& gap) {
  return JsonObject().raw("gap", wire::to_json(gap)).str();
}

Result<void> replay(const wire::Record& record, Replayed& into) {
  const Json body = Json::parse(record.body, nullptr, false);
  const auto bad = [&](const std::string& why) {
    return Error{ErrorCode::corrupt, "replay spool record " + std::to_string(record.sequence), why, ""};
  };
  if (!body.is_object()) return bad("not a JSON object");
  if (const auto it = body.find("finding"); it != body.end()) {
    auto finding = wire::finding_from_json(*it);
    if (!finding) return bad(finding.error().message());
    into.findings.push_back(std::move(*finding));
  }
  if (const auto it = body.find("drift"); it != body.end() && !it->is_null()) {
    auto drift = wire::drift_from_json(*it);
    if (!drift) return bad(drift.error().message());
    into.drifts.push_back(std::move(*drift));
  }
  if (const auto it = body.find("gap"); it != body.end()) {
    auto gap = gap_from_json(*it);
    if (!gap) return bad(gap.error().message());
    into.gaps.push_back(std::move(*gap));
  }
  if (const auto it = body.find("marks"); it != body.end() && it->is_array())
    for (const auto& m : *it)
      if (m.is_array() && (m.size() == 5 || m.size() == 6))
        into.marks.push_back(
            {from_hex(m[0]), from_hex(m[2]), from_hex(m[3]), static_cast<std::uint32_t>(from_hex(m[1])), from_hex(m[4]),
             m.size() == 6 ? std::optional(static_cast<std::uint32_t>(from_hex(m[5]))) : std::nullopt});
  return {};
}

}  // namespace plumbline::agent
