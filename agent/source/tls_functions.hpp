// Which functions of an ELF file take and give the plaintext of TLS connections.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/source/elf_file.hpp"
#include "include/abi/capture.h"

namespace plumbline::agent {

/// One place of a file to hook.
struct TlsHook {
  capture_place place = CAPTURE_WRITE;
  std::uint64_t offset = 0;            ///< in the file
  capture_call call = CAPTURE_C;       ///< how its function takes its arguments
  bool at_return_of_function = false;  ///< `offset` is the function's beginning, and its return is meant (uretprobe)
  bool operator==(const TlsHook&) const = default;
};

struct TlsFunctions {
  std::string stack;  ///< "openssl", "gnutls", "s2n", "go"; of several, joined by "+"
  std::vector<TlsHook> hooks;
};

/// By content alone: a file's name says nothing. Empty hooks: it defines none of them. Errors are the file's, and that
/// a limit of its was reached (`unavailable`: it was told to stop).
Result<TlsFunctions> find_tls_functions(const ElfFile& file);

}  // namespace plumbline::agent
