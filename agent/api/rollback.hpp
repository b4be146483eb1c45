// Putting files back over HTTP: POST of /v1/drift/{id}/rollback and /v1/drift/{id}/undo, on the Unix socket alone.
#pragma once

#include <functional>
#include <string>

#include "agent/rollback/wish.hpp"
#include "http/server.hpp"

namespace plumbline::agent {

/// Who answers; called on the server's threads. The responder may be used later, from any thread.
using RollbackCall =
    std::function<void(std::string drift, RollbackWish wish, http::PeerProcess peer, http::Responder respond)>;

/// Before the server's start(). On TCP it is refused (403): reading drift is one thing, writing files another, and only
/// the socket's own permissions say who may.
void add_rollback_routes(http::Server& server, RollbackCall call);

}  // namespace plumbline::agent
