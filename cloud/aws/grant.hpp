// Temporary credentials that an answer hands out, as far as they name who acts with them.
#pragma once

#include <optional>

#include "cloud/http.hpp"
#include "cloud/operation.hpp"
#include "cloud/route.hpp"

namespace plumbline::cloud::aws {

/// Whether an operation hands out temporary credentials: STS' AssumeRole and its kin, EKS Pod Identity, Cognito, S3
/// Express. No heap.
bool grants_credentials(const Route& route);

/// Whom the credentials in an answer belong to. Neither secret key, session token nor the caller's own token is in it.
/// nullopt where the answer has no access key id in it or is not whole, or the call did not succeed. `request`: of a
/// call with a web identity its token's claims are read, where the answer does not repeat them.
std::optional<Grant> grant_of(const Request& request, const Response& response, const Route& route);

/// Unix seconds of "2026-11-27T12:00:00Z" (RFC 3339, any fraction), or of a number of seconds or of milliseconds; 0 =
/// neither.
std::int64_t expiry_of(const Value& value);

/// A member whatever its case: query's answers say "AccessKeyId", REST's "accessKeyId". nullptr: none, or no map.
const Value* member(const Value* map, std::string_view name);
/// A text of at most 256 printable bytes; else "".
std::string short_text(const Value* value);
/// By its letters: 16 to 128 of them (IAM's AccessKeyMetadata).
bool is_access_key_id(std::string_view id);

}  // namespace plumbline::cloud::aws
