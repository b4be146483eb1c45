// Files in the roots of containers (docs/decisions/0034-files-in-containers.md): which containers run is read from
// their runtimes' folders, which are watched as managed files are; each selected container has subjects of its own,
// from its start to its end.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent/detect/image_file.hpp"
#include "agent/observer_types.hpp"

namespace plumbline::agent {
namespace {

constexpr const char* proc = "/proc";
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t quiet = second / 50;  // a runtime writes its folder in several steps
constexpr std::int64_t longest = second / 4;
constexpr std::int64_t again_after = second / 4;
constexpr std::int64_t longest_start = 10 * second;  // of a container that is not in its root yet

bool is_same_process(const Containers::Running& a, const Containers::Running& b) {
  return a.init_pid == b.init_pid && a.init_start_ticks == b.init_start_ticks;
}

}  // namespace

/// Nobody's folders are watched, and nobody's files of containers read, unless a baseline asks for it.
void Observer::follow_containers() {
  const bool wanted =
      std::any_of(sources_.begin(), sources_.end(), [](const auto& source) { return !source->in_containers.empty(); });
  if (wanted && runtime_watches_.empty()) {
    for (const auto& folder : p_.containers.state_folders()) runtime_watches_.insert(tree_.add(folder, true));
    list_containers();
  }
}

/// Each container's own file is watched before it is read: whatever becomes of it then is told.
void Observer::list_containers() {
  running_ = p_.containers.running();
  const auto files = p_.containers.state_files();
  bool is_new = false;
  for (const auto& file : files) {
    if (state_watches_.contains(file)) continue;
    runtime_watches_.insert(state_watches_[file] = tree_.add(file, true));
    is_new = true;
  }
  std::erase_if(state_watches_, [&](const auto& known) {
    if (std::find(files.begin(), files.end(), known.first) != files.end()) return false;
    runtime_watches_.erase(known.second);
    tree_.remove(known.second);
    return true;
  });
  if (is_new) running_ = p_.containers.running();
}

void Observer::look_at_containers_soon() {
  look_at_containers_at_ = once_quiet(p_.clock.boot(), containers_moved_at_, quiet, longest);
}

/// nullptr: it is not to be looked into (yet); not_looked_into_ says why, unless it ended.
std::shared_ptr<const Observer::Container> Observer::opened(const Containers::Running& running) {
  const std::string& id = running.found.container.id;
  if (const auto known = containers_.find(id); known != containers_.end()) {
    auto& before = known->second;
    if (!is_same_process(before->running, running)) return nullptr;
    if (before->running.found.missing.empty() || !running.found.missing.empty()) return before;
    const auto named = std::make_shared<const Container>(Container{running, before->root});
    for (const auto& [watch, subject] : subjects_)
      if (subject->container == before) subject->container = named;
    return before = named;
  }
  auto root = ContainerRoot::open(proc, {running.init_pid, running.init_start_ticks}, running.rootfs);
  if (root) {
    starting_.erase(id);
    return containers_[id] = std::make_shared<const Container>(Container{running, std::move(*root)});
  }
  if (root.error().code == ErrorCode::not_found) return nullptr;
  const std::int64_t now = p_.clock.boot();
  const std::int64_t since = starting_.try_emplace(id, now).first->second;
  if (root.error().code == ErrorCode::unavailable && now - since < longest_start) {
    look_at_containers_at_ = now + again_after;
    return nullptr;
  }
  not_looked_into_[id] = root.error().why;
  return nullptr;
}

/// What the source expects on the node, and in each container that it selects.
std::vector<Observer::Wanted> Observer::wanted_of(Source& source, const std::vector<baseline::FileExpectation>& files) {
  std::vector<Wanted> wanted;
  source.in_containers.clear();
  for (const auto& file : files) {
    if (file.containers)
      source.in_containers.push_back(file);
    else
      wanted.push_back({&file, nullptr});
  }
  follow_containers();
  for (const auto& file : source.in_containers)
    for (const auto& running : running_)
      if (file.containers->selects(running.found.container))
        if (auto container = opened(running)) wanted.push_back({&file, std::move(container)});
  return wanted;
}

bool Observer::has_room_for(const Wanted& wanted) {
  if (!wanted.container || container_files_ < options_.max_container_files) return true;
  ++crowded_out_;
  return false;
}

/// Those that started, and those that ended, since the last look.
void Observer::look_at_containers() {
  look_at_containers_at_ = containers_moved_at_ = 0;
  if (runtime_watches_.empty()) return;
  list_containers();
  end_containers();
  not_looked_into_.clear();
  crowded_out_ = 0;
  std::set<WatchId> fresh;
  for (const auto& source : sources_)
    for (const auto& file : source->in_containers)
      for (const auto& running : running_) {
        if (!file.containers->selects(running.found.container)) continue;
        const Wanted wanted{&file, opened(running)};
        if (!wanted.container || source->subjects.contains(Subject::key_of(*source, file, wanted.container.get())))
          continue;
        if (has_room_for(wanted)) fresh.insert(add_subject(*source, wanted).watch);
      }
  std::erase_if(starting_, [&](const auto& known) {
    return std::none_of(running_.begin(), running_.end(),
                        [&](const auto& running) { return running.found.container.id == known.first; });
  });
  tell_of_containers();
  if (fresh.empty()) return;
  scan(fresh, "scan", "changed before the agent first looked into its container");
  drop_retired();
}

/// What was found in a container ends with it: there is nothing left to put right.
void Observer::end_containers() {
  std::set<std::string> gone;
  for (const auto& [id, container] : containers_) {
    const auto now = std::find_if(running_.begin(), running_.end(), [&, wanted = &id](const auto& running) {
      return running.found.container.id == *wanted;
    });
    if (now == running_.end() || !is_same_process(*now, container->running) || !container->root->is_alive())
      gone.insert(id);
  }
  if (gone.empty()) return;
  std::vector<WatchId> ended;
  std::vector<wire::Drift> closed;
  for (const auto& [watch, subject] : subjects_) {
    if (!gone.contains(subject->container_id())) continue;
    auto drift = p_.state.with_book([&, of = subject->drift_of()](const DriftBook& book) {
      return book.accepted(of, p_.clock.wall(), "its container is gone, and its root file system with it");
    });
    if (drift) closed.push_back(std::move(*drift));
    p_.state.remove_row(subject->key());
    ended.push_back(watch);
  }
  for (const WatchId watch : ended) {
    settle_.erase(watch);
    remove_subject(watch);
  }
  for (const auto& id : gone) containers_.erase(id);
  record_or_keep({}, std::move(closed), {});
  drop_retired();
}

/// After a baseline moved: what nobody manages anything in any more is let go of.
void Observer::forget_unused_containers() {
  if (runtime_watches_.empty()) return;
  std::set<std::string> used;
  bool wanted = false;
  for (const auto& [watch, subject] : subjects_) used.insert(subject->container_id());
  for (const auto& source : sources_) wanted = wanted || !source->in_containers.empty();
  std::erase_if(containers_, [&](const auto& known) { return !used.contains(known.first); });
  if (!wanted) {
    for (const WatchId watch : std::exchange(runtime_watches_, {})) tree_.remove(watch);
    state_watches_.clear();
    running_.clear();
    not_looked_into_.clear();
    starting_.clear();
    crowded_out_ = 0;
    look_at_containers_at_ = containers_moved_at_ = 0;
  }
  tell_of_containers();
}

void Observer::tell_of_containers() {
  std::vector<wire::BlindSpot> all;
  for (const auto& [id, why] : not_looked_into_)
    all.push_back({"container_not_watched", id, "Files that a baseline expects in this container are not watched.", why,
                   "see plumb status and the agent's log"});
  for (const auto& [watch, subject] : subjects_)
    if (!subject->why_no_image.empty())
      all.push_back({"image_not_known", subject->container_id() + ":" + subject->expected.path,
                     "This path of a container is not compared with what its image has.", subject->why_no_image,
                     "declare sha256 instead of image"});
  if (crowded_out_ > 0)
    all.push_back({"container_files_crowded", "node",
                   std::to_string(crowded_out_) + " files in containers are not watched.",
                   "limits.max_container_files is " + std::to_string(options_.max_container_files),
                   "raise it, or select fewer containers"});
  if (!runtime_watches_.empty())
    all.push_back({"container_mounts", "node",
                   "What is mounted over a managed path within a container alone is found by the rescan only.",
                   "the kernel tells of a mount those alone who are in its mount namespace", ""});
  p_.counters.container_files = container_files_;
  p_.counters.container_files_crowded = crowded_out_;
  p_.state.set_container_blind_spots(std::move(all));
}

/// Whether the subject's container ended: what is missing then was not taken away by anybody.
bool Observer::container_is_gone(const Subject& subject) {
  if (!subject.container || subject.container->root->is_alive()) return false;
  look_at_containers_at_ = p_.clock.boot();
  return true;
}

LiveFile Observer::read(const Subject& subject, const Resolution& where, ReadRequest request) const {
  if (!subject.container) return read_live(p_.kernel, where.physical, request);
  if (request.max_bytes > options_.max_container_file_bytes) {
    request.max_bytes = options_.max_container_file_bytes;
    request.limit = "limits.max_container_file_bytes";
  }
  return read_live(p_.kernel, *subject.container->root, where.physical, request);
}

/// Turns "as the image has it" into what the image has, and watches.
void Observer::take_image(Subject& subject) {
  const ContainerRoot& root = *subject.container->root;
  subject.declared = std::make_unique<const baseline::FileExpectation>(subject.expected);
  const auto known = [&]() -> Result<ImageExpectation> {
    const auto mount = root.root_mount();
    if (!mount) return mount.error();
    const auto image = ImageLayers::open(root.runtime_process(), *mount, subject.container->running.rootfs);
    if (!image) return image.error();
    return expectation_of_image(*subject.declared, *image, root.has_hosts_users(), options_.max_container_file_bytes);
  }();
  if (known)
    subject.expected = known->expected;
  else
    subject.why_no_image = known.error().why + (known.error().fix.empty() ? "" : "; " + known.error().fix);
  watch(subject);
  if (!known || known->is_certain) return;
  // What is live cannot be the lower layer's by chance.
  const Resolution& where = tree_.resolve(subject.watch);
  LiveFile live;
  if (where.exists) live = read(subject, where, needs(subject.expected, options_.max_container_file_bytes));
  if (compare(subject.expected, live, *subject.source->key, p_.users).result == wire::ComparisonResult::match) return;
  subject.why_no_image =
      "it was changed before the agent looked into its container, and which of the image's layers it was of cannot be "
      "told without CAP_SYS_ADMIN (trusted.overlay.opaque)";
}

}  // namespace plumbline::agent
