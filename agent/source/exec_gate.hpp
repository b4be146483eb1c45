// Holds the first execution of a file until it was looked at, so that its first call of a cloud is seen.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/source/host_mounts.hpp"
#include "agent/source/mount_table.hpp"
#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// fanotify's FAN_OPEN_EXEC_PERM (Linux 5.0) on the file systems of this node: whoever executes a file waits until we
/// let it. Everything fails open: who waited for `limit` goes on, and once the descriptor is closed, which the kernel
/// does where the agent ends in whatever way, all do. An agent that is stopped (SIGSTOP, a frozen cgroup) answers
/// nobody, which is why nothing is gated unless it is asked for. A file that was looked at is not held again until it
/// is written to. It needs a descriptor of ours for each execution that is held, else the kernel refuses it: hence
/// TlsFiles leaves some.
class ExecGate {
 public:
  struct Options {
    std::chrono::milliseconds limit{50};
    std::string proc_root = "/proc";
    std::string mountinfo;      ///< "" = that of host_process()
    std::string root;           ///< where what it names is seen from here; "" = the root of host_process()
    std::size_t max_held = 64;  ///< executions; more are let go at once, and counted
    std::size_t max_ignored =
        8192;  ///< files that are not held again; only where the kernel keeps them all (before 5.19)
    std::function<bool(const HostMount&)> wants{};  ///< which of local_mounts() are gated; none = all
  };
  /// Looks at a file and what it is linked to, for the process that is about to execute it, and then calls `done`, from
  /// any thread, with whether that was so; who is told that it was not is held again at its next execution. Must not
  /// wait.
  using Done = std::function<void(bool was_looked_at)>;
  using Look = std::function<void(Fd exe, std::uint32_t tgid, Done done)>;

  /// Errors: the kernel's, where it has no permission events or grants us none (CAP_SYS_ADMIN).
  static Result<std::unique_ptr<ExecGate>> open(Options options, Look look);
  ~ExecGate() { stop(); }
  ExecGate(const ExecGate&) = delete;
  ExecGate& operator=(const ExecGate&) = delete;

  /// Nobody is held before.
  void start();
  /// Lets all go, for good. Repeatable.
  void stop();

  struct Counters {
    std::atomic<std::uint64_t> held{0};
    std::atomic<std::uint64_t> late{0};         ///< of them, those that were let go before they were looked at
    std::atomic<std::uint64_t> crowded{0};      ///< let go at once, as too many were held
    std::atomic<std::uint64_t> filesystems{0};  ///< now
    std::atomic<std::uint64_t> ungated{0};      ///< mounts that may hold programs and are not gated, now
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Held {
    Fd file;  ///< the kernel's, of the event; none once it was answered
    std::chrono::steady_clock::time_point until;
  };
  /// What a look that is over tells, also after the gate is gone.
  struct Finished {
    std::mutex mutex;
    std::vector<std::pair<std::uint64_t, bool>> tickets;
    Fd wake;  // an eventfd
  };
  ExecGate(Options options, Look look, Fd group, MountTable mounts);
  void run(const std::stop_token& stop);
  void gate_file_systems();
  bool take_events(const std::function<void(Fd file, std::int32_t tgid)>& take) const;
  void hold(Fd file, std::int32_t tgid);
  void take_done();
  void let_late_go();
  void answer(const Fd& file) const;
  void hold_no_more(const Fd& file);
  int wait_ms() const;

  const Options options_;
  const Look look_;
  Counters counters_;
  Fd group_;  // fanotify's
  MountTable mounts_;
  const std::shared_ptr<Finished> done_ = std::make_shared<Finished>();
  // The thread's.
  std::map<std::uint64_t, Held> held_;  // by ticket, so the eldest first
  std::uint64_t next_ticket_ = 0;
  bool is_evictable_ = true;  // what is ignored is forgotten with the kernel's own inode
  std::size_t ignored_ = 0;
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace plumbline::agent
