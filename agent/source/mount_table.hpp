#pragma once

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Tells whether anything was mounted or unmounted in a mount namespace. The kernel flags mountinfo with an error
/// condition at every change, once per open file (proc(5); fs/proc_namespace.c, mounts_poll). Two are open: a waiter
/// that arms epoll on the first takes the flag from it in doing so, and would lose a mount of that moment; the second
/// is only ever asked by moved(). One thread.
class MountTable {
 public:
  /// What changes from now on is told. `path` is for tests that have a mount namespace of their own.
  static Result<MountTable> open(const char* path = "/proc/self/mountinfo");

  /// Wakes (error condition) at a change. It ends with this; whoever closes what it waits on takes a dup of it.
  int wake_fd() const { return wake_.get(); }

  /// Whether the table changed since open() or the last call. To be asked after the waiter is armed, so that nothing
  /// falls between the two.
  bool moved();

 private:
  Fd wake_;
  Fd asked_;
};

}  // namespace plumbline::agent
