// The same change on many nodes, as one thing (docs/decisions/0027-storm-control.md).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/store.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::collector {

/// What is open of one resource of one baseline, and no silence holds back, now.
struct FleetDrift {
  std::size_t nodes = 0;
  std::size_t changes = 0;  ///< different live states among them
  wire::Severity worst = wire::Severity::info;
  std::vector<std::string> first;  ///< names, at most 20, in order of the alphabet
};

/// Without what is below `min_severity`. `resource` and `baseline` as the store has them.
Result<FleetDrift> open_across(const Store& store, const std::string& resource, const std::string& baseline,
                               wire::Severity min_severity);

/// The key of a page: the same for all nodes, of a length that pagers take.
std::string fleet_key(std::string_view resource, std::string_view baseline);

/// "node-1", "2 nodes (a, b)", "3,412 nodes (a, b, c, …)". `names`: the first of them, at least one.
std::string nodes_text(std::size_t count, std::span<const std::string> names);

}  // namespace plumbline::collector
