// What somebody says of a run that is to be approved: the body of POST /v1/runs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::agent {

/// Whose run it is no body says: that is the process that sent it.
struct RunRequest {
  static constexpr std::size_t longest_body = 64 << 10, most_globs = 256, longest_glob = 1024, longest_name = 256,
                               longest_token = 16 << 10;

  std::string id;         ///< 1 to 128 of A-Z a-z 0-9 . _ : / @ + -
  std::string principal;  ///< "" = not given
  std::vector<std::string> baselines, resources, paths;
  std::chrono::seconds expires_in{0};  ///< 1 to 86,400
  std::string token;                   ///< a JWT; "" = none
};

/// Strict: unknown keys, wrong types, empty lists and what is past a bound are `invalid_argument`, which names the key
/// and never shows the token.
Result<RunRequest> parse_run_request(std::string_view body);

}  // namespace plumbline::agent
