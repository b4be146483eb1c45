// How a batch reaches the collector; a seam, so that the shipping logic is tested without sockets.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace plumbline::agent {

struct Answer {
  int status = 0;  ///< HTTP status; 0 = there was no whole answer, `error` says why
  std::string body;
  std::optional<std::chrono::nanoseconds> retry_after;
  std::string error;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// One POST /v1/batches with `body` as it is (zstd). Blocks, bounded by the transport's own time-out.
  virtual Answer post(const std::string& body) = 0;
  /// Ends a post() that is under way, and every later one, at once. Any thread.
  virtual void cancel() noexcept = 0;
};

}  // namespace plumbline::agent
