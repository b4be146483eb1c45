#include "fetch/command_origin.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "baseline/keyed_hash.hpp"
#include "baseline/value/wiped_text.hpp"
#include "include/util/fd.hpp"
#include "include/util/hex.hpp"

namespace plumbline::fetch {
namespace {

using Steady = std::chrono::steady_clock;

/// A child and its process group; ended with this.
class Child {
 public:
  ~Child() {
    if (pid_ > 0) finish();
  }
  Result<void> start(const CommandOptions& options, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
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
    std::vector<char*> argv;
    for (const auto& argument : options.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int error = ::posix_spawn(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error == 0) return {};
    pid_ = -1;
    return io_error("run " + options.argv[0], error, "check the path, its permissions and `directory`");
  }
  /// Kills what still runs of the group, and returns the child's wait status.
  int finish() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  /// Waits for the child by itself; false: not within the time.
  bool wait_until(Steady::time_point deadline, int& status) {
    for (;;) {
      const pid_t done = ::waitpid(pid_, &status, WNOHANG);
      if (done == pid_) {
        ::kill(-pid_, SIGKILL);  // what it left behind
        pid_ = -1;
        return true;
      }
      if (Steady::now() >= deadline) return false;
      ::poll(nullptr, 0, 10);
    }
  }

 private:
  pid_t pid_ = -1;
};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  return "it exited with " + std::to_string(WEXITSTATUS(status));
}

class CommandOrigin final : public Origin {
 public:
  explicit CommandOrigin(CommandOptions options) : options_(std::move(options)) {}

  Result<Fetched> fetch(const std::string& known,
                        const std::function<Result<void>(std::string_view bytes)>& take) override {
    const std::string what = "run " + options_.argv[0] + " for a source";
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return io_error(what, errno);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    Child child;
    if (auto started = child.start(options_, writing.get()); !started) return started.error();
    writing.reset();
    baseline::WipedText output;
    const auto deadline = Steady::now() + options_.limits.whole;
    if (auto read = read_all(reading.get(), deadline, output, what); !read) return read.error();
    int status = 0;
    if (!child.wait_until(deadline, status)) return too_slow(what);
    if (status != 0)
      return Error{ErrorCode::unavailable, what, how_it_ended(status),
                   "run it by hand, as the agent's user, to see why"};
    const std::string_view bytes = output.from(0);
    const std::string version = to_hex(baseline::sha256(bytes));
    if (version == known) return Fetched{true, version};
    if (auto taken = take(bytes); !taken) return taken.error();
    return Fetched{false, version};
  }

 private:
  static Error too_slow(const std::string& what) {
    return {ErrorCode::unavailable, what, "it did not end in time and was killed", "give it a longer `timeout`"};
  }

  static Result<void> read_all(int fd, Steady::time_point deadline, baseline::WipedText& output,
                               const std::string& what) {
    constexpr std::size_t piece = std::size_t{64} << 10;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
      pollfd ready{fd, POLLIN, 0};
      const int polled = left <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
      if (polled < 0 && errno != EINTR) return io_error(what, errno);
      if (polled == 0 && Steady::now() >= deadline) return too_slow(what);
      if (polled <= 0) continue;
      const ssize_t got = ::read(fd, output.room(piece), piece);
      if (got < 0 && errno != EINTR) return io_error(what, errno);
      if (got == 0) return {};
      if (got > 0) output.fill(static_cast<std::size_t>(got));
      if (output.size() > max_fetched_bytes)
        return invalid(what, "it prints more than " + std::to_string(max_fetched_bytes >> 20) + " MiB",
                       "split the source");
    }
  }

  const CommandOptions options_;
};

}  // namespace

std::unique_ptr<Origin> make_command_origin(CommandOptions options) {
  return std::make_unique<CommandOrigin>(std::move(options));
}

}  // namespace plumbline::fetch
