#pragma once

#include <string_view>

namespace plumbline::baseline {

/// Whether an attribute of this name holds a secret in practice, whatever its source marks: password, secret, token,
/// private key, connection string, user data, … Compares words, in snake_case, camelCase and kebab-case alike, and the
/// ends of words ("dbpassword"). Names of references (secret_arn, kms_key_id, token_ttl) are not secrets.
bool sounds_sensitive(std::string_view name);

/// Whether a value looks like a secret under any name, or has one in it: PEM private keys, URLs with a password or a
/// key and those of webhooks, bearer tokens and JWTs, tokens of well-known services, and whatever follows a sensitive
/// name ("--password=…", "token: …"). Takes time in proportion to the value.
bool looks_sensitive(std::string_view value);

}  // namespace plumbline::baseline
