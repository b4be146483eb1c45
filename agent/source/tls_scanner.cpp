#include "agent/source/tls_scanner.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"
#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_roots = 4096;
constexpr std::size_t max_waiting_roots = 256;  // each keeps a file system from being unmounted
constexpr std::array library_folders{
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/local/lib"};
constexpr std::array root_folders{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt"};

/// Never outside the root, whatever links the container put there.
Fd open_in_root(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NONBLOCK);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

}  // namespace

std::vector<std::string> TlsScanner::usual_folders() {
  return {"/usr/lib",
          "/lib",
          "/usr/lib64",
          "/usr/bin",
          "/usr/sbin",
          "/usr/local",
          "/opt",
          "/var/lib/containers/storage/overlay",                         // podman, CRI-O
          "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs",  // containerd
          "/var/lib/docker/overlay2",                                    // Docker
          "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs"};
}

TlsScanner::TlsScanner(TlsFiles& files, Options options) : files_(files), options_(std::move(options)) {}

void TlsScanner::start() {
  // The host's own folders are gone through as such.
  struct stat own{};
  if (::stat((options_.proc_root + "/1/ns/mnt").c_str(), &own) == 0)
    host_mount_ns_ = static_cast<std::uint32_t>(own.st_ino);
  thread_ = start_thread("plumb-tls-scan", [this] { run(stopping_.get_token()); });
}

void TlsScanner::stop() {
  stopping_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void TlsScanner::on_executed(std::uint32_t tgid, std::uint32_t mount_ns) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= options_.max_waiting) {
    counters_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waiting_.push_back({tgid, mount_ns});
  wake_.notify_all();
}

void TlsScanner::on_changed(const TlsFileChange& change) {
  const std::lock_guard lock(mutex_);
  changed_.push_back(change);
  wake_.notify_all();
}

void TlsScanner::run(const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  look_at_running(stop);
  for (const auto& folder : options_.folders) {
    take_executions(stop);
    const std::string path = options_.host_root + folder;
    if (Fd at(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); at)
      files_.look_below(std::move(at), path, stop, [this, &stop] {
        take_executions(stop);
        look_through_roots(stop);
      });
  }
  counters_.first_pass_done = true;
  spdlog::info("event=tls_files_looked_at files={} hooked={} ms={}", files_.counters().looked.load(),
               files_.counters().hooked.load(),
               std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count());
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop.stop_requested() || !waiting_.empty() || !changed_.empty(); });
    }
    take_executions(stop);
    look_through_roots(stop);
  }
}

void TlsScanner::look_at_running(const std::stop_token& stop) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(options_.proc_root.c_str()), ::closedir);
  if (!folder) return;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (stop.stop_requested()) return;
    const std::string name = entry->d_name;
    if (name.find_first_not_of("0123456789") == std::string::npos)
      files_.look_at_process(options_.proc_root + "/" + name);
  }
}

void TlsScanner::take_executions(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Execution execution;
    std::vector<TlsFileChange> changed;
    {
      const std::lock_guard lock(mutex_);
      changed.swap(changed_);
    }
    for (const auto& change : changed) files_.follow(change);
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      execution = waiting_.front();
      waiting_.pop_front();
    }
    look_at(execution);
  }
}

/// The program and what it is linked to: it is starting now. What it may load later (a language's TLS module) is among
/// the libraries of its root, which are for when nothing else is starting.
void TlsScanner::look_at(const Execution& execution) {
  const std::string folder = options_.proc_root + "/" + std::to_string(execution.tgid);
  const Fd exe(::open((folder + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  Fd root(::open((folder + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!exe) {
    counters_.gone.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (!files_.look(exe.get(), folder + "/exe")) look_at_libraries(root.get(), exe.get());
  remember(std::move(root), execution.mount_ns);
  counters_.executions.fetch_add(1, std::memory_order_relaxed);
}

/// The kernel gives the number of a mount namespace that ended to the next one, so it alone would hide all containers
/// but the first.
void TlsScanner::remember(Fd root, std::uint32_t mount_ns) {
  struct stat status{};
  if (mount_ns == host_mount_ns_ || !root || ::fstat(root.get(), &status) != 0) return;
  if (known_roots_.size() >= max_roots) known_roots_.clear();  // they are looked through again, which costs time alone
  if (roots_.size() >= max_waiting_roots) return;              // its next program tells of it again
  if (known_roots_.emplace(mount_ns, status.st_ino, ns_of(status.st_ctim)).second) roots_.push_back(std::move(root));
}

void TlsScanner::look_through_roots(const std::stop_token& stop) {
  while (!roots_.empty() && !stop.stop_requested()) {
    const Fd root = std::move(roots_.front());
    roots_.pop_front();
    for (const char* below : root_folders)
      if (Fd at = open_in_root(root.get(), below, O_RDONLY | O_DIRECTORY); at && !stop.stop_requested())
        files_.look_below(std::move(at), below, stop, [this, &stop] { take_executions(stop); });
    counters_.roots.fetch_add(1, std::memory_order_relaxed);
  }
}

void TlsScanner::look_at_libraries(int root, int exe) {
  const auto elf = ElfFile::open(exe);
  if (!elf) return;
  for (const auto& name : elf->needed()) {
    if (name.find('/') != std::string::npos) continue;
    for (const char* folder : library_folders) {
      const Fd library = open_in_root(root, folder + ("/" + name), O_RDONLY);
      if (!library) continue;
      files_.look(library.get(), folder + ("/" + name));
      break;
    }
  }
}

}  // namespace plumbline::agent
