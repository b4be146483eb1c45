// Signed texts: an Ed25519 signature in a DSSE envelope.
//
// DSSE, https://github.com/secure-systems-lab/dsse (envelope.md and protocol.md, version 1.0.2); Ed25519: RFC 8032.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::fetch {

using Ed25519Key = std::array<std::byte, 32>;  ///< the seed of a private key, or a public key

/// The public key that belongs to the private one.
Ed25519Key public_key_of(const Ed25519Key& private_key);

/// What tells a public key: the first 16 hex digits of its SHA-256.
std::string key_id_of(const Ed25519Key& public_key);

/// The envelope, one line of JSON. `type` names what the text is, so that a signature of one thing is none of another.
std::string sign(std::string_view type, std::string_view text, const Ed25519Key& private_key);

/// The signed text. `corrupt`: it is no envelope; `permission`: of another type, or not signed by this key. Foreign
/// bytes.
Result<std::string> open_signed(std::string_view type, std::string_view envelope, const Ed25519Key& public_key);

}  // namespace plumbline::fetch
