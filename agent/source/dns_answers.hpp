// What programs of this node are told by DNS: loads bpf/dns.bpf.c and hands over what it copied.
#pragma once

#include <functional>
#include <memory>

#include "include/abi/dns.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// One thread at a time. Ends with the object.
class DnsAnswers {
 public:
  virtual ~DnsAnswers() = default;

  /// Becomes readable when so many records wait that they may not wait longer; owned by this.
  virtual int ring_fd() const = 0;
  using Sample = std::function<void(const dns_record& record)>;
  /// Hands over all records that wait.
  virtual void consume(const Sample& sample) = 0;
  virtual dns_counters read_counters() const = 0;
};

/// IPv6 sockets are left out where the kernel has IPv6 as a module, or none. Errors: the kernel's.
Result<std::unique_ptr<DnsAnswers>> open_dns_answers();

}  // namespace plumbline::agent
