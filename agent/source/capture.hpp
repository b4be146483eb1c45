// Plaintext of TLS connections: loads bpf/capture.bpf.c, hooks files, and hands over what the probes copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "agent/source/tls_functions.hpp"
#include "include/abi/capture.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct CaptureOptions {
  int processes_fd = -1;                ///< the process table of Kernel, so that both know what runs; -1 = none
  std::uint32_t ring_bytes = 4u << 20;  ///< a power of two
  std::uint32_t connections = 32768;    ///< beyond it the least recently used one begins anew
  bool has_scope = false;               ///< some cgroups may be left alone: which, is asked for with each execution
};

/// What hooks one file; ends with it, for every process at once.
class Hooked {
 public:
  virtual ~Hooked() = default;
};

/// hook() and what it gives belong to one thread, the rest to one other, but for what says otherwise.
class Capture {
 public:
  virtual ~Capture() = default;

  /// Hooks a file for every process that maps it, now or later. The file is the one that is open, whatever became of
  /// its path. Errors: the kernel's.
  virtual Result<std::unique_ptr<Hooked>> hook(int file_fd, const TlsFunctions& functions) = 0;

  /// Becomes readable when records of plaintext wait; owned by the Capture. Who sleeps on it is woken by answers alone,
  /// and not again within CAPTURE_REST_NS of the last time.
  virtual int ring_fd() const = 0;
  /// Becomes readable when executions wait that tell of something new; owned by the Capture.
  virtual int executed_fd() const = 0;
  using Sample = std::function<void(const capture_record& record, std::span<const char> data)>;
  /// Hands over records that wait, as many as one turn may take: the ring stays readable where there are more. Data is
  /// the caller's to forget. Returns how many, or less than 0 where there may be more.
  virtual int consume(const Sample& sample) = 0;
  /// Programs that run for the first time, or in a cgroup of which nobody knows whether it is left alone; called by
  /// consume(), before what they said.
  using Executed = std::function<void(const executed_record& record)>;
  virtual void on_executed(Executed executed) = 0;
  /// Says what the kernel side is to do with a connection from now on. CAPTURE_NEW: one that was ignored is looked at
  /// again, and something of it is missing.
  virtual void decide(const capture_connection_key& connection, capture_verdict verdict) = 0;
  /// Whether programs in this cgroup are left alone from now on; nullopt: nobody knows, and the next execution there
  /// asks again.
  virtual void set_scope(const capture_scope& scope, std::optional<bool> is_excluded) = 0;
  /// The map of that, for hooks of other connections; -1 = there is none. Owned by the Capture.
  virtual int scopes_fd() const = 0;
  /// Takes what the first hook after a pause waits for: a grace period of RCU, 8 to 16 ms, before the kernel lets
  /// anybody into where hooks are made. Hooks within the next 30 ms or so take 0.1 ms. Returns after some 60 ms. Any
  /// thread.
  virtual void warm() = 0;
  virtual capture_counters read_counters() const = 0;
  /// Whether one link hooks all places of a file (Linux 6.6), which is what makes detaching fast.
  virtual bool has_multi_links() const = 0;
  /// Whether a connection of no interest pays nothing at a function's return (Linux 6.13).
  virtual bool has_session_probes() const = 0;
};

Result<std::unique_ptr<Capture>> open_capture(const CaptureOptions& options);

}  // namespace plumbline::agent
