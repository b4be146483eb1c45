// What every command gets: where to ask, how to write, and the exit codes.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::ctl {

namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int error = 1;
inline constexpr int open_drift = 2;
inline constexpr int usage = 64;  // these four as in sysexits.h
inline constexpr int unreachable = 69;
inline constexpr int permission = 77;
inline constexpr int config = 78;
}  // namespace exit_code

enum class Format { table, json, ndjson };

/// Where the output goes. `width` 0 = as wide as it gets (no terminal).
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::size_t width = 0;
  bool colour = false;
};

struct Options {
  std::string socket = "/run/plumbline/agent.sock";
  std::string url;        ///< of an agent, instead of the socket
  std::string collector;  ///< URL
  std::string token_file;
  std::string ca_file;
  std::string certificate_file, key_file;  ///< to show who one is; "" = none
  std::string node;                        ///< only what is of this one, by name or id; a collector's
  Format format = Format::table;
  std::chrono::milliseconds timeout{10'000};
};

struct Context {
  Options options;
  Terminal terminal;
  const Clock& clock;
};

/// Writes "plumb: WHAT: WHY; FIX" to the error stream; returns the exit code for it.
int fail(const Context& context, const Error& error);

}  // namespace plumbline::ctl
