#include "agent/enrich/runtime_files.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "agent/enrich/containers.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using wire::Json;
constexpr std::uintmax_t max_file = 4 << 20;  // a foreign file; state.json is some 50 KB

/// A JSON file of somebody else's, or null: torn, too large, gone.
Json read_json(const fs::path& path) {
  std::error_code error;
  if (fs::file_size(path, error) > max_file || error) return nullptr;
  std::ifstream file(path, std::ios::binary);
  return Json::parse(file, nullptr, false);
}

std::string text_at(const Json& j, const char* key) {
  if (!j.is_object()) return "";
  const auto it = j.find(key);
  return it != j.end() && it->is_string() ? it->get<std::string>() : "";
}

/// "/sys/fs/cgroup/pids/kubepods/…", "/sys/fs/cgroup/kubepods/…" → "/kubepods/…", as a process's /proc/PID/cgroup has
/// it.
std::string below_cgroupfs(std::string path) {
  constexpr std::string_view mount = "/sys/fs/cgroup";
  if (!path.starts_with(mount)) return "";
  path.erase(0, mount.size());
  for (const std::string_view hierarchy : {"/unified/", "/pids/"})
    if (path.starts_with(hierarchy)) path.erase(0, hierarchy.size() - 1);
  return path;
}

/// Whether the process's cgroup is the container's own or lies below it. The whole path counts: anybody with a cgroup
/// of his own may give it any name.
bool names_cgroup(const Json& state, std::string_view cgroup_path) {
  constexpr std::string_view mount = "/sys/fs/cgroup";
  if (!state.is_object() || !state.contains("cgroup_paths") || !state["cgroup_paths"].is_object()) return false;
  const auto is_within = [&](std::string_view own) {
    return own.size() > 1 && cgroup_path.starts_with(own) &&
           (cgroup_path.size() == own.size() || cgroup_path[own.size()] == '/');
  };
  for (const auto& [controller, path] : state["cgroup_paths"].items()) {
    if (!path.is_string()) continue;
    std::string_view own = path.get_ref<const std::string&>();
    if (!own.starts_with(mount)) continue;
    own.remove_prefix(mount.size());
    if (is_within(own)) return true;
    const auto below_controller = own.find('/', 1);  // "/sys/fs/cgroup/pids/…", "/sys/fs/cgroup/unified/…"
    if (below_controller != std::string_view::npos && is_within(own.substr(below_controller))) return true;
  }
  return false;
}

/// What runtimes of Kubernetes note of a container in its annotations, which runc keeps as labels:
/// https://github.com/containerd/containerd/blob/v1.7.0/pkg/cri/annotations/annotations.go,
/// https://github.com/cri-o/cri-o/blob/v1.28.0/pkg/annotations/internal.go
struct PodLabel {
  std::string_view key;
  std::string wire::Container::* field;
  const char* runtime;
};
constexpr PodLabel pod_labels[] = {
    {"io.kubernetes.cri.container-name", &wire::Container::name, "containerd"},
    {"io.kubernetes.cri.image-name", &wire::Container::image, "containerd"},
    {"io.kubernetes.cri.sandbox-name", &wire::Container::pod, "containerd"},
    {"io.kubernetes.cri.sandbox-namespace", &wire::Container::pod_namespace, "containerd"},
    {"io.kubernetes.container.name", &wire::Container::name, "cri-o"},
    {"io.kubernetes.cri-o.ImageName", &wire::Container::image, "cri-o"},
    {"io.kubernetes.pod.name", &wire::Container::pod, "cri-o"},
    {"io.kubernetes.pod.namespace", &wire::Container::pod_namespace, "cri-o"},
};

void take_pod_label(std::string_view label, wire::Container& container) {
  const auto equals = label.find('=');
  if (equals == std::string_view::npos) return;
  for (const auto& [key, field, runtime] : pod_labels) {
    if (label.substr(0, equals) != key) continue;
    container.*field = label.substr(equals + 1);
    container.runtime = runtime;
  }
}

std::uint64_t number_at(const Json& j, const char* key) {
  if (!j.is_object()) return 0;
  const auto it = j.find(key);
  return it != j.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

/// How containerd and CRI-O call what is no container of the pod's but holds it together.
constexpr std::array sandbox_labels{std::string_view("io.kubernetes.cri.container-type=sandbox"),
                                    std::string_view("io.kubernetes.cri-o.ContainerType=sandbox")};

std::optional<RuncState> from_state(const Json& state) {
  RuncState result;
  result.container.id = text_at(state, "id");
  if (result.container.id.empty()) return std::nullopt;
  result.container.runtime = "runc";
  result.init_pid = static_cast<std::uint32_t>(number_at(state, "init_process_pid"));
  result.init_start_ticks = number_at(state, "init_process_start");
  if (state.contains("config")) result.rootfs = text_at(state["config"], "rootfs");
  if (state.contains("cgroup_paths") && state["cgroup_paths"].is_object())
    for (const auto& [controller, path] : state["cgroup_paths"].items())
      if (path.is_string()) result.cgroups.push_back(below_cgroupfs(path.get<std::string>()));
  std::string bundle;
  bool podman = false;
  if (state.contains("config") && state["config"].is_object() && state["config"].contains("labels"))
    for (const auto& label : state["config"]["labels"]) {
      const std::string text = label.is_string() ? label.get<std::string>() : "";
      if (text.starts_with("bundle=")) bundle = text.substr(7);
      podman |= text == "io.container.manager=libpod";
      take_pod_label(text, result.container);
      result.is_sandbox |= std::ranges::find(sandbox_labels, text) != sandbox_labels.end();
    }
  if (podman) {
    // <graph root>/<driver>-containers/<id>/userdata
    result.container.runtime = "podman";
    const fs::path containers = fs::path(bundle).parent_path().parent_path();
    result.graph_root = containers.parent_path();
    result.graph_driver = containers.filename().string();
    const auto suffix = result.graph_driver.find("-containers");
    if (suffix != std::string::npos) result.graph_driver.resize(suffix);
  }
  return result;
}

}  // namespace

std::optional<RuncState> read_runc_state(const std::string& root, const std::string& id,
                                         const std::string& cgroup_path) {
  if (!id.empty()) {
    const Json state = read_json(fs::path(root) / id / "state.json");
    if (names_cgroup(state, cgroup_path)) return from_state(state);
  }
  std::error_code error;
  for (auto it = fs::directory_iterator(root, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    const Json state = read_json(it->path() / "state.json");
    if (names_cgroup(state, cgroup_path)) return from_state(state);
  }
  return std::nullopt;
}

std::optional<RuncState> read_runc_state(const std::string& file) {
  return from_state(read_json(file));
}

bool read_podman_storage(const std::string& graph_root, const std::string& driver, wire::Container& container) {
  const Json all = read_json(fs::path(graph_root) / (driver + "-containers") / "containers.json");
  if (!all.is_array()) return false;
  for (const auto& entry : all) {
    if (text_at(entry, "id") != container.id) continue;
    if (entry.contains("names") && entry["names"].is_array() && !entry["names"].empty() &&
        entry["names"][0].is_string())
      container.name = entry["names"][0].get<std::string>();
    const Json metadata = Json::parse(text_at(entry, "metadata"), nullptr, false);
    container.image = text_at(metadata, "image-name");
    const std::string image_id = text_at(entry, "image");
    const Json images = read_json(fs::path(graph_root) / (driver + "-images") / "images.json");
    if (images.is_array())
      for (const auto& image : images)
        if (text_at(image, "id") == image_id) container.image_digest = text_at(image, "digest");
    return true;
  }
  return false;
}

}  // namespace plumbline::agent
