// What the node's programs say to some endpoints without TLS: loads bpf/plain.bpf.c and hands over what it copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "include/abi/plain.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Ends with the object; what it lets pass it never changes. One thread at a time, but for what says otherwise.
class PlainHttp {
 public:
  virtual ~PlainHttp() = default;

  /// Replaces whom it listens to. Connections count from their beginning: those that are there already are not seen.
  /// Those with an endpoint that is no more in the list are heard to their end. With the first endpoint the hooks are
  /// attached: before, nobody pays for them. Errors: the kernel's. Any thread, one at a time.
  virtual Result<void> set_endpoints(const std::vector<plain_endpoint>& endpoints) = 0;
  /// Becomes readable when records wait; owned by this.
  virtual int ring_fd() const = 0;
  using Sample = std::function<void(const plain_record& record, std::span<const char> data)>;
  /// Hands over records that wait, as many as one turn may take. Data is the caller's to forget.
  virtual void consume(const Sample& sample) = 0;
  /// Nothing more of this connection is to be copied.
  virtual void ignore(std::uint64_t connection) = 0;
  virtual plain_counters read_counters() const = 0;
};

/// `processes_fd`: the process table of Kernel; -1 = none. `scopes_fd`: Capture's; -1 = no cgroup is left alone.
/// Errors: the kernel's, or that of open_cgroup_root().
Result<std::unique_ptr<PlainHttp>> open_plain_http(int processes_fd, int scopes_fd = -1);

}  // namespace plumbline::agent
