// Who says to have signed a request, and for which service and region. What proves it (signature, session token) is not
// read.
#pragma once

#include <string>
#include <string_view>

#include "cloud/http.hpp"

namespace plumbline::cloud::aws {

/// Views of the head, "" where it does not say. In a presigned URL the scope may have its slashes escaped.
struct Signature {
  std::string_view access_key_id, region, service;
  bool present = false;
};

/// SigV4 and SigV4A in the Authorization header or the query
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; the scope of SigV4A has
/// no region, X-Amz-Region-Set has), and SigV2 in either.
Signature signature_of(std::string_view authorization, std::string_view region_set, std::string_view query);

/// The account that an access key id belongs to: 40 bits of its base32. "" where it has none (keys of before 2019,
/// others').
std::string account_of(std::string_view access_key_id);

}  // namespace plumbline::cloud::aws
