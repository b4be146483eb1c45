// Whom the node's programs begin TLS connections with: loads bpf/hello.bpf.c and hands over what it copied.
#pragma once

#include <functional>
#include <memory>

#include "include/abi/hello.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// One thread at a time. Ends with the object.
class Hellos {
 public:
  virtual ~Hellos() = default;

  /// Becomes readable when records wait; owned by this.
  virtual int ring_fd() const = 0;
  using Sample = std::function<void(const hello_record& record)>;
  /// Hands over records that wait, as many as one turn may take.
  virtual void consume(const Sample& sample) = 0;
  virtual hello_counters read_counters() const = 0;
};

/// `processes_fd`: the process table of Kernel; -1 = none. `scopes_fd`: Capture's; -1 = no cgroup is left alone.
/// Errors: the kernel's.
Result<std::unique_ptr<Hellos>> open_hellos(int processes_fd, int scopes_fd = -1);

}  // namespace plumbline::agent
