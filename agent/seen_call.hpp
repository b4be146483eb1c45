#pragma once

#include "agent/decode/call_reader.hpp"
#include "agent/observer_parts.hpp"

namespace plumbline::agent {

/// A call as the observer takes it: what it touches by the tables, or else whatever its own parameters name.
SeenCall seen_call_of(const ReadCall& call);

}  // namespace plumbline::agent
