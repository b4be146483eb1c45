// Who a bearer token claims to be of.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cloud/http.hpp"

namespace plumbline::cloud {

struct Claims {
  /// "system:serviceaccount:shop:deployer", "jo@example.com": the most telling of sub, email, upn, unique_name, appid,
  /// azp and oid; "" where the token is opaque.
  std::string principal;
  std::string access_key_id;  ///< of an EKS token, which is a presigned call of STS
};

/// Claims of a JWT (RFC 7519) in the Authorization header. Its signature is not proven, and the token itself does not
/// get into the result.
Claims claims_of(std::span<const HeaderField> headers);

/// The same of a token by itself: the most telling of its claims, "" where it is no JWT. Nothing is proven by it.
std::string subject_of_token(std::string_view token);

/// RFC 4648 section 5 without padding; nothing of what is no base64url, and never more than `limit` bytes.
std::string base64url_decoded(std::string_view text, std::size_t limit);

}  // namespace plumbline::cloud
