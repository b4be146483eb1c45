#include "agent/source/container_root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace plumbline::agent {
namespace {

/// Below `root`, through no symlink. The last component itself may be one: it is not followed.
Fd open_below(int root, const std::string& path, std::uint64_t more) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | more;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Asks the kernel alone, never the file system.
std::optional<std::uint64_t> mount_id_of(int fd) {
  std::istringstream lines(text_of_file("/proc/self/fdinfo/" + std::to_string(fd)));
  std::string key;
  std::uint64_t id = 0;
  while (lines >> key)
    if (key == "mnt_id:" && lines >> id) return id;
  return std::nullopt;
}

const HostMount* mount_of(const std::vector<HostMount>& mounts, int fd) {
  const auto id = mount_id_of(fd);
  if (!id) return nullptr;
  const auto found = std::find_if(mounts.begin(), mounts.end(), [&](const HostMount& each) { return each.id == *id; });
  return found == mounts.end() ? nullptr : &*found;
}

struct Stat {
  std::uint32_t parent = 0;
  std::uint64_t start_ticks = 0;
};

/// The 4th and the 22nd field of proc_pid_stat(5); the name, which is the second, may hold blanks and parentheses.
Stat stat_of(const std::string& text) {
  Stat stat;
  const auto end = text.rfind(')');
  if (end == std::string::npos) return stat;
  std::istringstream rest(text.substr(end + 1));
  std::string skip;
  rest >> skip >> stat.parent;
  for (int field = 5; field < 22; ++field) rest >> skip;
  rest >> stat.start_ticks;
  return stat;
}

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

constexpr const char* ended = "its first process ended";

}  // namespace

std::string ContainerRoot::proc_file(const char* name) const {
  return "/proc/self/fd/" + std::to_string(process_.get()) + "/" + name;
}

Result<std::shared_ptr<const ContainerRoot>> ContainerRoot::open(const std::string& proc_root, const Process& process,
                                                                 const std::string& rootfs) {
  const std::string folder = proc_root + "/" + std::to_string(process.pid);
  const std::string what = "look into the container of process " + std::to_string(process.pid);
  std::shared_ptr<ContainerRoot> root(new ContainerRoot);
  root->proc_root_ = proc_root;
  root->process_ = Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root->process_ || stat_of(text_of_file(root->proc_file("stat"))).start_ticks != process.start_ticks)
    return Error{ErrorCode::not_found, what, ended, ""};
  const Fd top(::openat(root->process_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) {
    if (errno == EACCES || errno == EPERM)
      return Error{ErrorCode::unsupported, what, "/proc/PID/root may not be opened",
                   "give the agent CAP_SYS_PTRACE, and no AppArmor profile that forbids it"};
    return Error{ErrorCode::not_found, what, ended, ""};
  }
  struct stat now{}, made{}, own{};
  const HostMount* mount = nullptr;
  const auto mounts = read_mounts(root->proc_file("mountinfo"));
  if (mount = mount_of(mounts, top.get()); mount == nullptr)
    return Error{ErrorCode::unavailable, what, "its root is not the root of a mount (yet)", ""};
  if (!is_local(*mount))
    return Error{ErrorCode::unsupported, what,
                 "its root is of type " + mount->type + ", which may let whoever looks into it wait", ""};
  if (::fstat(top.get(), &now) != 0 || ::stat((root->runtime_process() + "/root").c_str(), &own) != 0)
    return io_error(what, errno);
  if (is_same(now, own)) return Error{ErrorCode::unavailable, what, "it is not in its own root (yet)", ""};
  // Its first process may have changed its root before this agent came.
  if (::stat((root->runtime_process() + "/root" + rootfs).c_str(), &made) != 0 || !is_same(now, made))
    return Error{ErrorCode::unavailable, what, "its first process has another root than its runtime made", ""};
  root->dev_ = now.st_dev;
  root->ino_ = now.st_ino;
  root->uids_ = root->read_map("uid_map");
  root->gids_ = root->read_map("gid_map");
  return std::shared_ptr<const ContainerRoot>(std::move(root));
}

std::string ContainerRoot::runtime_process() const {
  const auto parent = stat_of(text_of_file(proc_file("stat"))).parent;
  return parent == 0 ? host_process(proc_root_) : proc_root_ + "/" + std::to_string(parent);
}

bool ContainerRoot::is_alive() const {
  return static_cast<bool>(Fd(::openat(process_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC)));
}

Result<ContainerRoot::Look> ContainerRoot::look() const {
  const char* what = "look into a container";
  Look look;
  look.root_ = Fd(::openat(process_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!look.root_) return Error{ErrorCode::not_found, what, ended, ""};
  look.mounts_ = read_mounts(proc_file("mountinfo"));
  const HostMount* mount = mount_of(look.mounts_, look.root_.get());
  if (mount == nullptr && !is_alive()) return Error{ErrorCode::not_found, what, ended, ""};
  struct stat now{};
  if (mount == nullptr || !is_local(*mount) || ::fstat(look.root_.get(), &now) != 0 || now.st_dev != dev_ ||
      now.st_ino != ino_)
    return Error{ErrorCode::unsupported, what, "its first process has another root by now", ""};
  return look;
}

Fd ContainerRoot::Look::open(const std::string& path) const {
  Fd found = open_below(root_.get(), path, RESOLVE_NO_XDEV);
  return found || errno != EXDEV ? std::move(found) : over_mounts(path);
}

/// Steps onto a mount's root, which asks no file system, and goes on only where that is local.
Fd ContainerRoot::Look::over_mounts(const std::string& path) const {
  Fd at(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
  std::istringstream parts(path);
  for (std::string part; at && std::getline(parts, part, '/');) {
    if (part.empty()) continue;
    Fd next = open_below(at.get(), part, RESOLVE_NO_XDEV);
    if (!next && errno == EXDEV) {
      next = open_below(at.get(), part, 0);
      const HostMount* mount = next ? mount_of(mounts_, next.get()) : nullptr;
      if (next && (mount == nullptr || !is_local(*mount))) {
        errno = EXDEV;
        return {};
      }
    }
    at = std::move(next);
  }
  return at;
}

Result<HostMount> ContainerRoot::root_mount() const {
  const auto top = look();
  if (!top) return top.error();
  return *mount_of(top->mounts_, top->root_.get());
}

/// user_namespaces(7): the first number inside, the first outside, how many.
std::vector<ContainerRoot::IdRange> ContainerRoot::read_map(const char* name) const {
  std::vector<IdRange> map;
  std::istringstream lines(text_of_file(proc_file(name)));
  for (IdRange range; lines >> range.inside >> range.outside >> range.count;) map.push_back(range);
  return map;
}

std::uint32_t ContainerRoot::inside(const std::vector<IdRange>& map, std::uint32_t id) {
  constexpr std::uint32_t nobody = 65534;  // /proc/sys/kernel/overflowuid
  for (const auto& range : map)
    if (id >= range.outside && id - range.outside < range.count)
      return static_cast<std::uint32_t>(range.inside + (id - range.outside));
  return nobody;
}

bool ContainerRoot::has_hosts_users() const {
  return uids_.size() == 1 && uids_[0].inside == uids_[0].outside && uids_[0].count >= 0xffffffff;
}

}  // namespace plumbline::agent
