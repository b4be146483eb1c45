// Rows as the JSON that the API shows. Pure.
#pragma once

#include <string>
#include <vector>

#include "collector/baselines/shelf.hpp"
#include "collector/forward/forwarder.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// The drift object of the row's record, as the agent wrote it; "null" where it is damaged.
std::string drift_json(const DriftRow& row);
/// The finding object of a record.
std::string finding_json(const LedgerRecord& record);
std::string resource_json(const DriftRow& row);
std::string node_json(const NodeRow& node, WallNs now);
std::string sink_json(const SinkStatus& status, std::uint64_t stored_dead_letters, WallNs now);
std::string shelf_json(const ShelfRow& row);
std::string dead_letter_json(const DeadLetter& letter);

/// A record as events of the stream: a finding and the drift it changed are two. `part` numbers them from 0.
struct ViewEvent {
  std::string event;
  std::string data;
};
std::vector<ViewEvent> events_of(const LedgerRecord& record);

}  // namespace plumbline::collector
