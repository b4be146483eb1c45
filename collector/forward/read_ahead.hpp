// What a sink has read of the ledger and not delivered yet, in order, and where its cursor therefore stands.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "collector/forward/silence_set.hpp"
#include "collector/forward/sink.hpp"
#include "collector/store/store.hpp"

namespace plumbline::collector {

/// One thread only.
class ReadAhead {
 public:
  /// `include_matches`: also findings that match their baseline and touch no drift. `heeds_silences`: without what
  /// silences hold back, until they end: what is still open then follows, in the place of the row that tells of the
  /// end.
  ReadAhead(const Store& store, std::size_t max_records, bool include_matches, bool heeds_silences)
      : store_(store), max_records_(max_records), include_matches_(include_matches), heeds_silences_(heeds_silences) {}

  struct Passed {
    std::uint64_t filtered = 0;  ///< rows that are not for this sink
    std::uint64_t silenced = 0;  ///< records that a silence holds back
  };

  /// Where to read on; what was read before is forgotten.
  void begin(std::uint64_t cursor) {
    waiting_.clear();
    telling_.reset();
    bytes_ = 0;
    read_position_ = cursor;
  }

  /// Reads on while fewer than max_records wait and they hold less than 8 MiB. Returns what it left
  /// out. `keep_going` is asked between two looks at the store.
  Result<Passed> fill(const std::function<bool()>& keep_going);

  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  WallNs oldest_at() const { return waiting_.empty() ? 0 : waiting_.front().received_at; }

  /// The first `count`, to be delivered; settle() or put_back() follows.
  std::vector<LedgerRecord> take(std::size_t count);
  /// Puts those of `records` for which `keep` holds back to the front, in order.
  void put_back(std::vector<LedgerRecord>&& records, const std::vector<bool>& keep);

  /// Everything up to here is delivered, set aside, or not for this sink.
  std::uint64_t cursor() const { return waiting_.empty() ? read_position_ : position_of(waiting_.front()) - 1; }

 private:
  static std::uint64_t position_of(const LedgerRecord& record) {
    return record.told_at != 0 ? record.told_at : record.seq;
  }
  void push(LedgerRecord&& record);
  Result<void> read_ledger(Passed& passed);
  Result<void> begin_telling(const LedgerRecord& row);
  Result<void> tell_held();

  /// A silence whose end was met, and how far the drifts that it held back were looked through.
  struct Telling {
    SilenceSet ended;   ///< it alone
    SilenceSet others;  ///< that still hold at its end
    std::uint64_t after = 0;
    std::uint64_t end = 0;
  };
  const Store& store_;
  const std::size_t max_records_;
  const bool include_matches_;
  const bool heeds_silences_;
  std::optional<Telling> telling_;
  std::deque<LedgerRecord> waiting_;
  std::size_t bytes_ = 0;  ///< of the bodies that wait
  std::uint64_t read_position_ = 0;
};

}  // namespace plumbline::collector
