#include "cloud/kubernetes/names.hpp"

#include "cloud/kubernetes/kinds.hpp"

namespace plumbline::cloud::kubernetes {
namespace {

std::string api_version(const ObjectName& object) {
  return object.group.empty() ? object.version : object.group + "/" + object.version;
}

std::string rest_path(const ObjectName& object) {
  std::string path = (object.group.empty() ? "/api/" : "/apis/") + api_version(object);
  if (!object.ns.empty()) path.append("/namespaces/").append(object.ns);
  return path.append("/").append(object.plural);
}

/// "binaryData" → "binary_data", in the first part of a path.
std::string snake_case_head(std::string_view path) {
  std::string out;
  const auto head = std::min(path.find('.'), path.size());
  for (const char c : path.substr(0, head)) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c + 32) : c;
  }
  return out.append(path.substr(head));
}

/// Pulumi and kubernetes_manifest take lists as one value, so what is in one cannot be told.
Candidate without_lists(std::string type, std::string_view prefix, const std::vector<Setting>& settings) {
  Candidate candidate{std::move(type), {}};
  for (const auto& setting : settings) {
    if (setting.attribute.find('[') != std::string::npos) continue;
    candidate.settings.push_back(setting);
    candidate.settings.back().attribute.insert(0, prefix);
  }
  return candidate;
}

Candidate of_terraform(std::string_view type, const std::vector<Setting>& settings) {
  Candidate candidate{std::string(type), {}};
  for (const auto& setting : settings) {
    const std::string_view path = setting.attribute;
    if (path.starts_with("spec") || path.starts_with("metadata") || path.find('[') != std::string_view::npos) continue;
    candidate.settings.push_back(setting);
    auto& attribute = candidate.settings.back().attribute;
    attribute = path == "provisioner" ? "storage_provisioner" : snake_case_head(path);
  }
  return candidate;
}

}  // namespace

std::vector<std::string> ids_of(const ObjectName& object) {
  if (object.name.empty()) return {rest_path(object)};
  const std::string place = object.ns.empty() ? object.name : object.ns + "/" + object.name;
  std::vector<std::string> ids = {rest_path(object) + "/" + object.name};
  ids.push_back((object.group.empty() ? "" : object.group + "/") + object.kind + "/" + place);
  ids.push_back(place);
  std::string import = "apiVersion=" + api_version(object) + ",kind=" + object.kind;
  if (!object.ns.empty()) import += ",namespace=" + object.ns;
  ids.push_back(import + ",name=" + object.name);
  return ids;
}

std::vector<Candidate> candidates_of(const ObjectName& object, const std::vector<Setting>& settings) {
  std::vector<Candidate> all = {{api_version(object) + "/" + object.kind, settings}};
  if (const auto* row = find_kind(object.group, object.plural))
    for (const auto type : table::rows<table::Text>(table::texts, row->terraform))
      all.push_back(of_terraform(table::text(type), settings));
  all.push_back(without_lists("kubernetes_manifest", "manifest.", settings));
  const std::string group = object.group.empty() ? "core" : object.group;
  all.push_back(without_lists("kubernetes:" + group + "/" + object.version + ":" + object.kind, "", settings));
  return all;
}

}  // namespace plumbline::cloud::kubernetes
