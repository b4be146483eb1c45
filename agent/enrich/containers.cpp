#include "agent/enrich/containers.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "agent/enrich/runtime_files.hpp"
#include "fetch/file_origin.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t max_cgroups = 4096;

}  // namespace

std::string container_id_of(const std::string& cgroup_path) {
  // podman nests "container" below its own group; the id is in the last component that carries one.
  std::string_view rest = cgroup_path;
  while (!rest.empty()) {
    const auto slash = rest.rfind('/');
    std::string_view leaf = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(0, slash);
    if (leaf.ends_with(".scope")) leaf.remove_suffix(6);
    for (const std::string_view prefix : {"libpod-", "docker-", "cri-containerd-", "crio-"})
      if (leaf.starts_with(prefix)) leaf.remove_prefix(prefix.size());
    if (fetch::is_docker_id(leaf)) return std::string(leaf);
  }
  return "";
}

std::string pod_uid_of(const std::string& cgroup_path) {
  // Below users' slices, services and containers anybody may name a cgroup like a pod's: kubelet's own are at the top,
  // and the first that is a pod's is kubelet's.
  std::string_view rest = cgroup_path;
  bool is_top = true;
  while (rest.size() > 1) {
    rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    std::string_view name = part;
    if (name.starts_with("kubelet-")) name.remove_prefix(8);
    if (is_top && !name.starts_with("kubepods") && name != "kubelet" && name != "kubelet.slice") return "";
    is_top = false;
    const bool by_systemd = name.starts_with("kubepods") && name.ends_with(".slice");
    const auto pod = by_systemd ? name.find("-pod") : std::string_view::npos;
    std::string uid;
    if (pod != std::string_view::npos)
      uid = name.substr(pod + 4, name.size() - pod - 4 - 6);
    else if (name.starts_with("pod") && !by_systemd)
      uid = name.substr(3);
    if (by_systemd) std::replace(uid.begin(), uid.end(), '_', '-');
    if (uid.size() >= 32 && uid.size() <= 36 && uid.find_first_not_of("0123456789abcdef-") == std::string::npos)
      return uid;
    if (!name.starts_with("kube") && name != "burstable" && name != "besteffort") return "";
  }
  return "";
}

Containers::Containers(ContainerRoots roots) : roots_(std::move(roots)) {}

void Containers::on_cgroup(std::uint64_t id, bool v1, const std::string& path) {
  const Key key{v1, id};
  if (by_id_.size() >= max_cgroups && !by_id_.contains(key) && !order_.empty()) {
    by_id_.erase(order_.begin()->second);
    order_.erase(order_.begin());
    ++forgotten_;
  }
  if (!by_id_.contains(key)) order_[age_++] = key;
  by_id_[key] = Entry{path, std::nullopt, false};
}

Containers::Entry* Containers::entry(const Key& key) {
  auto it = by_id_.find(key);
  if (it == by_id_.end() && !walked_) {
    walk();
    it = by_id_.find(key);
  }
  return it == by_id_.end() ? nullptr : &it->second;
}

void Containers::walk() {
  walked_ = true;
  std::error_code error;
  const bool hybrid = fs::exists(roots_.cgroup + "/unified", error);
  walk(hybrid ? roots_.cgroup + "/unified" : roots_.cgroup, false);
  if (fs::exists(roots_.cgroup + "/pids", error)) walk(roots_.cgroup + "/pids", true);
}

void Containers::walk(const std::string& mount, bool v1) {
  std::error_code error;
  auto it = fs::recursive_directory_iterator(mount, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    // kernfs: the inode number of a cgroup's directory is its id.
    struct stat status{};
    if (!it->is_directory(error) || ::stat(it->path().c_str(), &status) != 0) continue;
    if (!by_id_.contains(Key{v1, status.st_ino}))
      on_cgroup(status.st_ino, v1, it->path().string().substr(mount.size()));
  }
}

std::optional<Containers::Found> Containers::find(std::uint64_t cgroup_id, std::uint64_t cgroup_v1_id) {
  for (const Key& key : {Key{false, cgroup_id}, Key{true, cgroup_v1_id}}) {
    Entry* known = key.second == 0 ? nullptr : entry(key);
    if (known == nullptr) continue;
    if (!known->looked || (known->found && !known->found->missing.empty())) {
      auto found = identify(known->path);
      if (found || !known->found) known->found = std::move(found);
      known->looked = true;
    }
    if (known->found) return known->found;
  }
  return std::nullopt;
}

bool Containers::of_host(std::uint64_t cgroup_id, std::uint64_t cgroup_v1_id) {
  for (const Key& key : {Key{false, cgroup_id}, Key{true, cgroup_v1_id}}) {
    if (key.second == 0) continue;
    const Entry* known = entry(key);
    if (known == nullptr) return false;
    const std::string& path = known->path;
    const bool host = path.empty() || path == "/" || path.ends_with(".service") || path.ends_with(".scope") ||
                      path.ends_with(".slice");
    if (!host) return false;
  }
  return true;
}

std::optional<Containers::Found> Containers::identify(const std::string& cgroup_path) const {
  if (cgroup_path.empty() || cgroup_path == "/") return std::nullopt;
  const std::string id = container_id_of(cgroup_path), pod_uid = pod_uid_of(cgroup_path);
  std::optional<RuncState> state;
  for (auto root = roots_.runc.begin(); root != roots_.runc.end() && !state; ++root)
    state = read_runc_state(*root, id, cgroup_path);
  if (state) return of_runc(*state, pod_uid);
  if (auto docker = read_runc_state(roots_.docker_runc, id, cgroup_path))
    return of_docker(std::move(docker->container));
  if (id.empty()) return std::nullopt;
  Found found;
  found.missing = container_files_gone;
  found.container.id = id;
  found.container.pod_uid = pod_uid;
  if (cgroup_path.find("libpod-") != std::string::npos) found.container.runtime = "podman";
  if (cgroup_path.find("docker") != std::string::npos) found.container.runtime = "docker";
  if (cgroup_path.find("cri-containerd-") != std::string::npos) found.container.runtime = "containerd";
  if (cgroup_path.find("crio-") != std::string::npos) found.container.runtime = "cri-o";
  return found;
}

Containers::Found Containers::of_runc(const RuncState& state, const std::string& pod_uid) {
  Found found{state.container, ""};
  found.container.pod_uid = pod_uid;
  if (!state.graph_root.empty() && !read_podman_storage(state.graph_root, state.graph_driver, found.container))
    found.missing = container_files_gone;
  return found;
}

std::vector<std::string> Containers::state_folders() const {
  std::vector<std::string> folders = roots_.runc;
  folders.push_back(roots_.docker_runc);
  return folders;
}

std::vector<Containers::Running> Containers::running() {
  std::vector<Running> all;
  decltype(read_) kept;
  for (const auto& folder : state_folders()) {
    std::error_code error;
    for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
      const std::string file = it->path().string() + "/state.json";
      const std::string version = fetch::file_version(file);
      const auto known = read_.find(file);
      const bool is_known = known != read_.end() && !version.empty() && known->second.first == version &&
                            (!known->second.second || known->second.second->found.missing.empty());
      auto state = is_known ? known->second.second : read_running(folder, file);
      if (state) all.push_back(*state);
      kept[file] = {version, std::move(state)};
    }
  }
  read_ = std::move(kept);
  return all;
}

std::vector<std::string> Containers::state_files() const {
  std::vector<std::string> files;
  for (const auto& [file, read] : read_) files.push_back(file);
  return files;
}

std::optional<Containers::Running> Containers::read_running(const std::string& folder, const std::string& file) const {
  const auto state = read_runc_state(file);
  if (!state || state->is_sandbox || state->init_pid == 0) return std::nullopt;
  std::string pod_uid;
  for (const auto& cgroup : state->cgroups)
    if (pod_uid.empty()) pod_uid = pod_uid_of(cgroup);
  Running running{file, {}, state->rootfs, state->init_pid, state->init_start_ticks};
  running.found = folder == roots_.docker_runc ? of_docker(state->container) : of_runc(*state, pod_uid);
  return running;
}

/// Its cgroup is proven by the state of Docker's runc; Docker's own file says the rest.
Containers::Found Containers::of_docker(wire::Container container) const {
  container.runtime = "docker";
  if (!fetch::is_docker_id(container.id)) return {std::move(container), "Docker gives no such ids"};
  auto noted = fetch::read_docker_container(roots_.docker, container.id);
  if (!noted) return {std::move(container), noted.error().message()};
  container.name = std::move(noted->name);
  container.image = std::move(noted->image);
  container.image_digest = std::move(noted->image_digest);
  container.ecs = std::move(noted->task);
  return {std::move(container), ""};
}

}  // namespace plumbline::agent
