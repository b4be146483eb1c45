// Whether the issuer of a bearer token signed it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::cloud {

/// Whose keys some are.
struct TokenIssuer {
  std::string name;         ///< as its tokens say it (iss); "" = whatever they say
  bool is_cluster = false;  ///< a cluster of Kubernetes, whose tokens alone may be of its own accounts and pods
};

/// The public keys of issuers (RFC 7517), by which their tokens are proven (RFC 7515, RFC 7519). Immutable,
/// thread-safe.
class TokenKeys {
 public:
  static constexpr std::size_t most_bytes = 256 * 1024, most_keys = 64, longest_token = 16 * 1024;

  TokenKeys();
  ~TokenKeys();
  TokenKeys(TokenKeys&&) noexcept;
  TokenKeys& operator=(TokenKeys&&) noexcept;

  /// Adds those of a JWK set: RSA of 2,048 to 8,192 bits, P-256, P-384, P-521 and Ed25519. Keys of other kinds, and
  /// what are no signature's, are left out. `origin` stands for the set in errors (`invalid_argument`): it is none, or
  /// nothing of it can be used.
  Result<void> add_jwks(const std::string& origin, std::string_view json, const TokenIssuer& issuer = {});

  /// Whether one of the keys signed the JWT, in its compact form, and `now` (Unix seconds) is within its time. A token
  /// without an end proves nothing, nor does one that says to be another issuer's than the key. Signatures are RS, PS,
  /// ES and EdDSA's; "none" and shared secrets are none. `of_cluster`: whether that issuer is a cluster.
  bool prove(std::string_view token, std::int64_t now, bool* of_cluster = nullptr) const;

  std::size_t size() const;

 private:
  struct Key;
  std::vector<Key> keys_;
};

/// Keys and the time to prove tokens by.
struct TokenCheck {
  const TokenKeys& keys;
  std::int64_t now = 0;  ///< Unix seconds
};

}  // namespace plumbline::cloud
