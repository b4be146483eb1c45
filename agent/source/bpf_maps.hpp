// What every loader of a BPF object keeps of its maps: libbpf's ring buffer, and counters that are mapped.
#pragma once

#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "include/util/result.hpp"

namespace plumbline::agent {

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingBuffer = std::unique_ptr<ring_buffer, RingDeleter>;

/// A ring of records that have all one type. One thread at a time.
template <class Record>
class RecordRing {
 public:
  using Sample = std::function<void(const Record&)>;
  /// `most_at_once`: records that one consume() takes at most.
  explicit RecordRing(int most_at_once) : most_at_once_(most_at_once) {}
  RecordRing(const RecordRing&) = delete;
  RecordRing& operator=(const RecordRing&) = delete;

  /// Once. `what`: of what its records tell, for the error.
  Result<void> open(int map_fd, const std::string& what) {
    ring_.reset(ring_buffer__new(map_fd, on_sample, this, nullptr));
    if (!ring_) return io_error("open the ring buffer of " + what, errno);
    return {};
  }
  /// After open(): readable where there is something.
  int fd() const { return ring_buffer__epoll_fd(ring_.get()); }
  void consume(const Sample& sample) {
    sample_ = &sample;
    taken_ = 0;
    ring_buffer__consume(ring_.get());
    sample_ = nullptr;
  }

 private:
  // The C callback only hands over; nothing may throw across it.
  static int on_sample(void* self, void* data, std::size_t size) {
    auto* ring = static_cast<RecordRing*>(self);
    if (ring->sample_ == nullptr || size < sizeof(Record)) return 0;
    (*ring->sample_)(*static_cast<const Record*>(data));
    return ++ring->taken_ < ring->most_at_once_ ? 0 : -EAGAIN;
  }

  RingBuffer ring_;
  const Sample* sample_ = nullptr;
  const int most_at_once_;
  int taken_ = 0;  // in this turn
};

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
