// OpenSSL's functions in a program that it is linked into and that has no symbols any more.
#pragma once

#include <optional>

#include "agent/source/elf_file.hpp"
#include "include/abi/capture.h"

namespace plumbline::agent {

/// What all of OpenSSL's functions of one direction call (ssl_write_internal() and ssl_read_internal() of 1.1.1
/// to 4.0), and SSL_new(). Names are for people.
struct OpensslFunctions {
  ElfFile::Symbol write, read, make;
  capture_call write_call = CAPTURE_C_EX;  ///< CAPTURE_C_EX2 since 3.3
};

/// They say themselves who they are: where one fails it tells OpenSSL's queue of errors its file, its line and its name
/// (ERR_set_debug() of 3.0 and later) or number (ERR_put_error() of 1.1). Believed where all of this agrees: each of
/// the five is one function that begins where the table for unwinding says and is called there; all tell one function
/// of their errors, in the order of their source; SSL_write() and SSL_read() hand to the other two what a hook needs,
/// in the registers in which the hook takes it. nullopt: no sign of OpenSSL. `unsupported`: there is, and it is not
/// sure; or of BoringSSL or AWS-LC, whose functions say only a line.
Result<std::optional<OpensslFunctions>> find_openssl_without_symbols(const ElfFile& file);

}  // namespace plumbline::agent
