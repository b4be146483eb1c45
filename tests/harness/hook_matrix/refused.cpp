#include "tests/harness/hook_matrix/refused.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <limits>
#include <optional>
#include <vector>

#include "include/util/fd.hpp"
#include "tests/harness/hook_matrix/watched.hpp"

namespace plumbline::hook_matrix {
namespace {

constexpr uid_t nobody = 65534;

/// Runs in a process of its own, in the directory that `prepare` made; 0 where it was done after all, else the errno.
struct Call {
  const char* name;
  int (*run)();
};

int outcome(long result) {
  return result < 0 ? errno : 0;
}

int open_and(const char* path, int flags, int (*then)(int)) {
  const Fd fd(::open(path, flags | O_CLOEXEC, 0644));
  return fd ? then(fd.get()) : errno;
}
int nothing(int) {
  return 0;
}

int set_acl() {
  // user::rw-, group::rw-, other::rw- as in linux/posix_acl_xattr.h: version 2, then tag, permissions, id of each.
  struct Entry {
    std::uint16_t tag, permissions;
    std::uint32_t id;
  };
  const struct {
    std::uint32_t version;
    std::array<Entry, 3> entries;
  } acl{2, {{{0x01, 6, ~0u}, {0x04, 6, ~0u}, {0x20, 6, ~0u}}}};
  return outcome(::setxattr("file", "system.posix_acl_access", &acl, sizeof acl, 0));
}

int flip_no_dump(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return errno;
  flags ^= FS_NODUMP_FL;
  return outcome(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

int exchange() {
  return outcome(::syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
}

int set_times() {
  const std::array<timespec, 2> times{{{1, 0}, {1, 0}}};
  return outcome(::utimensat(AT_FDCWD, "file", times.data(), 0));
}

int grow_past_the_limit() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{16384, 16384};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  return outcome(::truncate("file", 65536));
}

int allocate_past_the_end(int fd) {
  return outcome(::fallocate(fd, 0, std::numeric_limits<off_t>::max() - 1, 4096));
}

/// What needs a permission, and a file system that may be written.
constexpr Call forbidden[] = {
    {"open_truncate", [] { return open_and("file", O_WRONLY | O_TRUNC, nothing); }},
    {"open_create", [] { return open_and("new", O_WRONLY | O_CREAT | O_EXCL, nothing); }},
    {"truncate", [] { return outcome(::truncate("file", 1)); }},
    {"chmod", [] { return outcome(::chmod("file", 0666)); }},
    {"chown", [] { return outcome(::chown("file", nobody, nobody)); }},
    {"utimens", set_times},
    {"setxattr", [] { return outcome(::setxattr("file", "trusted.plumbline", "x", 1, 0)); }},
    {"set_acl", set_acl},
    {"chattr", [] { return open_and("file", O_RDONLY, flip_no_dump); }},
    {"rename", [] { return outcome(::rename("file", "elsewhere")); }},
    {"rename_over", [] { return outcome(::rename("other", "file")); }},
    {"rename_into_folder", [] { return outcome(::rename("file", "folder/file")); }},
    {"rename_exchange", exchange},
    {"link", [] { return outcome(::link("file", "alias")); }},
    {"link_own", [] { return outcome(::link("own", "alias")); }},  // protected_hardlinks (proc(5)) does not refuse it
    {"unlink", [] { return outcome(::unlink("file")); }},
    {"symlink", [] { return outcome(::symlink("file", "symlink")); }},
    {"mkdir", [] { return outcome(::mkdir("made", 0755)); }},
    {"mknod", [] { return outcome(::mknod("pipe", S_IFIFO | 0644, 0)); }},
    {"rmdir", [] { return outcome(::rmdir("empty")); }},
};

/// What no permission helps. Each is refused behind the function that the fentry tier hooks, by what that calls.
constexpr Call impossible[] = {
    {"grow_past_the_limit", grow_past_the_limit},
    {"allocate_past_the_end", [] { return open_and("file", O_WRONLY, allocate_past_the_end); }},
    {"replace_no_attribute", [] { return outcome(::setxattr("file", "trusted.none", "x", 1, XATTR_REPLACE)); }},
    {"remove_no_attribute", [] { return outcome(::removexattr("file", "trusted.none")); }},
    {"rename_onto_full_folder", [] { return outcome(::rename("empty", "folder")); }},
    {"rename_file_onto_folder", [] { return outcome(::rename("file", "folder")); }},
    {"mkdir_existing", [] { return outcome(::mkdir("folder", 0755)); }},
    {"link_existing", [] { return outcome(::link("other", "file")); }},
};

/// Puts the calling process where the calls are refused; an errno where it cannot.
int become_nobody(const char* directory) {
  if (::chdir(directory) != 0 || ::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
      ::setresuid(nobody, nobody, nobody) != 0)
    return errno;
  return 0;
}
int mount_read_only(const char* directory) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount(directory, directory, nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, directory, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0 || ::chdir(directory) != 0)
    return errno;
  return 0;
}
int go_there(const char* directory) {
  return ::chdir(directory) == 0 ? 0 : errno;
}

struct Way {
  const char* name;
  int (*enter)(const char* directory);
  std::initializer_list<int> refusals;  ///< what says that the call was refused for this reason
};

struct Said {
  int entered = -1;
  int call = -1;
};

/// In a child, which becomes somebody else or enters another mount namespace for good.
Said ask(const Way& way, const Call& call, const std::string& directory) {
  std::array<int, 2> ends{};
  Said said;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return said;
  const Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    said.entered = way.enter(directory.c_str());
    if (said.entered == 0) said.call = call.run();
    ::_exit(::write(to.get(), &said, sizeof said) == sizeof said ? 0 : 1);
  }
  to.reset();
  if (::read(from.get(), &said, sizeof said) != sizeof said) said = {};
  ::waitpid(child, nullptr, 0);
  return said;
}

void prepare(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) std::filesystem::remove_all(entry);
  for (const char* folder : {"/folder", "/empty"}) std::filesystem::create_directory(directory + folder);
  for (const char* file : {"/file", "/other", "/own", "/folder/child"}) {
    std::ofstream(directory + file) << std::string(8192, 'a');
    ::chmod((directory + file).c_str(), 0644);  // whatever the umask: everybody reads, nobody but the owner writes
  }
  // Who may not do this may not become nobody either, and then "own" is not asked for.
  [[maybe_unused]] const int failed = ::chown((directory + "/own").c_str(), nobody, nobody);
  for (const char* folder : {"", "/folder", "/empty"}) ::chmod((directory + folder).c_str(), 0755);
}

/// Empty = no mark moved by the call, and each does by a change.
std::string moved_by(Kernel& kernel, const Way& way, const Call& call, const std::string& directory, Said& said) {
  prepare(directory);
  const Watched parent(kernel, directory), file(kernel, directory + "/file"), other(kernel, directory + "/other"),
      own(kernel, directory + "/own"), folder(kernel, directory + "/folder"), empty(kernel, directory + "/empty");
  const std::pair<const char*, const Watched&> all[] = {{"directory", parent}, {"file", file},     {"other", other},
                                                        {"own", own},          {"folder", folder}, {"empty", empty}};
  for (const auto& [name, watched] : all)
    if (!watched.trouble().empty()) return std::string("mark ") + name + ": " + watched.trouble();
  said = ask(way, call, directory);
  for (const auto& [name, watched] : all)
    if (watched.actor()) return std::string("the mark moved of: ") + name;
  if (said.call == 0) return "the call was not refused";
  ::chmod((directory + "/file").c_str(), 0600);
  std::filesystem::create_directory(directory + "/control");
  if (!file.actor() || !parent.actor()) return "the marks do not move by a real change either: the case proves nothing";
  return {};
}

bool run_case(Kernel& kernel, const Way& way, const Call& call, const std::string& directory) {
  const std::string name = "hooks." + std::filesystem::path(directory).parent_path().filename().string() + ".refused." +
                           way.name + "." + call.name;
  Said said;
  std::string why = moved_by(kernel, way, call, directory, said);
  if (why.empty() && said.entered < 0) why = "the process that makes the call ended early";
  if (why.empty() && said.entered > 0) {
    std::cout << "SKIP " << name << ": cannot get there: " << errno_text(said.entered) << '\n';
    return true;
  }
  if (why.empty() && (said.call == EOPNOTSUPP || said.call == ENOTTY)) {
    std::cout << "SKIP " << name << ": this file system or kernel cannot do it" << '\n';
    return true;
  }
  if (why.empty() && std::find(way.refusals.begin(), way.refusals.end(), said.call) == way.refusals.end())
    why = "refused for another reason: " + errno_text(said.call);
  std::cout << (why.empty() ? "PASS " : "FAIL ") << name << (why.empty() ? "" : ": ") << why << '\n';
  return why.empty();
}

}  // namespace

bool run_refused(agent::Kernel& kernel, const std::string& directory) {
  const Way as_nobody{"nobody", become_nobody, {EACCES, EPERM}};
  const Way read_only{"read_only", mount_read_only, {EROFS}};
  const Way by_root{"impossible", go_there, {EFBIG, ENODATA, ENOTEMPTY, EEXIST, EISDIR}};
  bool good = true;
  for (const auto& call : forbidden) good &= run_case(kernel, as_nobody, call, directory);
  for (const auto& call : forbidden) good &= run_case(kernel, read_only, call, directory);
  for (const auto& call : impossible) good &= run_case(kernel, by_root, call, directory);
  return good;
}

}  // namespace plumbline::hook_matrix
