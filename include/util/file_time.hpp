// Times of files, as Plumbline keeps times.
#pragma once

#include <sys/stat.h>

#include <string>

#include "include/util/clock.hpp"

namespace plumbline {

/// A `timespec` (stat) or `statx_timestamp` (statx) in ns since 1970.
template <class Timestamp>
constexpr std::int64_t ns_of(const Timestamp& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// When the file's content was last written; 0 where it is not there.
inline WallNs modified_at(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? ns_of(status.st_mtim) : 0;
}

}  // namespace plumbline
