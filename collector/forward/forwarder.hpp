// Drives one sink: reads the ledger behind the sink's cursor, delivers, moves the cursor, and waits when it must.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collector/forward/retry.hpp"
#include "collector/forward/sink.hpp"
#include "collector/store/store.hpp"
#include "include/util/clock.hpp"

namespace plumbline::collector {

struct ForwarderOptions {
  std::string name;              ///< of the sink, from the config: its cursor and dead letters go by it
  std::string kind;              ///< "webhook", "syslog", …: the key that it has in collector.yaml
  bool include_matches = false;  ///< also findings that match their baseline and touch no drift
  bool heeds_silences = false;   ///< it wakes people: records that a silence holds back are not for it
  bool from_now = false;       ///< a sink that the store does not know yet begins at the ledger's end, not at its start
  std::size_t rate_limit = 0;  ///< records a second; 0 = none
  RetryOptions retry;
  std::function<double()> random;  ///< [0, 1); called by the sink's thread only
};

struct SinkStatus {
  std::string name;
  std::string kind;
  /// "starting", "idle", "delivering", "waiting" (backoff), "paused", "standby" (another collector's turn), "stopped"
  std::string state;
  std::string breaker;  ///< "closed", "open", "half_open"
  std::uint64_t cursor = 0;
  std::uint64_t lag_records = 0;     ///< ledger rows behind the end
  WallNs oldest_undelivered_at = 0;  ///< received_at of the next record for it; 0 = none known
  std::uint32_t failures = 0;        ///< in a row
  std::string last_error;            ///< of the last failure; "" = it has delivered since
  WallNs last_delivered_at = 0;
  WallNs next_try_at = 0;       ///< while waiting or paused
  std::uint64_t delivered = 0;  ///< since start, as all below
  std::uint64_t filtered = 0;   ///< rows that are not for it
  std::uint64_t silenced = 0;   ///< records that a silence held back
  std::uint64_t attempts = 0;
  std::uint64_t retries = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t replayed = 0;
  double delivery_seconds = 0;  ///< total time in deliver()
};

/// One thread a sink, so that none delays another. At least once: the cursor moves (durably, with the store's next
/// commit) after a confirmed delivery and never before.
class Forwarder {
 public:
  Forwarder(ForwarderOptions options, std::unique_ptr<Sink> sink, Store& store, const Clock& clock);
  ~Forwarder();  ///< stops
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void start();
  /// Returns within a second. A delivery that cannot be interrupted (a name look-up) is left behind: its thread ends by
  /// itself, touches neither store nor cursor any more, and the record is delivered again after the next start.
  void stop();

  /// Delivers the sink's dead letters again, before anything newer; returns how many. Also ends a pause.
  Result<std::size_t> replay();

  /// Thread-safe.
  SinkStatus status() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace plumbline::collector
