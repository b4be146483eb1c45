// Approved runs over HTTP: POST, GET and DELETE of /v1/runs, on the Unix socket alone.
#pragma once

#include <functional>
#include <string>

#include "agent/api/run_request.hpp"
#include "http/server.hpp"

namespace plumbline::agent {

/// Who answers; called on the server's threads. The responder may be used later, from any thread.
struct RunCalls {
  std::function<void(RunRequest request, http::PeerProcess peer, http::Responder respond)> approve;
  std::function<void(http::Responder respond)> list;
  std::function<void(std::string id, http::Responder respond)> end;
};

/// Before the server's start(). On TCP each is refused (403): anybody on the node may talk to that, and nobody can say
/// which process does.
void add_run_routes(http::Server& server, RunCalls calls);

}  // namespace plumbline::agent
