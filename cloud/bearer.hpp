// Who a bearer token claims to be of.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cloud/http.hpp"
#include "cloud/token_keys.hpp"

namespace plumbline::cloud {

/// What stands behind what a token says.
struct TokenProof {
  bool is_signed = false;  ///< by its issuer, and within its time
  std::string pod_uid;     ///< of the pod of Kubernetes that it is bound to, as it says; "" = to none
  std::string pod;         ///< "shop/web-1": that pod
};

struct Claims {
  /// "system:serviceaccount:shop:deployer", "jo@example.com": the most telling of sub, email, upn, unique_name, appid,
  /// azp and oid; "" where the token is opaque.
  std::string principal;
  std::string access_key_id;  ///< of an EKS token, which is a presigned call of STS
  TokenProof proof;           ///< of `principal`
};

/// Claims of a JWT (RFC 7519) in the Authorization header. The token itself does not get into the result. `check`
/// nullptr: nothing is proven.
Claims claims_of(std::span<const HeaderField> headers, const TokenCheck* check);

/// The same of a token by itself.
Claims claims_of_token(std::string_view token, const TokenCheck* check);

/// RFC 4648 section 5 without padding; nothing of what is no base64url, and never more than `limit` bytes.
std::string base64url_decoded(std::string_view text, std::size_t limit);

}  // namespace plumbline::cloud
