// Which records of drift the silences that people made hold back. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "collector/store/store.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::collector {

/// What a silence looks at.
struct SilencedFacts {
  std::uint64_t seq = 0;  ///< the ledger row that says it
  std::string_view resource, node_id, node, baseline;
  std::optional<wire::Severity> severity;  ///< nullopt: a newer agent's word, which no bound of severity covers
};

class SilenceSet {
 public:
  SilenceSet() = default;
  explicit SilenceSet(std::vector<AlertSilence> silences) : silences_(std::move(silences)) {}

  bool empty() const { return silences_.empty(); }
  const std::vector<AlertSilence>& all() const { return silences_; }
  bool holds(const SilencedFacts& facts) const;
  /// A record of a drift that is not over. What ends a drift is told all the same: it wakes nobody, and a page that was
  /// opened before must not stay open.
  bool holds(const LedgerRecord& record) const;

 private:
  std::vector<AlertSilence> silences_;
};

/// What the row says, as a record of its drift.
LedgerRecord record_of(const DriftRow& row);

}  // namespace plumbline::collector
