// Tokens that approve a run: a CI's OIDC id token, or one that a person signs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/token_keys.hpp"
#include "include/util/result.hpp"

namespace plumbline::cloud {

/// What such a token says. The token itself is not kept.
struct RunToken {
  static constexpr std::size_t most_globs = 256, longest_glob = 1024;

  std::string subject;                 ///< `sub`: "repo:acme/infra:ref:refs/heads/main"
  std::vector<std::string> resources;  ///< globs of the claim `resources`, which the run is restricted to; empty = none
  std::vector<std::string> paths;      ///< the same of `paths`
  /// Of what was signed, hexadecimal, where the token has a `jti` and so may be used once; else "". Without the
  /// signature, which can be written in several ways.
  std::string once;
  std::int64_t until = 0;  ///< `exp`, Unix seconds; at most in the year 2200
};

/// Proves the JWT (TokenKeys::prove()), whose `aud` is or holds `audience`. `permission`: it is not signed by the keys,
/// not within its time, or for somebody else; `invalid_argument`: a claim is not as it should be.
Result<RunToken> read_run_token(std::string_view token, const TokenKeys& keys, const std::string& audience,
                                std::int64_t now);

/// The same of claims that are proven: a JSON object.
Result<RunToken> read_run_claims(std::string_view json, const std::string& audience);

}  // namespace plumbline::cloud
