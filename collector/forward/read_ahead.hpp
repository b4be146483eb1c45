// What a sink has read of the ledger and not delivered yet, in order, and where its cursor therefore stands.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "collector/forward/sink.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// One thread only.
class ReadAhead {
 public:
  /// `include_matches`: also findings that match their baseline and touch no drift.
  ReadAhead(const Store& store, std::size_t max_records, bool include_matches)
      : store_(store), max_records_(max_records), include_matches_(include_matches) {}

  void begin(std::uint64_t cursor) { read_position_ = cursor; }

  /// Reads on while fewer than max_records wait and they hold less than 8 MiB. Returns how many rows were not for this
  /// sink. `keep_going` is asked between two looks at the store.
  Result<std::uint64_t> fill(const std::function<bool()>& keep_going);

  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  WallNs oldest_at() const { return waiting_.empty() ? 0 : waiting_.front().received_at; }

  /// The first `count`, to be delivered; settle() or put_back() follows.
  std::vector<LedgerRecord> take(std::size_t count);
  /// Puts those of `records` for which `keep` holds back to the front, in order.
  void put_back(std::vector<LedgerRecord>&& records, const std::vector<bool>& keep);

  /// Everything up to here is delivered, set aside, or not for this sink.
  std::uint64_t cursor() const { return waiting_.empty() ? read_position_ : waiting_.front().seq - 1; }

 private:
  const Store& store_;
  const std::size_t max_records_;
  const bool include_matches_;
  std::deque<LedgerRecord> waiting_;
  std::size_t bytes_ = 0;  ///< of the bodies that wait
  std::uint64_t read_position_ = 0;
};

}  // namespace plumbline::collector
