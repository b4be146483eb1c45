#include "agent/rollback/run_command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

/// Frees what posix_spawn(3) is told.
struct Setting {
  Setting() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~Setting() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

int end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<void> run_command(const std::vector<std::string>& argv, std::chrono::milliseconds timeout) {
  const std::string what = "run " + argv.front();
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
  char* const environment[] = {path, locale, nullptr};
  Setting setting;
  for (int fd = 0; fd < 3; ++fd)
    posix_spawn_file_actions_addopen(&setting.files, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&setting.attributes, &none);
  posix_spawnattr_setsigdefault(&setting.attributes, &defaults);
  posix_spawnattr_setpgroup(&setting.attributes, 0);
  posix_spawnattr_setflags(&setting.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  if (const int error = ::posix_spawn(&child, argv.front().c_str(), &setting.files, &setting.attributes,
                                      arguments.data(), environment);
      error != 0)
    return io_error(what, error, "`validate` of the rule must name a program of this node");
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd ends{handle.get(), POLLIN, 0};
  const int ready = handle ? ::poll(&ends, 1, static_cast<int>(timeout.count())) : 0;
  if (ready != 1) {
    ::kill(-child, SIGKILL);
    end_of(child);
    return Error{ErrorCode::unavailable, what,
                 "it did not end within " + std::to_string(timeout.count()) + " ms, and was killed",
                 "raise rollback.validate_timeout, or mend the command"};
  }
  const int status = end_of(child);
  ::kill(-child, SIGKILL);  // what it left behind
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return invalid(what,
                 WIFEXITED(status) ? "it says no: exit code " + std::to_string(WEXITSTATUS(status))
                                   : "it died of signal " + std::to_string(WTERMSIG(status)),
                 "run it by hand to see why; nothing was put in place");
}

}  // namespace plumbline::agent
