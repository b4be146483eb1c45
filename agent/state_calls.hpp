#pragma once

#include "agent/decode/call_reader.hpp"
#include "fetch/state_requests.hpp"

namespace plumbline::agent {

/// Fills in which baselines' states an exchange read or wrote, whether it took or let go of a lock, and which version
/// of the state that was, where it worked. Nothing of the state itself stays.
void add_states(const fetch::StateRequests& states, const HttpExchange& exchange, ReadCall& call);

/// What has to be kept of an exchange for that. `interest`: what is wanted of it anyway.
HttpConnections::Interest with_states(const fetch::StateRequests& states, const HttpMessage& head,
                                      HttpConnections::Interest interest);

}  // namespace plumbline::agent
