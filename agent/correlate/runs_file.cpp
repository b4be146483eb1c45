#include "agent/correlate/runs_file.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>

#include "include/util/replace_file.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using wire::Json;
using wire::JsonObject;
constexpr int version = 1;

/// JSON readers cut numbers of 64 bits.
JsonObject& add_number(JsonObject& object, const char* name, std::uint64_t value) {
  return object.text(name, std::to_string(value));
}

std::string process_json(JsonObject&& object, const process_key& process) {
  add_number(object, "start", process.start_boot_ns);
  return object.number("pid", process.tgid).str();
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::uint64_t> number_of(const Json& object, const char* name) {
  const std::string text = text_of(object, name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && !text.empty() && end == text.data() + text.size() ? std::optional(value)
                                                                                   : std::nullopt;
}

std::optional<process_key> process_in(const Json& object) {
  const auto start = number_of(object, "start");
  const auto pid = object.find("pid");
  if (!start || pid == object.end() || !pid->is_number_unsigned()) return std::nullopt;
  const auto number = pid->get<std::uint64_t>();
  if (number == 0 || number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return process_key{*start, static_cast<std::uint32_t>(number), 0};
}

std::optional<Runs::Run> run_in(const Json& object) {
  const auto process = process_in(object);
  const auto from = number_of(object, "from"), until = number_of(object, "until"), inode = number_of(object, "inode"),
             changed = number_of(object, "changed");
  if (!process || !from || !until || !inode || !changed) return std::nullopt;
  Runs::Run run{text_of(object, "baseline"),
                *process,
                text_of(object, "name"),
                text_of(object, "version"),
                false,
                true,
                *from,
                *until,
                {*inode, static_cast<std::int64_t>(*changed)}};
  const auto wrote = object.find("wrote");
  run.wrote = wrote != object.end() && wrote->is_boolean() && wrote->get<bool>();
  return run.baseline.empty() ? std::nullopt : std::optional(std::move(run));
}

}  // namespace

Result<void> write_runs(const std::string& path, const std::string& boot_id, const Runs::Kept& kept) {
  std::vector<std::string> runs, did;
  for (const auto& run : kept.runs) {
    JsonObject object;
    object.text("baseline", run.baseline).text("name", run.name).text("version", run.version);
    object.flag("wrote", run.wrote);
    add_number(object, "from", run.from);
    add_number(object, "until", run.until);
    add_number(object, "inode", run.lock.inode);
    add_number(object, "changed", static_cast<std::uint64_t>(run.lock.changed));
    runs.push_back(process_json(std::move(object), run.process));
  }
  for (const auto& [of, process] : kept.did) {
    JsonObject object;
    object.text("baseline", of.first).text("resource", of.second);
    did.push_back(process_json(std::move(object), process));
  }
  return replace_file(path, JsonObject()
                                .number("version", version)
                                .text("boot_id", boot_id)
                                .raw("runs", wire::json_array(runs))
                                .raw("did", wire::json_array(did))
                                .str());
}

Result<Runs::Kept> read_runs(const std::string& path, const std::string& boot_id) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error("read " + path, errno);
  const Json json = Json::parse(file, nullptr, false);
  const bool is_ours = json.is_object() && json.contains("version") && json["version"] == version &&
                       json.contains("runs") && json["runs"].is_array() && json.contains("did") &&
                       json["did"].is_array();
  if (!is_ours)
    return Error{ErrorCode::corrupt, "read " + path, "it holds no runs of this version",
                 "it is made anew; runs that are under way are not known"};
  Runs::Kept kept;
  if (text_of(json, "boot_id") != boot_id) return kept;
  for (const auto& item : json["runs"])
    if (auto run = item.is_object() ? run_in(item) : std::nullopt) kept.runs.push_back(std::move(*run));
  for (const auto& item : json["did"])
    if (const auto process = item.is_object() ? process_in(item) : std::nullopt)
      kept.did.emplace(std::pair(text_of(item, "baseline"), text_of(item, "resource")), *process);
  return kept;
}

}  // namespace plumbline::agent
