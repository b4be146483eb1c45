// AWS Signature Version 4: how a request proves who sends it without carrying the key.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fetch/secret.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch::aws {

struct Keys {
  std::string access_key_id;  ///< names the secret; part of each signed request
  Secret secret_access_key;
  Secret session_token;  ///< empty: the keys are long-term ones
};

/// Names in any case, values as sent.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// SHA-256 of no bytes, in hexadecimal: the payload hash of a request without a body.
inline constexpr const char* empty_payload_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct UnsignedRequest {
  std::string method = "GET";
  std::string host;        ///< as the Host header says it: with ":port" where that is not the scheme's own
  std::string path = "/";  ///< as it is sent: percent_encode()d once. S3 neither encodes it again nor resolves ".."
  Headers query;           ///< names and values before percent-encoding, in any order
  Headers headers;         ///< to sign beside Host and those that sign() makes; a name may repeat. No line breaks
  std::string payload_sha256 = empty_payload_sha256;  ///< 64 lower-case digits
};

struct SigningScope {
  std::string region;   ///< "eu-west-1"
  std::string service;  ///< "s3", "sts"
};

/// `query` percent-encoded and sorted by name, then by value: what is signed, and what may be sent after '?'.
std::string canonical_query(const Headers& query);

/// The headers that `request` still lacks: x-amz-date, x-amz-content-sha256 (for S3, which requires it),
/// x-amz-security-token (where the keys have one) and Authorization, all signed. The caller wipes the token's value.
/// Pure: `now` is ns since 1970; servers allow for 15 minutes (S3) or 5 (most others) of difference to their own clock.
/// Source: AWS, "Signature Version 4 signing process", and for S3's differences "Authenticating Requests: Using the
/// Authorization Header" of the S3 API reference.
Headers sign(const UnsignedRequest& request, const SigningScope& scope, const Keys& keys, WallNs now);

}  // namespace plumbline::fetch::aws
