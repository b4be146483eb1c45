// The files of a client's TLS, read beforehand, so that a wrong one is told at start and not at the first connection.
#pragma once

#include <string>

#include "include/util/result.hpp"

namespace plumbline::http {

/// Reads what is named, PEM all; "" = none. `ca_file`: who signs the other end's certificate. Nothing is kept. Errors
/// name the file: one that is not there or not to be read (`not_found`, `permission`), that is no PEM, or a key that is
/// another certificate's.
Result<void> check_client_tls(const std::string& ca_file, const std::string& certificate_file,
                              const std::string& key_file);

}  // namespace plumbline::http
