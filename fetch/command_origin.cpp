#include "fetch/command_origin.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "baseline/keyed_hash.hpp"
#include "baseline/value/wiped_text.hpp"
#include "fetch/command_child.hpp"
#include "include/util/fd.hpp"
#include "include/util/hex.hpp"

namespace plumbline::fetch {
namespace {

using Steady = std::chrono::steady_clock;

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
    CommandChild child;
    if (auto started = child.start(options_.argv, options_.directory, writing.get()); !started) return started.error();
    const std::stop_callback on_stop(options_.limits.stop, [&] { child.kill(); });
    writing.reset();
    baseline::WipedText output;
    const auto deadline = Steady::now() + options_.limits.whole;
    if (auto read = read_all(reading.get(), deadline, output, what); !read) return read.error();
    const auto ended = child.wait_until(deadline);
    if (!ended) return ended.error();
    if (options_.limits.stop.stop_requested())
      return Error{ErrorCode::unavailable, what, "it was killed, as nobody waits for it any more", ""};
    if (!*ended) return too_slow(what);
    const int status = **ended;
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
