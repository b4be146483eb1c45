#pragma once

#include <cstdio>
#include <cstdlib>

#include "include/util/result.hpp"

namespace plumbline::fuzz {

/// What must hold for every input; a crash is what libFuzzer looks for.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// The promises of include/util/result.hpp: says something, on one line, without end.
inline void must_be_readable(const Error& error) {
  const std::string message = error.message();
  must(!error.what.empty() && !error.why.empty(), "an error says what failed and why");
  must(message.size() < 4096, "an error is not endless");
  for (const char c : message)
    must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "an error is one printable line");
}

}  // namespace plumbline::fuzz
