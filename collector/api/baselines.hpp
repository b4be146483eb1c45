// Baselines that the collector compiles: the list for people, and what agents fetch (fetch/handout.hpp).
#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

http::Response list_baselines(const ApiParts& parts, const http::Request& request);

/// Needs the agents' token, where there is one; the next two as well.
http::Response hand_list(const ApiParts& parts, const http::Request& request);
/// A piece of an index. Its digest is told to the nodes whose it is, and to nobody else.
http::Response hand_index(const ApiParts& parts, const http::Request& request);

}  // namespace plumbline::collector
