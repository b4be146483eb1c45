// Ring buffer samples as types. The only way by which the kernel side's bytes become a struct.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <variant>

#include "include/abi/abi.h"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct Wake {
  std::uint32_t slot = 0;
};
struct CgroupMade {
  std::uint64_t id = 0;  ///< unique within its hierarchy
  bool v1 = false;       ///< of the v1 pids hierarchy
  std::string path;      ///< below the root of its hierarchy
};
using KernelEvent = std::variant<Wake, CgroupMade>;

template <class T>
  requires std::is_trivially_copyable_v<T>
Result<T> read_as(std::span<const std::byte> sample) {
  if (sample.size() < sizeof(T))
    return Error{ErrorCode::corrupt, "decode a kernel sample",
                 std::to_string(sample.size()) + " bytes, expected " + std::to_string(sizeof(T)), ""};
  T out;
  std::memcpy(&out, sample.data(), sizeof out);
  return out;
}

/// Errors: `corrupt` for a short or unknown sample; the caller counts it.
inline Result<KernelEvent> decode(std::span<const std::byte> sample) {
  const auto type = read_as<__u32>(sample);
  if (!type) return type.error();
  if (*type == EVENT_WAKE) {
    const auto event = read_as<wake_event>(sample);
    if (!event) return event.error();
    return KernelEvent(Wake{event->slot});
  }
  if (*type == EVENT_CGROUP) {
    const auto event = read_as<cgroup_event>(sample);
    if (!event) return event.error();
    return KernelEvent(
        CgroupMade{event->id, event->v1 != 0, std::string(event->path, ::strnlen(event->path, sizeof event->path))});
  }
  return Error{ErrorCode::corrupt, "decode a kernel sample", "unknown type " + std::to_string(*type), ""};
}

}  // namespace plumbline::agent
