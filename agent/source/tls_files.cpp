#include "agent/source/tls_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "agent/source/file_place.hpp"
#include "include/util/file_time.hpp"
#include "include/util/log_text.hpp"

namespace plumbline::agent {
namespace {

constexpr int max_depth = 64;
constexpr std::size_t unhook_threads = 64;
constexpr rlim_t kept_free = 256;         // descriptors: for all else that the agent does
constexpr std::uint64_t smallest = 4096;  // bytes: no program with TLS in it is smaller

struct DirDeleter {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::optional<struct stat> status_of(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  return status;
}

/// The lowest free number is taken, so it says how many are in use.
bool are_few_left(int fd) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && static_cast<rlim_t>(fd) + kept_free > limit.rlim_cur;
}

/// What cannot have TLS in it is not even opened.
bool is_candidate(const struct stat& status) {
  return S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) >= smallest;
}

bool needs_return_probes(const TlsFunctions& functions) {
  return std::any_of(functions.hooks.begin(), functions.hooks.end(),
                     [](const TlsHook& hook) { return hook.at_return_of_function; });
}

}  // namespace

Fd TlsFiles::reopened(const Fd& place) {
  const auto status = place ? status_of(place.get()) : std::nullopt;
  if (!status || !S_ISREG(status->st_mode)) return Fd();
  return Fd(::open(("/proc/self/fd/" + std::to_string(place.get())).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

std::string TlsFiles::path_of(const Fd& file) {
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : link;
}

TlsFiles::TlsFiles(Capture& capture, Options options, const Clock& clock)
    : capture_(capture),
      options_(std::move(options)),
      changes_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      written_(clock) {
  struct stat own{};
  if (::stat("/proc/self/exe", &own) == 0) own_ = identity_of(own, false);
}
TlsFiles::~TlsFiles() {
  unhook_all();
}

bool TlsFiles::look(int fd, const std::string& path) {
  const auto status = status_of(fd);
  if (!status || !is_candidate(*status)) return false;
  const Identity identity = identity_of(*status, is_of_memory(fd));
  bool is_hooked = false;
  if (is_known(identity, is_hooked)) return is_hooked;
  // Not by whoever maps it next either: the hooks would stand in the way of its writer.
  if (written_.has([&](int written) { return is_now(written, identity); })) return false;
  forget_former(identity);
  return look_at_content(fd, path, identity);
}

TlsFiles::Identity TlsFiles::identity_of(const struct stat& status, bool is_of_memory) {
  return {is_of_memory ? status.st_dev : 0, status.st_ino, ns_of(status.st_ctim),
          static_cast<std::uint64_t>(status.st_size)};
}

bool TlsFiles::is_now(int fd, const Identity& identity) {
  const auto status = status_of(fd);
  return status && identity_of(*status, std::get<0>(identity) != 0) == identity;
}

bool TlsFiles::is_known(const Identity& identity, bool& is_hooked) const {
  if (identity == own_ || nothing_.contains(identity)) return true;
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(identity);
  is_hooked = known != known_.end() && known->second.hooked;
  return known != known_.end();
}

/// A hooked file whose change time moved (chmod, or somebody wrote into it) would be hooked twice, and tell all twice.
void TlsFiles::forget_former(const Identity& identity) {
  forget([&](const Identity& known_as, const Known& known) {
    if (std::get<0>(known_as) != std::get<0>(identity) || std::get<1>(known_as) != std::get<1>(identity)) return false;
    const auto now = known.file ? status_of(known.file.get()) : std::nullopt;
    return now && ns_of(now->st_ctim) == std::get<2>(identity);
  });
}

/// Ending a hook takes the kernel tens of ms, for which nobody who asks for rows() is to wait.
void TlsFiles::forget(const std::function<bool(const Identity& identity, Known& known)>& is_gone) {
  std::vector<Known> gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = known_.begin(); at != known_.end();) {
      const auto here = at++;
      if (!is_gone(here->first, here->second)) continue;
      gone.push_back(std::move(here->second));
      known_.erase(here);
    }
  }
  for (const auto& known : gone)
    if (known.number >= 0 && !written_.contains(known.number)) ::inotify_rm_watch(changes_.get(), known.number);
}

std::size_t TlsFiles::count(bool hooked) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      known_.begin(), known_.end(), [&](const auto& each) { return (each.second.hooked != nullptr) == hooked; }));
}

std::size_t TlsFiles::count_of(std::uint64_t device) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(known_.begin(), known_.end(), [&](const auto& each) {
    return each.second.hooked != nullptr && each.second.device == device;
  }));
}

/// "" = there is one. Files that are deleted, as layers of images are in time, make room.
std::string TlsFiles::why_no_place(int fd, std::uint64_t device) {
  const auto why = [&]() -> std::string {
    if (count(true) >= options_.max_hooked)
      return "all " + std::to_string(options_.max_hooked) + " places for files with TLS are in use";
    if (is_of_one_container(fd) && count_of(device) >= options_.max_hooked_of_one)
      return "all " + std::to_string(options_.max_hooked_of_one) + " places for files of one container are in use";
    return "";
  };
  if (why().empty()) return "";
  forget([](const Identity&, const Known& each) {
    const auto status = each.file ? status_of(each.file.get()) : std::nullopt;
    return status && status->st_nlink == 0;
  });
  return why();
}

bool TlsFiles::look_at_content(int fd, const std::string& path, const Identity& identity) {
  counters_.looked.fetch_add(1, std::memory_order_relaxed);
  Known known;
  known.row.path = path;
  const auto elf = ElfFile::open(fd, {.stop = stop_});
  const auto found = elf ? find_tls_functions(*elf) : Result<TlsFunctions>(elf.error());
  if (stop_.stop_requested()) return false;                                 // nothing is known of it
  const bool is_none = !elf && elf.error().code == ErrorCode::unsupported;  // a script, a picture
  if (is_none || (found && found->hooks.empty())) {
    if (nothing_.size() >= options_.max_known) {
      counters_.forgotten.fetch_add(nothing_.size(), std::memory_order_relaxed);
      nothing_.clear();
    }
    nothing_.insert(identity);
    return false;
  }
  if (const auto status = status_of(fd)) known.device = status->st_dev;
  if (!found) {
    known.row.error = found.error().message();
  } else if (std::string why = why_no_place(fd, known.device); !why.empty()) {
    known.row.stack = found->stack;
    known.row.error = std::move(why);
  } else if (!options_.why_no_return_probes.empty() && needs_return_probes(*found)) {
    known.row.stack = found->stack;
    known.row.error = options_.why_no_return_probes;
  } else {
    known.row.stack = found->stack;
    known.row.hooks = found->hooks.size();
    known.file = options_.own_mounts ? by_own_mount(fd) : Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    // Before the hook, so that no write in between is missed.
    known.number = ::inotify_add_watch(changes_.get(), ("/proc/self/fd/" + std::to_string(fd)).c_str(),
                                       IN_MODIFY | IN_CLOSE_WRITE);
    if (!known.file || are_few_left(known.file.get()))
      known.row.error = "few descriptors are left; raise LimitNOFILE of the agent's unit (RLIMIT_NOFILE)";
    else if (known.number < 0)
      known.row.error =
          io_error("watch for whoever writes into it", errno, "raise fs.inotify.max_user_watches").message();
    else if (auto hooked = capture_.hook(known.file.get(), *found))
      known.hooked = std::move(*hooked);
    else
      known.row.error = hooked.error().message();
  }
  const bool hooked = known.hooked != nullptr;
  if (!hooked && known.number >= 0) ::inotify_rm_watch(changes_.get(), std::exchange(known.number, -1));
  if (!hooked) known.file.reset();
  (hooked ? counters_.hooked : counters_.refused).fetch_add(1, std::memory_order_relaxed);
  if (!hooked && count(false) >= options_.max_refused) return false;
  if (hooked)
    spdlog::debug("event=tls_hooked path=\"{}\" stack={} hooks={}", log_text(path), known.row.stack, known.row.hooks);
  else
    spdlog::warn("event=tls_not_hooked path=\"{}\" stack={} why=\"{}\"", log_text(path), known.row.stack,
                 log_text(known.row.error));
  const std::lock_guard lock(mutex_);
  known_.insert_or_assign(identity, std::move(known));
  return hooked;
}

void TlsFiles::look_below(Fd folder, const Below& below, const std::stop_token& stop) {
  const auto status = status_of(folder.get());
  if (!status) return;
  if (below.watch) watch(folder.get(), below.path);
  look_below(folder.release(), below.path, {status->st_dev, stop, below}, 0);
}

/// `folder` is ours from here on.
void TlsFiles::look_below(int folder, const std::string& path, const Walk& walk, int depth) {
  const std::unique_ptr<DIR, DirDeleter> entries(::fdopendir(folder));
  if (!entries) {
    ::close(folder);
    return;
  }
  bool is_watched = depth == 0;
  while (const dirent* entry = ::readdir(entries.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (walk.stop.stop_requested()) return;
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || (entry->d_type != DT_REG && entry->d_type != DT_DIR)) continue;
    if (entry->d_type == DT_DIR) {
      if (depth >= max_depth) continue;
      const int below = ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      const auto status = below < 0 ? std::nullopt : status_of(below);
      if (status && status->st_dev == walk.device)
        look_below(below, path + "/" + name, walk, depth + 1);
      else if (below >= 0)
        ::close(below);
      continue;
    }
    if (walk.below.between) walk.below.between();
    if (walk.stop.stop_requested()) return;
    if (walk.below.wants && !walk.below.wants(name)) continue;
    const bool is_hooked = look_at_entry(folder, name, path);
    if (walk.below.watch && is_hooked && !std::exchange(is_watched, true)) watch(folder, path);
  }
}

/// Most are known or too small, which can be said without opening them. True: it is hooked.
bool TlsFiles::look_at_entry(int folder, const std::string& name, const std::string& path) {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !is_candidate(status)) return false;
  bool is_hooked = false;
  if (is_known(identity_of(status, is_of_memory(folder)), is_hooked)) return is_hooked;
  const Fd file = reopened(Fd(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)));
  return file && look(file.get(), path + "/" + name);
}

void TlsFiles::look_at_process(const std::string& folder) {
  // By the kernel's own links, which are the files themselves: a path in maps is what a container chose.
  if (const Fd exe(::open((folder + "/exe").c_str(), O_RDONLY | O_CLOEXEC)); exe) look(exe.get(), path_of(exe));
  std::ifstream maps(folder + "/maps");
  std::set<std::string> seen;
  for (std::string line; std::getline(maps, line);) {
    // "55d0c0a00000-55d0c0a28000 r-xp 00002000 fd:01 393243      /usr/lib/libx.so"; proc(5)
    std::istringstream fields(line);
    std::string range, mode, offset, device, inode;
    fields >> range >> mode >> offset >> device >> inode;
    if (mode.size() < 3 || mode[2] != 'x' || inode == "0" || !seen.insert(device + inode).second) continue;
    std::uint64_t start = 0, end = 0;
    if (std::sscanf(range.c_str(), "%lx-%lx", &start, &end) != 2) continue;
    const Fd file = reopened(open_mapped(folder, start, end));
    const auto path = line.find('/');
    if (file) look(file.get(), path == std::string::npos ? folder : line.substr(path));
  }
}

bool TlsFiles::forget_devices(const std::set<std::uint64_t>& devices) {
  bool were_some = false;
  forget([&](const Identity&, const Known& known) {
    const bool is_gone = known.hooked && devices.contains(known.device);
    were_some |= is_gone;
    return is_gone;
  });
  written_.forget_devices(devices);
  return were_some;
}

void TlsFiles::unhook_all() {
  std::map<Identity, Known> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(known_);
  }
  std::vector<std::unique_ptr<Hooked>> hooked;
  for (auto& [identity, known] : all)
    if (known.hooked) hooked.push_back(std::move(known.hooked));
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(unhook_threads, hooked.size()); ++i)
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < hooked.size(); at = next++) hooked[at].reset();
    });
  for (auto& thread : threads) thread.join();
}

std::vector<TlsFileRow> TlsFiles::rows() const {
  std::vector<TlsFileRow> rows;
  const std::lock_guard lock(mutex_);
  for (const auto& [identity, known] : known_) rows.push_back(known.row);
  return rows;
}

}  // namespace plumbline::agent
