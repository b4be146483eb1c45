// What every loader of a BPF object keeps of its maps: libbpf's ring buffer, and counters that are mapped.
#pragma once

#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "include/util/result.hpp"

namespace plumbline::agent {

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingBuffer = std::unique_ptr<ring_buffer, RingDeleter>;

/// Counters of the kernel side, read without a system call: a memory-mapped array map of one entry. The kernel side
/// adds to them meanwhile, each by itself.
template <class Counters>
class MappedCounters {
 public:
  MappedCounters() = default;
  ~MappedCounters() {
    if (counters_ != nullptr) ::munmap(counters_, sizeof(Counters));
  }
  MappedCounters(const MappedCounters&) = delete;
  MappedCounters& operator=(const MappedCounters&) = delete;

  /// Once. `what`: whose they are, for the error.
  Result<void> map(int map_fd, const std::string& what) {
    void* memory = ::mmap(nullptr, sizeof(Counters), PROT_READ, MAP_SHARED, map_fd, 0);
    if (memory == MAP_FAILED) return io_error("map the counters of " + what, errno);
    counters_ = static_cast<Counters*>(memory);
    return {};
  }
  /// After map().
  Counters read() const {
    Counters copy;
    std::memcpy(&copy, counters_, sizeof copy);
    return copy;
  }

 private:
  Counters* counters_ = nullptr;
};

}  // namespace plumbline::agent
