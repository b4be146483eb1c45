// Spool and exporter as status and metrics.
#pragma once

#include <map>
#include <string>

#include "agent/export/exporter.hpp"
#include "agent/node_state.hpp"
#include "agent/spool/spool.hpp"

namespace plumbline::agent {

/// Functions for NodeState; both parts outlive them. `exporter` may be null.
StatusSources status_sources(const Spool& spool, const Exporter* exporter);

/// {"env":"staging"}
std::string wire_labels_json(const std::map<std::string, std::string>& labels);

}  // namespace plumbline::agent
