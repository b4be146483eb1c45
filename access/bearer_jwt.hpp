// Bearer tokens that say something: JWTs (RFC 7519).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/access_config.hpp"
#include "cloud/token_keys.hpp"
#include "include/util/result.hpp"

namespace plumbline::access {

/// Whom a token is of (`sub`), where an issuer's keys prove it and it is as `config` wants it. `permission`: they do
/// not; it is over or not valid yet, for another audience, of another subject. Errors hold nothing of the token that
/// nobody proved. `now`: Unix seconds.
Result<std::string> prove_jwt(std::string_view token, const cloud::TokenKeys& keys, const JwtConfig& config,
                              std::int64_t now);

/// The Error::why of one that was proven once.
inline constexpr const char* expired_token = "it has expired";

/// What a token says that nobody has proven.
struct SaidClaims {
  bool is_for_audience = false;
  std::int64_t until = 0;  ///< `exp`, Unix seconds; 0 = it has none
};
/// nullopt: it is no JWT.
std::optional<SaidClaims> said_by(std::string_view token, const std::string& audience);

}  // namespace plumbline::access
