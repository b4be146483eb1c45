// The name that a TLS client asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plumbline::agent {

/// Of the first bytes of a connection, which may be cut: the host_name of the server_name extension (RFC 6066, section
/// 3) of a ClientHello (RFC 8446, section 4.1.2), in lower case. nullopt where it is none, has none (or an encrypted
/// one alone), is cut before it, or the name is none that DNS has.
std::optional<std::string> server_name(std::string_view bytes);

/// Whether such bytes have an encrypted ClientHello in them (RFC 9849): then the name in clear is that of who can read
/// it, and need not be whom the client wants. Many clients send one that is none, so that it does not stand out.
bool has_encrypted_hello(std::string_view bytes);

}  // namespace plumbline::agent
