// The agent's durable queue of records: a segment log with CRC32C, group commit and a two-slot cursor (DESIGN: spool).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "include/util/clock.hpp"
#include "include/util/result.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

class FileLayer;  // agent/spool/file_layer.hpp: the OS seam, replaced by a fault-injecting one in tests

struct SpoolOptions {
  std::string directory;                      ///< made with mode 0700 where it does not exist
  std::uint64_t max_bytes = 1ull << 30;       ///< disk budget; at the budget append() fails with `unavailable`
  std::uint64_t segment_bytes = 16ull << 20;  ///< a segment is closed at this size
};

/// What a record is before the spool gives it its sequence; `make` builds id and body once the sequence is known.
struct Draft {
  std::string type;
  std::function<void(std::uint64_t sequence, wire::Record& record)> make;
};

struct SpoolStatus {
  std::uint64_t next_sequence = 1;
  std::uint64_t acknowledged = 0;  ///< the collector has everything up to here
  std::uint64_t checkpoint = 0;    ///< the agent's own state snapshot covers everything up to here
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;  ///< the budget
  std::uint64_t segments = 0;
  std::uint64_t corrupt_records = 0;  ///< skipped since start (bad CRC, torn tail), with their bytes quarantined
  std::uint64_t quarantined_bytes = 0;
  std::uint64_t append_failures = 0;
};

/// Thread-safe. One thread appends (the observing one), another reads and acknowledges (the exporting one).
class Spool {
 public:
  virtual ~Spool() = default;

  /// Appends all drafts with consecutive sequences and returns when they are durable (one fdatasync for all). On an
  /// error nothing was appended as far as any reader will ever see, and the call may be repeated: `unavailable` = disk
  /// full or budget reached.
  virtual Result<std::vector<wire::Record>> append(std::vector<Draft> drafts) = 0;

  /// Up to `max_records` records, and about `max_bytes` of bodies, with sequence > `after`, ascending.
  virtual Result<std::vector<wire::Record>> read(std::uint64_t after, std::size_t max_records,
                                                 std::size_t max_bytes) const = 0;

  /// The collector accepted everything up to `sequence` (durable on return; going backwards is ignored).
  virtual Result<void> acknowledge(std::uint64_t sequence) = 0;

  /// The agent's state snapshot covers everything up to `sequence`. Segments are removed once both cursors passed them.
  virtual Result<void> checkpoint(std::uint64_t sequence) = 0;

  virtual SpoolStatus status() const = 0;

  /// Called (on the appending thread) after each durable append; the exporter's wake-up. Set once, before use.
  virtual void on_append(std::function<void()> wake) = 0;
};

/// Opens or makes a spool; heals a torn tail and quarantines damaged segments (renamed "*.corrupt"), never needs a
/// hand.
Result<std::unique_ptr<Spool>> open_spool(const SpoolOptions& options, const Clock& clock);
Result<std::unique_ptr<Spool>> open_spool(const SpoolOptions& options, const Clock& clock, FileLayer& files);

}  // namespace plumbline::agent
