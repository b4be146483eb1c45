// The roots of containers, the layers of images and the libraries of a program: where TlsScanner looks for files.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "agent/source/elf_file.hpp"
#include "agent/source/host_mounts.hpp"
#include "agent/source/tls_scanner.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_libraries = 256;
constexpr std::chrono::minutes unpacking_time{10};  // of a large image
constexpr std::array library_folders{"/lib",
                                     "/lib64",
                                     "/usr/lib",
                                     "/usr/lib64",
                                     "/lib/x86_64-linux-gnu",
                                     "/usr/lib/x86_64-linux-gnu",
                                     "/lib/aarch64-linux-gnu",
                                     "/usr/lib/aarch64-linux-gnu",
                                     "/usr/local/lib"};
constexpr std::array root_folders{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local", "/opt"};

/// Never outside the root, whatever links the container put there, nor into what is mounted in it: somebody may serve
/// that, who is in no hurry.
Fd open_in_root(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

std::uint64_t device_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_dev : 0;
}

/// What a runtime loads by itself when its program asks for TLS: "libssl.so.3", "_ssl.cpython-312.so",
/// "_awscrt.abi3.so".
bool may_have_tls(std::string_view name) {
  constexpr std::array signs{"ssl", "tls", "crypto", "awscrt", "s2n"};
  return name.find(".so") != std::string_view::npos && std::any_of(signs.begin(), signs.end(), [&](const char* sign) {
           return name.find(sign) != std::string_view::npos;
         });
}

}  // namespace

/// A container's root is mounted on the host tens of milliseconds before anything runs in it: time to look at layers
/// that came since the folders were looked through. By their own paths: a hook keeps what it was made through from
/// being unmounted, and an overlay that is still there must not be mounted again with the same upper folder.
void TlsScanner::look_at_mounts(const std::stop_token& stop) {
  std::set<std::uint64_t> present, gone;
  std::set<std::pair<std::uint64_t, std::string>> overlays;
  for (const auto& mount : read_mounts(host_process_ + "/mountinfo")) {
    const std::uint64_t device = makedev(mount.device.first, mount.device.second);
    present.insert(device);
    if (mount.type == "overlay") overlays.emplace(device, mount.path);
  }
  std::set_difference(devices_.begin(), devices_.end(), present.begin(), present.end(),
                      std::inserter(gone, gone.end()));
  devices_ = std::move(present);
  const bool is_more = !layers_ || !std::includes(overlays_.begin(), overlays_.end(), overlays.begin(), overlays.end());
  overlays_ = std::move(overlays);
  if (is_more) look_at_new_layers(stop);
  if (gone.empty()) return;
  let_go_of_roots(gone);
  if (!files_.forget_devices(gone)) return;
  // Others may run the same file of a layer, or load it later.
  if (mapped_ != nullptr) mapped_->tell_all_again();
  known_roots_.clear();
  remember_host_root();
  look_at_running(stop);
}

/// Of what is unmounted nothing more is looked at: a hook would keep it alive.
void TlsScanner::let_go_of_roots(const std::set<std::uint64_t>& devices) {
  std::erase_if(fresh_roots_, [&](const Root& root) { return devices.contains(device_of(root.folder.get())); });
  std::erase_if(roots_, [&](const Fd& root) { return devices.contains(device_of(root.get())); });
  if (walking_ != nullptr && devices.contains(walked_device_)) walking_->request_stop();
}

/// Again at every mount for a while, as a layer is not unpacked at once.
void TlsScanner::look_at_new_layers(const std::stop_token& stop) {
  const auto now = std::chrono::steady_clock::now();
  Layers present;
  for (const auto& folder : options_.folders) {
    const std::string path = options_.host_root + folder;
    const std::unique_ptr<DIR, int (*)(DIR*)> layers(::opendir(path.c_str()), ::closedir);
    while (const dirent* entry =
               layers ? ::readdir(layers.get()) : nullptr) {  // NOLINT(concurrency-mt-unsafe): our own
      const std::string name = entry->d_name;
      struct stat status{};
      if (name == "." || name == ".." || entry->d_type != DT_DIR || stop.stop_requested() ||
          ::fstatat(::dirfd(layers.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      const std::pair id{status.st_dev, status.st_ino};
      auto came = now;
      if (!layers_)
        came -= unpacking_time;  // the folders are looked through at start
      else if (const auto known = layers_->find(id); known != layers_->end())
        came = known->second;
      present[id] = came;
      if (now - came >= unpacking_time) continue;
      Fd layer(::openat(::dirfd(layers.get()), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!layer) continue;
      files_.look_below(std::move(layer), {path + "/" + name, [this, &stop] { take_executions(stop); }, may_have_tls},
                        stop);
      counters_.layers.fetch_add(1, std::memory_order_relaxed);
    }
  }
  layers_ = std::move(present);
}

void TlsScanner::look_at_likely(int root, const std::stop_token& stop) {
  for (const char* below : root_folders)
    if (Fd at = open_in_root(root, below, O_RDONLY | O_DIRECTORY); at && !stop.stop_requested())
      files_.look_below(std::move(at), {below, [this, &stop] { take_executions(stop); }, may_have_tls}, stop);
}

void TlsScanner::look_through_roots(const std::stop_token& stop) {
  while (!roots_.empty() && !stop.stop_requested() && walking_ == nullptr) {
    const Fd root = std::move(roots_.front());
    roots_.pop_front();
    std::stop_source walk;
    const std::stop_callback with_us(stop, [&walk] { walk.request_stop(); });
    walking_ = &walk;
    walked_device_ = device_of(root.get());
    for (const char* below : root_folders)
      if (Fd at = open_in_root(root.get(), below, O_RDONLY | O_DIRECTORY); at && !walk.stop_requested())
        files_.look_below(std::move(at), {below, [this, &stop] { take_urgent(stop); }}, walk.get_token());
    walking_ = nullptr;
    counters_.roots.fetch_add(1, std::memory_order_relaxed);
  }
}

/// All that the dynamic linker will map before the program's own code runs, as far as it lies where libraries usually
/// do.
void TlsScanner::look_at_libraries(int root, int exe) {
  std::set<std::string> names;
  std::deque<Fd> files;
  files.emplace_back(::fcntl(exe, F_DUPFD_CLOEXEC, 0));
  for (; !files.empty() && !stopping_.stop_requested(); files.pop_front()) {
    const auto elf = ElfFile::open(files.front().get(), {.stop = stopping_.get_token()});
    if (!elf) continue;
    for (const auto& name : elf->needed()) {
      if (names.size() >= max_libraries || name.find('/') != std::string::npos || !names.insert(name).second) continue;
      for (const char* folder : library_folders) {
        Fd library = TlsFiles::reopened(open_in_root(root, folder + ("/" + name), O_PATH));
        if (!library) continue;
        if (!files_.look(library.get(), folder + ("/" + name))) files.push_back(std::move(library));
        break;
      }
    }
  }
}

}  // namespace plumbline::agent
