#pragma once

#include <string_view>

namespace plumbline::baseline {

/// Whether an attribute of this name holds a secret in practice, whatever its source marks: password, secret, token,
/// private key, connection string, user data, … Compares words, in snake_case, camelCase and kebab-case alike. Names of
/// references (secret_arn, kms_key_id, token_ttl) are not secrets.
bool sounds_sensitive(std::string_view name);

/// Whether a value looks like a secret under any name: PEM private keys, AWS secret-key assignments, URLs with a
/// password, bearer tokens and JWTs.
bool looks_sensitive(std::string_view value);

}  // namespace plumbline::baseline
