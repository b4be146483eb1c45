#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "agent/export/transport.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct CollectorClientOptions {
  std::string url;         ///< http(s)://host[:port][/prefix]
  std::string token_file;  ///< "" = none; read for every request, so that a rotated token is used at once
  std::string ca_file;     ///< "" = the system's
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  ///< of one whole exchange
  /// PEM, to show who we are; "" = none. Read again where they were replaced, as is `ca_file`.
  std::string certificate_file = {}, key_file = {};
};

/// A client over one kept connection. Redirects are not followed: a batch goes where the config says, nowhere else.
/// `invalid_argument`: a URL that makes no sense, or a token that would travel over plain HTTP to another machine.
Result<std::unique_ptr<Transport>> make_collector_client(const CollectorClientOptions& options, const Clock& clock);

}  // namespace plumbline::agent
