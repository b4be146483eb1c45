// Who is at the other end of a connection, as the kernel says. Private to http/.
#pragma once

#include <optional>
#include <string>

#include "http/message.hpp"

namespace plumbline::http::detail {

/// nullopt where it is no Unix socket: TCP sockets answer SO_PEERCRED too, with a pid of 0.
std::optional<PeerProcess> peer_process(int fd);

/// Request::peer.
std::string peer_name(int fd);

}  // namespace plumbline::http::detail
