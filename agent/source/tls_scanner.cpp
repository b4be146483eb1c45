#include "agent/source/tls_scanner.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "agent/source/file_place.hpp"
#include "agent/source/host_mounts.hpp"
#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_roots = 4096;
constexpr std::size_t max_waiting_roots = 256;  // each keeps a file system from being unmounted

}  // namespace

std::vector<std::string> TlsScanner::usual_folders() {
  return {"/usr/lib",
          "/lib",
          "/usr/lib64",
          "/usr/bin",
          "/usr/sbin",
          "/usr/local",
          "/opt",
          "/var/lib/containers/storage/overlay",                                   // podman, CRI-O
          "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots",  // containerd
          "/var/lib/docker/overlay2",                                              // Docker
          "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"};
}

TlsScanner::TlsScanner(TlsFiles& files, Options options)
    : files_(files), options_(std::move(options)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  files_.set_stop(stopping_.get_token());
}

void TlsScanner::start() {
  // The host's own folders are gone through as such.
  host_process_ = host_process(options_.proc_root);
  struct stat own{};
  if (::stat((host_process_ + "/ns/mnt").c_str(), &own) == 0) host_mount_ns_ = static_cast<std::uint32_t>(own.st_ino);
  remember_host_root();
  if (auto mounts = MountTable::open((host_process_ + "/mountinfo").c_str()))
    mounts_ = std::move(*mounts);
  else
    spdlog::warn("event=mounts_not_watched why=\"{}\"", mounts.error().message());
  thread_ = start_thread("plumb-tls-scan", [this] { run(stopping_.get_token()); });
}

/// Its folders are gone through as such; services with a mount namespace of their own have it too.
void TlsScanner::remember_host_root() {
  struct stat own{};
  if (::stat((host_process_ + "/root").c_str(), &own) == 0)
    known_roots_.emplace(own.st_dev, own.st_ino, ns_of(own.st_ctim));
}

void TlsScanner::stop() {
  stopping_.request_stop();
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void TlsScanner::on_executed(std::uint32_t tgid, std::uint32_t mount_ns) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      counters_.dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    waiting_.push_back({tgid, mount_ns});
  }
  ::eventfd_write(wake_.get(), 1);
}

void TlsScanner::on_executing(Fd exe, std::uint32_t tgid, std::function<void(bool)> done) {
  std::shared_ptr<bool> told(new bool(false), [done = std::move(done)](const bool* was_looked_at) {
    done(*was_looked_at);
    delete was_looked_at;
  });
  {
    const std::lock_guard lock(mutex_);
    if (held_.size() >= options_.max_waiting) {
      counters_.dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    held_.push_back({tgid, 0, std::move(exe), std::move(told)});
  }
  ::eventfd_write(wake_.get(), 1);
}

void TlsScanner::on_mapped(const mapped_record& record) {
  {
    const std::lock_guard lock(mutex_);
    if (mapped_waiting_.size() < options_.max_waiting)
      mapped_waiting_.push_back(record);
    else
      look_at_next_time(record.key);
  }
  ::eventfd_write(wake_.get(), 1);
}

void TlsScanner::look_at_next_time(const mapped_key& key) {
  counters_.mapped_missed.fetch_add(1, std::memory_order_relaxed);
  if (mapped_ != nullptr) mapped_->tell_again(key);
}

void TlsScanner::on_mounted() {
  {
    const std::lock_guard lock(mutex_);
    is_mounted_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
}

void TlsScanner::run(const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  look_at_running(stop);
  const auto mounts = read_mounts(host_process_ + "/mountinfo");
  for (const auto& folder : options_.folders) {
    take_urgent(stop);
    const std::string path = options_.host_root + folder;
    if (!is_local(mounts, folder)) {
      spdlog::warn("event=folder_not_looked_at path=\"{}\" why=\"it lies on a file system that somebody serves\"",
                   folder);
      continue;
    }
    if (Fd at(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); at)
      files_.look_below(std::move(at),
                        {path,
                         [this, &stop] {
                           take_urgent(stop);
                           look_through_roots(stop);
                         },
                         {},
                         true},
                        stop);
  }
  counters_.first_pass_done = true;
  spdlog::info("event=tls_files_looked_at files={} hooked={} ms={}", files_.counters().looked.load(),
               files_.counters().hooked.load(),
               std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count());
  while (!stop.stop_requested()) {
    wait();
    take_urgent(stop);
    look_through_roots(stop);
  }
}

void TlsScanner::wait() {
  std::array<pollfd, 3> waiting = {pollfd{wake_.get(), POLLIN, 0}, pollfd{files_.changed_fd(), POLLIN, 0},
                                   pollfd{mounts_ ? mounts_->wake_fd() : -1, POLLPRI, 0}};
  ::poll(waiting.data(), waiting.size(), files_.wait_ms());
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
}

/// What each process has mapped, and the roots of containers, whose programs may load more.
void TlsScanner::look_at_running(const std::stop_token& stop) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(options_.proc_root.c_str()), ::closedir);
  if (!folder) return;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (stop.stop_requested()) return;
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string process = options_.proc_root + "/" + name;
    files_.look_at_process(process);
    struct stat mount_ns{};
    if (::stat((process + "/ns/mnt").c_str(), &mount_ns) == 0)
      note_root(Fd(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                static_cast<std::uint32_t>(mount_ns.st_ino), nullptr);
    take_executions(stop);
  }
}

/// Executions before mounts and before roots: the first call of a program comes soonest.
void TlsScanner::take_urgent(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    take_executions(stop);
    bool is_mounted = mounts_ && mounts_->moved();
    {
      const std::lock_guard lock(mutex_);
      is_mounted |= std::exchange(is_mounted_, false);
    }
    if (is_mounted) look_at_mounts(stop);
    if (fresh_roots_.empty()) {
      if (is_mounted) continue;
      return;
    }
    Root root = std::move(fresh_roots_.front());
    fresh_roots_.pop_front();
    look_at_likely(root.folder.get(), stop);
    if (root.done) *root.done = true;
    root.done.reset();
    if (roots_.size() < max_waiting_roots) roots_.push_back(std::move(root.folder));
  }
}

void TlsScanner::take_executions(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    for (const auto& change : files_.read_changes()) files_.follow(change);
    files_.look_at_written();
    Execution execution;
    std::optional<mapped_record> mapped;
    {
      const std::lock_guard lock(mutex_);
      auto& next = held_.empty() ? waiting_ : held_;
      if (!next.empty()) {
        execution = std::move(next.front());
        next.pop_front();
      } else if (!mapped_waiting_.empty()) {
        mapped = mapped_waiting_.front();
        mapped_waiting_.pop_front();
      } else {
        return;
      }
    }
    if (mapped)
      look_at_mapped(*mapped);
    else
      look_at(std::move(execution));
  }
}

/// The program and what it is linked to: it is starting now.
void TlsScanner::look_at(Execution execution) {
  const std::string folder = options_.proc_root + "/" + std::to_string(execution.tgid);
  const bool is_held = static_cast<bool>(execution.exe);
  const Fd exe = is_held ? std::move(execution.exe) : Fd(::open((folder + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  Fd root(::open((folder + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!exe) {
    counters_.gone.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  struct stat mount_ns{};
  if (is_held && ::stat((folder + "/ns/mnt").c_str(), &mount_ns) == 0)
    execution.mount_ns = static_cast<std::uint32_t>(mount_ns.st_ino);
  const std::uint64_t hooked = files_.counters().hooked;
  if (!files_.look(exe.get(), TlsFiles::path_of(exe))) look_at_libraries(root.get(), exe.get());
  if (!is_held && files_.counters().hooked != hooked) counters_.late.fetch_add(1, std::memory_order_relaxed);
  counters_.executions.fetch_add(1, std::memory_order_relaxed);
  note_root(std::move(root), execution.mount_ns, std::move(execution.done));
}

/// Of a process that runs: whoever mapped it first may have used it already. The change time, which overlays show as it
/// is, tells whether another file lies there by now.
void TlsScanner::look_at_mapped(const mapped_record& record) {
  const std::string process = options_.proc_root + "/" + std::to_string(record.tgid);
  const Fd file = TlsFiles::reopened(open_mapped(process, record.start, record.end));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 ||
      static_cast<std::uint64_t>(ns_of(status.st_ctim)) != record.key.ctime_ns)
    return look_at_next_time(record.key);
  const std::uint64_t hooked = files_.counters().hooked;
  files_.look(file.get(), TlsFiles::path_of(file));
  if (files_.counters().hooked != hooked) counters_.late.fetch_add(1, std::memory_order_relaxed);
  counters_.mapped.fetch_add(1, std::memory_order_relaxed);
}

/// Its likely files come next. Who waits for nothing more is told.
void TlsScanner::note_root(Fd root, std::uint32_t mount_ns, std::shared_ptr<bool> done) {
  if (fresh_roots_.size() < max_waiting_roots && is_new(root.get(), mount_ns))
    fresh_roots_.push_back({std::move(root), std::move(done)});
  else if (done)
    *done = true;
}

/// The device alone is not enough: the kernel gives the number of one that was unmounted to the next.
bool TlsScanner::is_new(int root, std::uint32_t mount_ns) {
  struct stat status{};
  if (mount_ns == host_mount_ns_ || root < 0 || ::fstat(root, &status) != 0) return false;
  if (known_roots_.size() >= max_roots) known_roots_.clear();  // they are looked through again, which costs time alone
  return known_roots_.emplace(status.st_dev, status.st_ino, ns_of(status.st_ctim)).second;
}

}  // namespace plumbline::agent
