// Plaintext of TLS connections: loads bpf/capture.bpf.c, hooks files, and hands over what the probes copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "agent/source/tls_functions.hpp"
#include "include/abi/capture.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct CaptureOptions {
  int processes_fd = -1;                ///< the process table of Kernel, so that both know what runs; -1 = none
  std::uint32_t ring_bytes = 4u << 20;  ///< a power of two
  std::uint32_t connections = 16384;    ///< beyond it the least recently used one begins anew
};

/// What hooks one file; ends with it, for every process at once.
class Hooked {
 public:
  virtual ~Hooked() = default;
};

/// hook() and what it gives belong to one thread, the rest to one other.
class Capture {
 public:
  virtual ~Capture() = default;

  /// Hooks a file for every process that maps it, now or later. The file is the one that is open, whatever became of
  /// its path. Errors: the kernel's.
  virtual Result<std::unique_ptr<Hooked>> hook(int file_fd, const TlsFunctions& functions) = 0;

  /// Becomes readable when records of plaintext wait; owned by the Capture. Who sleeps on it is woken by answers alone,
  /// and not again within CAPTURE_REST_NS of the last time.
  virtual int ring_fd() const = 0;
  /// Becomes readable when programs that run for the first time wait; owned by the Capture.
  virtual int executed_fd() const = 0;
  using Sample = std::function<void(const capture_record& record, std::span<const char> data)>;
  /// Hands over records that wait, as many as one turn may take: the ring stays readable where there are more. Data is
  /// the caller's to forget. Returns how many, or less than 0 where there may be more.
  virtual int consume(const Sample& sample) = 0;
  /// Programs that run for the first time; called by consume(), before what they said.
  using Executed = std::function<void(const executed_record& record)>;
  virtual void on_executed(Executed executed) = 0;
  /// Says what the kernel side is to do with a connection from now on.
  virtual void decide(const capture_connection_key& connection, capture_verdict verdict) = 0;
  /// Connections that begin in this cgroup are ignored from now on.
  virtual void exclude(const capture_scope& scope) = 0;
  virtual capture_counters read_counters() const = 0;
  /// Whether one link hooks all places of a file (Linux 6.6), which is what makes detaching fast.
  virtual bool has_multi_links() const = 0;
  /// Whether a connection of no interest pays nothing at a function's return (Linux 6.13).
  virtual bool has_session_probes() const = 0;
};

Result<std::unique_ptr<Capture>> open_capture(const CaptureOptions& options);

}  // namespace plumbline::agent
