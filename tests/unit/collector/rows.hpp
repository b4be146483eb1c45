// Records as rows of the ledger, for tests of sinks without a store.
#pragma once

#include <string>
#include <vector>

#include "collector/store/store.hpp"
#include "tests/unit/collector/records.hpp"

namespace plumbline::collector::test {

inline LedgerRecord row_of(const wire::Record& record, const std::string& drift = "",
                           const std::string& state = "open") {
  static std::uint64_t seq = 0;
  LedgerRecord row;
  row.seq = ++seq;
  row.node_id = Made{}.node_id;
  row.node = Made{}.node;
  row.sequence = record.sequence;
  row.type = record.type;
  row.id = record.id;
  row.at = record.at;
  row.received_at = record.at + second;
  row.drift_id = drift;
  row.drift_state = drift.empty() ? "" : state;
  row.body = record.body;
  return row;
}

/// `count` findings, each of a drift of its own.
inline std::vector<LedgerRecord> rows(std::size_t count) {
  std::vector<LedgerRecord> out;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const std::string drift = "d" + std::to_string(i);
    out.push_back(row_of(finding({}, i, "file:/etc/" + std::to_string(i), drift), drift));
  }
  return out;
}

}  // namespace plumbline::collector::test
