#include "agent/source/exec_gate.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "include/util/thread.hpp"

namespace plumbline::agent {
namespace {

constexpr int reads_a_turn = 4;
constexpr unsigned mark_evictable = 0x200;  // FAN_MARK_EVICTABLE of Linux 5.19, newer than the headers we build with

}  // namespace

Result<std::unique_ptr<ExecGate>> ExecGate::open(Options options, Look look) {
  Fd group(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
                           O_RDONLY | O_LARGEFILE | O_CLOEXEC));
  if (!group)
    return io_error("hold executions by fanotify", errno,
                    "it needs CAP_SYS_ADMIN and CONFIG_FANOTIFY_ACCESS_PERMISSIONS; or set calls.exec_gate to 0s");
  if (options.mountinfo.empty()) options.mountinfo = host_process(options.proc_root) + "/mountinfo";
  if (options.root.empty()) options.root = host_process(options.proc_root) + "/root";
  auto mounts = MountTable::open(options.mountinfo.c_str());
  if (!mounts) return mounts.error();
  std::unique_ptr<ExecGate> gate(
      new ExecGate(std::move(options), std::move(look), std::move(group), std::move(*mounts)));
  if (!gate->done_->wake) return io_error("make an eventfd", errno);
  return gate;
}

ExecGate::ExecGate(Options options, Look look, Fd group, MountTable mounts)
    : options_(std::move(options)), look_(std::move(look)), group_(std::move(group)), mounts_(std::move(mounts)) {
  done_->wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void ExecGate::start() {
  thread_ = start_thread("plumb-exec-gate", [this] { run(stopping_.get_token()); });
}

void ExecGate::stop() {
  stopping_.request_stop();
  ::eventfd_write(done_->wake.get(), 1);
  if (thread_.joinable()) thread_.join();
  if (!group_) return;
  // Not left to the end of the descriptor: a process that was forked from this one may have it too.
  ::fanotify_mark(group_.get(), FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, "/");
  while (take_events([this](Fd file, std::int32_t) { answer(file); })) {
  }
  for (const auto& [ticket, held] : held_)
    if (held.file) answer(held.file);
  held_.clear();
  group_.reset();
}

/// Nothing here may wait for anybody: half the node might wait for us.
void ExecGate::run(const std::stop_token& stop) {
  gate_file_systems();  // not before: from then on somebody has to answer
  while (!stop.stop_requested()) {
    std::array<pollfd, 3> waiting = {pollfd{mounts_.wake_fd(), POLLPRI, 0}, pollfd{group_.get(), POLLIN, 0},
                                     pollfd{done_->wake.get(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), wait_ms());
    if (waiting[0].revents != 0) gate_file_systems();  // first: a container executes what was mounted for it
    take_done();
    // Not all: whoever executes in a loop would keep us from those whose time is over.
    for (int read = 0;
         read < reads_a_turn && take_events([this](Fd file, std::int32_t tgid) { hold(std::move(file), tgid); });)
      ++read;
    let_late_go();
  }
}

int ExecGate::wait_ms() const {
  const auto next =
      std::find_if(held_.begin(), held_.end(), [](const auto& each) { return static_cast<bool>(each.second.file); });
  if (next == held_.end()) return -1;
  const auto left = next->second.until - std::chrono::steady_clock::now();
  return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

/// All of them each time: the device number of one that is gone may be another's by now.
void ExecGate::gate_file_systems() {
  const auto mounts = read_mounts(options_.mountinfo);
  const auto local = local_mounts(mounts);
  std::set<std::pair<std::uint32_t, std::uint32_t>> gated;
  std::uint64_t refused = static_cast<std::uint64_t>(
      std::count_if(mounts.begin(), mounts.end(), [](const HostMount& mount) { return may_hold_programs(mount); }) -
      static_cast<std::ptrdiff_t>(local.size()));
  for (const auto& mount : local) {
    if (options_.wants && !options_.wants(mount)) continue;
    const std::string path = options_.root + mount.path;
    if (::fanotify_mark(group_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, AT_FDCWD, path.c_str()) ==
        0)
      gated.insert(mount.device);
    else
      ++refused;
  }
  counters_.filesystems = gated.size();
  counters_.ungated = refused;
}

/// False: none waited.
bool ExecGate::take_events(const std::function<void(Fd file, std::int32_t tgid)>& take) const {
  std::array<fanotify_event_metadata, 64> events;
  ssize_t size = ::read(group_.get(), events.data(), sizeof events);
  if (size <= 0) return false;
  for (auto* event = events.data(); FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size))
    if (Fd file(event->fd); file && (event->mask & FAN_OPEN_EXEC_PERM) != 0) take(std::move(file), event->pid);
  return true;
}

void ExecGate::hold(Fd file, std::int32_t tgid) {
  if (tgid == ::getpid()) return answer(file);
  if (held_.size() >= options_.max_held) {
    counters_.crowded.fetch_add(1, std::memory_order_relaxed);
    return answer(file);
  }
  counters_.held.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t ticket = next_ticket_++;
  Fd exe(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  held_.emplace(ticket, Held{std::move(file), std::chrono::steady_clock::now() + options_.limit});
  look_(std::move(exe), static_cast<std::uint32_t>(tgid), [done = done_, ticket](bool was_looked_at) {
    {
      const std::lock_guard lock(done->mutex);
      done->tickets.emplace_back(ticket, was_looked_at);
    }
    ::eventfd_write(done->wake.get(), 1);
  });
}

void ExecGate::take_done() {
  eventfd_t count = 0;
  ::eventfd_read(done_->wake.get(), &count);
  std::vector<std::pair<std::uint64_t, bool>> tickets;
  {
    const std::lock_guard lock(done_->mutex);
    tickets.swap(done_->tickets);
  }
  for (const auto& [ticket, was_looked_at] : tickets) {
    const auto held = held_.extract(ticket);
    if (held.empty() || !held.mapped().file) continue;
    if (was_looked_at) hold_no_more(held.mapped().file);
    answer(held.mapped().file);
  }
}

/// Their places stay taken until they were looked at: whoever looks and never ends is not given more and more of them.
void ExecGate::let_late_go() {
  const auto now = std::chrono::steady_clock::now();
  for (auto& [ticket, held] : held_) {
    if (!held.file || held.until > now) continue;
    answer(held.file);
    held.file.reset();
    counters_.late.fetch_add(1, std::memory_order_relaxed);
  }
}

void ExecGate::answer(const Fd& file) const {
  const fanotify_response response{file.get(), FAN_ALLOW};
  if (::write(group_.get(), &response, sizeof response) != static_cast<ssize_t>(sizeof response))
    spdlog::warn("event=exec_gate_answer why=\"{}\"", errno_text(errno));
}

/// The kernel forgets it when the file is written to, as then it is another program.
void ExecGate::hold_no_more(const Fd& file) {
  const auto ignore = [&](unsigned how) {
    return ::fanotify_mark(group_.get(), FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | how, FAN_OPEN_EXEC_PERM, file.get(),
                           nullptr) == 0;
  };
  if (is_evictable_ && (ignore(mark_evictable) || errno != EINVAL)) return;
  is_evictable_ = false;
  if (ignored_ < options_.max_ignored && ignore(0)) ++ignored_;
}

}  // namespace plumbline::agent
