// What the exporter does, without its thread: one exchange with the collector a step.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "agent/export/backoff.hpp"
#include "agent/export/dead_letters.hpp"
#include "agent/export/exporter.hpp"
#include "agent/export/transport.hpp"
#include "agent/spool/spool.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

/// When to call step() again.
struct NextStep {
  std::chrono::nanoseconds wait{0};
  bool on_append = false;  ///< earlier, if something is appended; false while a failing collector is left alone
};

/// step() is one thread's; status() any's.
class Shipper {
 public:
  /// All references outlive this. `options.random` is set.
  Shipper(const ExporterOptions& options, Spool& spool, const Clock& clock, Transport& transport);

  NextStep step();
  ExporterStatus status() const;

 private:
  enum class Outcome { done, refused, failed };
  struct Exchange {
    Outcome outcome = Outcome::failed;
    std::uint64_t accepted_through = 0;
    std::string why;
    std::optional<std::chrono::nanoseconds> retry_after;
    bool nonsense = false;
  };

  Result<std::vector<wire::Record>> next_records();
  Exchange exchange(std::vector<wire::Record> records);
  Exchange judge(const Answer& answer, std::uint64_t first, std::uint64_t last) const;
  NextStep succeeded(const std::vector<wire::Record>& records, std::uint64_t accepted_through);
  NextStep refused(const wire::Record& first, std::size_t count, const Exchange& exchange);
  NextStep failed(const std::string& why, std::optional<std::chrono::nanoseconds> retry_after = {});
  void accept(std::uint64_t sequence);
  template <class F>
  void count(F change) {
    const std::lock_guard lock(mutex_);
    change(status_);
  }

  const ExporterOptions& options_;
  Spool& spool_;
  const Clock& clock_;
  Transport& transport_;
  Backoff backoff_;
  DeadLetters dead_letters_;
  std::uint64_t accepted_;  ///< may be ahead of the spool's cursor while that cannot be written
  std::uint64_t limit_;     ///< records to a batch, now
  std::uint64_t refused_sequence_ = 0;
  std::uint32_t refused_times_ = 0;
  std::uint32_t set_aside_in_a_row_ = 0;
  std::int64_t heartbeat_due_ = 0;  ///< by Clock::boot(); 0 = at once, which tells the collector of the start

  mutable std::mutex mutex_;
  ExporterStatus status_;
};

}  // namespace plumbline::agent
