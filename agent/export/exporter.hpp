// Brings the spool's records to the collector: its own thread, forever, without loss.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/spool/spool.hpp"
#include "include/util/clock.hpp"

namespace plumbline::agent {

struct ExporterOptions {
  std::string url;
  std::string token_file;
  std::string ca_file;
  std::string certificate_file, key_file;
  std::uint64_t batch_records = 500;
  std::uint64_t batch_bytes = std::uint64_t{1} << 20;             ///< of bodies, before compression
  std::chrono::nanoseconds interval = std::chrono::seconds(1);    ///< a look at the spool at least this often
  std::chrono::nanoseconds pace = std::chrono::milliseconds(10);  ///< between batches that are not full
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);    ///< of one exchange
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(15);  ///< an empty batch after this much silence
  std::chrono::nanoseconds backoff_first = std::chrono::milliseconds(250);
  std::chrono::nanoseconds backoff_cap = std::chrono::seconds(30);
  std::string dead_letter_file;  ///< "" = a record that is refused for ever stays, and later ones wait behind it
  std::string node_id;
  std::string node;
  std::string labels_json = "{}";
  std::string boot_id;
  std::string agent_version;
  std::function<std::string()> health;  ///< one JSON object, no newline; may be empty. Called on the exporter's thread
  std::function<double()> random;       ///< in [0, 1); empty = a seeded generator
};

struct ExporterStatus {
  std::uint64_t sent = 0;                    ///< records, repeats included
  std::uint64_t acked = 0;                   ///< records that the collector has for good
  std::uint64_t batches = 0;                 ///< exchanges that ended well, heartbeats included
  std::uint64_t retries = 0;                 ///< exchanges that have to be repeated
  std::uint64_t protocol_errors = 0;         ///< answers that make no sense: garbage, or an ack beyond what was sent
  std::uint64_t refusals = 0;                ///< batches that the collector called bad
  std::uint64_t dead_letters = 0;            ///< records set aside in dead_letter_file
  std::uint64_t dead_letters_forgotten = 0;  ///< of them: no longer in it nor in the one before
  std::uint64_t skipped = 0;                 ///< sequences that the spool could not read back any more
  std::uint64_t lag_records = 0;             ///< records that the collector does not have yet
  std::uint64_t oldest_unsent = 0;           ///< the first of them; 0 = none
  std::uint32_t failures = 0;                ///< in a row; 0 = the last exchange went well, or there was none
  std::string last_error;                    ///< of the last failure, kept after it healed
  WallNs last_error_at = 0;
  WallNs last_success_at = 0;
};

/// What is refused: a batch that the collector calls bad (400, 413, 422) is halved until one record is left. That one
/// is tried three times; then, if the collector takes a heartbeat (so that it is the record and not the agent that it
/// refuses), it goes to the dead letters, is counted, and the next one follows. After 16 of those in a row without one
/// record accepted, nothing more is set aside: a collector that refuses everything is an outage, and is waited out.
class Exporter {
 public:
  /// Takes Spool::on_append for itself. `spool` and `clock` outlive this. A bad URL shows in status(), as an exporter
  /// that never succeeds: the config check has refused it long before.
  Exporter(ExporterOptions options, Spool& spool, const Clock& clock);
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  void start();
  /// Returns within a second, whatever the collector does; what is not acknowledged is sent after the next start. A
  /// name server that hangs can delay this until the resolver gives up.
  void stop();
  ExporterStatus status() const;  ///< any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plumbline::agent
