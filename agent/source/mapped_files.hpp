// Which files the node's programs map to execute them: loads bpf/mapped.bpf.c and hands over what it told.
#pragma once

#include <functional>
#include <memory>

#include "include/abi/mapped.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Each file once, by whoever maps it first, and again once it changed; what is executed as a program is not among
/// them. One thread at a time, but for what says otherwise. Ends with the object.
class MappedFiles {
 public:
  virtual ~MappedFiles() = default;

  /// Becomes readable when records wait; owned by this.
  virtual int ring_fd() const = 0;
  using Sample = std::function<void(const mapped_record& record)>;
  /// Hands over records that wait, as many as one turn may take.
  virtual void consume(const Sample& sample) = 0;
  /// It was not looked at: the next mapping of it is told. Any thread.
  virtual void tell_again(const mapped_key& key) = 0;
  /// What is mapped from now on is told, whatever was told before. Any thread.
  virtual void tell_all_again() = 0;
  virtual mapped_counters read_counters() const = 0;
  /// The hook that the kernel took: "fentry", or "maple_tree", which does not see where all of a mapping that is there
  /// may be executed from now on (mprotect).
  virtual const char* hook() const = 0;
};

/// `scopes_fd`: Capture's; -1 = no cgroup is left alone. Errors: the kernel's.
Result<std::unique_ptr<MappedFiles>> open_mapped_files(int scopes_fd = -1);

}  // namespace plumbline::agent
