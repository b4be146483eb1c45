// The agent's stream of findings (GET /v1/stream) over its socket, for benchmarks that time how soon one is there.
#pragma once

#include <string>

#include "include/util/fd.hpp"

namespace plumbline::bench {

/// Prints why and ends the program: a benchmark has nobody to tell.
[[noreturn]] void die(const char* what);

/// One connection, blocking; who waits for more than 10 s ends the program.
class FindingStream {
 public:
  /// `socket_path`: the agent's API socket.
  explicit FindingStream(const char* socket_path);
  /// Reads until `mark` has come by; what came before it is forgotten.
  void await(const std::string& mark);
  /// Reads until a whole finding has come by.
  void await_finding() { await("event: finding"); }
  /// Reads the rest of it.
  void finish_finding() { await("\n\n"); }

 private:
  Fd fd_;
  std::string buffer_;
};

}  // namespace plumbline::bench
