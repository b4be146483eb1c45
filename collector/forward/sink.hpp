// A destination of records. One class a file (webhook, slack, ndjson); forwarder.hpp drives it: cursor, retries,
// backoff, breaker and dead letters are the same for all, so a new sink only delivers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collector/store/store.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// What became of the records that were offered, as far as the sink knows.
struct Delivery {
  enum class Outcome {
    delivered,  ///< the first `count` are at their destination, durably as far as it tells, but for the `exceptions`
    retry,      ///< none is; try again later (network, timeout, 408, 429, 5xx)
    split,    ///< too many at once (413), or one that is refused hides among them (400): fewer; a single one is refused
    refused,  ///< the destination will never take them (other 4xx): dead letters
    paused,   ///< nothing goes there until a person acts (401, 403, 404, 405, 410, 415, a redirect): probe rarely
  };
  /// One of the first `count` records that the destination judged by itself: tried again, or a dead letter.
  struct Exception {
    std::size_t index = 0;
    bool refused = false;
    std::string why;
  };
  Outcome outcome = Outcome::retry;
  std::size_t count = 0;
  std::string why;
  std::optional<std::chrono::nanoseconds> retry_after;  ///< what the destination asked for
  std::vector<Exception> exceptions;                    ///< ascending by index; only with `delivered`

  static Delivery done(std::size_t count) { return {Outcome::delivered, count, "", std::nullopt, {}}; }
  static Delivery again(std::string why) { return {Outcome::retry, 0, std::move(why), std::nullopt, {}}; }
  static Delivery pause(std::string why) { return {Outcome::paused, 0, std::move(why), std::nullopt, {}}; }
  static Delivery refuse(std::string why) { return {Outcome::refused, 0, std::move(why), std::nullopt, {}}; }
};

/// How a sink wants to be fed.
struct SinkPace {
  std::size_t max_records = 1;           ///< offered at once
  std::chrono::nanoseconds linger{0};    ///< how long a record may wait for company
  std::chrono::nanoseconds interval{0};  ///< least time between two deliveries
  std::chrono::nanoseconds refresh{0};   ///< how often refresh() is called; 0 = never
};

/// open(), deliver() and refresh() are called by the sink's own thread only; cancel() by any.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual SinkPace pace() const = 0;

  /// Called before the first delivery, again after each failure of itself. `cursor`: what the store believes is
  /// delivered; returns where to go on, which is further where the sink itself knows better, but never past
  /// `ledger_end` (the ledger's last row: a sink that is ahead of it was fed by another ledger).
  virtual Result<std::uint64_t> open(std::uint64_t cursor, [[maybe_unused]] std::uint64_t ledger_end) { return cursor; }

  /// Delivers 1 to max_records records, ascending. May block up to the sink's own timeout.
  virtual Delivery deliver(std::span<const LedgerRecord> records) = 0;

  /// Called every `refresh` while nothing fails, whether or not there are records: what a destination forgets is told
  /// again, a connection that broke is mended. `delivered`: all is well.
  virtual Delivery refresh() { return Delivery::done(0); }

  /// Makes a deliver() under way, and all later ones, return soon. Does not block.
  virtual void cancel() noexcept {}
};

}  // namespace plumbline::collector
