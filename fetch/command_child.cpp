#include "fetch/command_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace plumbline::fetch {
namespace {

/// What the guard tells when all has ended.
struct Report {
  int error = 0;   ///< errno of the execution
  int status = 0;  ///< of the command
};

/// Made before the fork: a fork of a program with threads must not allocate.
struct Prepared {
  Prepared(const std::vector<std::string>& arguments, const std::string& directory, int output) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    // The agent's threads block signals; the command gets them as a login would give them.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
  }
  ~Prepared() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  std::vector<char*> argv;
};

// The guard. It was forked off a program with threads, so only system calls from here on.

/// Else it would hold the agent's sockets and locks where the agent is gone before it.
void close_all_but(unsigned one, unsigned other) {
  const unsigned low = std::min(one, other), high = std::max(one, other);
  if (low > 3) ::close_range(3, low - 1, 0);
  if (high > low + 1) ::close_range(std::max(low + 1, 3u), high - 1, 0);
  ::close_range(std::max(high + 1, 3u), ~0u, 0);
}

/// Kills the guard's children. None can have been reaped, so no number is another process's. Grandchildren become
/// children with the next look.
void kill_children() {
  const int list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  char text[4096];
  const ssize_t size = list < 0 ? 0 : ::read(list, text, sizeof text - 1);
  if (list >= 0) ::close(list);
  pid_t pid = 0;
  for (ssize_t i = 0; i < size; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      pid = pid * 10 + (text[i] - '0');
    } else {
      if (pid > 0) ::kill(pid, SIGKILL);
      pid = 0;
    }
  }
}

/// Takes what has ended from the kernel; true: nothing is left.
bool reap(pid_t command, Report& report, bool& ended) {
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(-1, &status, WNOHANG);
    if (done == command) {
      report.status = status;
      ended = true;
    }
    if (done <= 0) return done < 0 && errno == ECHILD;
  }
}

[[noreturn]] void guard(const Prepared& prepared, int line, int output) {
  ::prctl(PR_SET_NAME, "plumb-command");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all, child;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);  // a terminal's Ctrl-C is the agent's to act on
  ::signal(SIGCHLD, SIG_DFL);
  close_all_but(static_cast<unsigned>(line), static_cast<unsigned>(output));
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const int ends = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

  Report report;
  pid_t command = -1;
  report.error =
      ::posix_spawn(&command, prepared.argv[0], &prepared.actions, &prepared.attributes, prepared.argv.data(), environ);
  ::close(output);  // its end is when the command's is
  bool ended = report.error != 0;
  while (!ended) {
    pollfd waits[2] = {{line, POLLIN, 0}, {ends, POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if (waits[0].revents != 0) break;  // the other end was closed
    signalfd_siginfo told[8];
    while (::read(ends, told, sizeof told) > 0) {
    }
    reap(command, report, ended);
  }
  // Not for ever: what runs as somebody else, or waits for a broken disk, cannot be killed.
  bool unused = false;
  for (int tries = 0; tries < 200 && !reap(command, report, unused); ++tries) {
    kill_children();
    ::poll(nullptr, 0, tries < 20 ? 1 : 10);
  }
  if (ended) ::send(line, &report, sizeof report, MSG_NOSIGNAL);
  for (;;) ::syscall(SYS_exit_group, 0);  // a sanitizer would have _exit() look for the agent's other threads
}

}  // namespace

Result<void> CommandChild::start(const std::vector<std::string>& argv, const std::string& directory, int output) {
  program_ = argv[0];
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return io_error("run " + program_, errno);
  line_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  const Prepared prepared(argv, directory, output);
  guard_ = ::fork();
  if (guard_ == 0) guard(prepared, theirs.get(), output);
  if (guard_ < 0) return io_error("run " + program_, errno, "has the node reached its limit of processes or memory?");
  return {};
}

Result<std::optional<int>> CommandChild::wait_until(std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd told{line_.get(), POLLIN, 0};
    const int polled = ::poll(&told, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (polled < 0 && errno != EINTR) return io_error("wait for " + program_, errno);
    if (polled == 0 && left <= 0) return std::optional<int>();
    if (polled > 0) break;
  }
  Report report;
  if (::recv(line_.get(), &report, sizeof report, MSG_WAITALL) != sizeof report) return std::optional<int>();
  if (report.error != 0)
    return io_error("run " + program_, report.error, "check the path, its permissions and `directory`");
  return std::optional(report.status);
}

void CommandChild::kill() {
  if (line_) ::shutdown(line_.get(), SHUT_RDWR);
}

CommandChild::~CommandChild() {
  if (guard_ <= 0) return;
  kill();
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace plumbline::fetch
