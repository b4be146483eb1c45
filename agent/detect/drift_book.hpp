// Drift is state: which resources are out of true, since when, and how each drift ended.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "include/util/result.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// What one drift is of. The baseline's name belongs to it: two baselines may describe one path, each in part, and what
/// agrees with one of them does not end the drift from the other.
struct DriftOf {
  std::string baseline;
  std::string resource;
  std::string path;
  std::string container = {};  ///< id of the one in whose root the path is; "" = on the node
  auto operator<=>(const DriftOf&) const = default;
};

/// What it is of.
DriftOf key_of(const wire::Drift& drift);

/// Not thread-safe. Holds every open drift, and the newest `max_closed` closed ones; older ones are forgotten (the
/// collector's ledger has them) and counted.
class DriftBook {
 public:
  explicit DriftBook(std::size_t max_closed = 1000) : max_closed_(max_closed) {}

  /// The drift after `finding`, whose id must be set; nullopt where it concerns none (a match with nothing open).
  /// `baseline_moved`: the baseline no longer expects what the open drift's diff says it expected, so a match ends it
  /// as `accepted`, not as `resolved`. `is_claim`: of a call of which nobody but its client says that it reached the
  /// service: it opens drift and adds to it, and puts nothing right. Verdict and severity are the worst until it is
  /// closed, actor, call and evidence those of who got that verdict last. Changes nothing: commit() does, once the
  /// finding is durable.
  std::optional<wire::Drift> after(const wire::Finding& finding, bool baseline_moved = false,
                                   bool is_claim = false) const;

  /// An open drift closed without a finding: `accepted` by a new baseline revision or because it is no longer managed,
  /// as what was in a container that is gone.
  std::optional<wire::Drift> accepted(const DriftOf& of, WallNs at, const std::string& closed_by) const;

  void commit(const wire::Drift& drift);

  const wire::Drift* open_drift(const DriftOf& of) const;
  const wire::Drift* find(const std::string& id) const;
  std::vector<wire::Drift> newest_first() const;
  std::size_t open_count() const { return open_.size(); }
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  std::size_t max_closed_;
  std::map<std::string, wire::Drift> by_id_;
  std::map<DriftOf, std::string> open_;                           // → id
  std::map<std::pair<WallNs, std::string>, std::string> closed_;  // (updated, id) → id
  std::uint64_t forgotten_ = 0;
};

}  // namespace plumbline::agent
