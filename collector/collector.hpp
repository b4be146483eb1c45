// All rooms of the collector, wired in one visible place.
#pragma once

#include <memory>

#include "collector/config/collector_config.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// From build() to the destructor: store open, sinks delivering, agents heard, API answering.
class Collector {
 public:
  /// What build() would refuse of the configuration's surroundings (secret files, URLs, directories), without touching
  /// the store or a socket.
  static Result<void> check(const CollectorConfig& config, const Clock& clock);

  /// Makes the keys of keys_dir those of the store.
  static Result<void> adopt_keys(const CollectorConfig& config);

  /// Opens and starts everything, the API last, or nothing. `clock` outlives the process's threads: it is static.
  static Result<std::unique_ptr<Collector>> build(const CollectorConfig& config, const Clock& clock);
  ~Collector();  ///< drains: stops accepting, answers what is under way, stops sinks, commits what is queued
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  std::uint16_t port() const;
  /// As /livez: the store's writer is not stuck. Any thread.
  bool live() const;
  /// Reads all baselines again; what their sources show now is meant (Shelf::reload()). Any thread.
  void reload();

 private:
  struct Parts;
  explicit Collector(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace plumbline::collector
