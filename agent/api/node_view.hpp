// What the agent's HTTP API may ask of the rest of the agent. Implemented by agent/agent.cpp; called from the API's
// thread, so every method is thread-safe and copies out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "include/util/result.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// One item of GET /v1/stream. `sequence` is the spool's, so Last-Event-ID resumes exactly.
struct StreamEvent {
  std::uint64_t sequence = 0;
  std::string event;  ///< "finding", "drift" or "gap"
  std::string data;   ///< one JSON object, no newline. A record with a finding and a drift gives two events, same
                      ///< sequence, ids "<sequence>.0" and "<sequence>.1"
};

struct HealthCheck {
  std::string name;  ///< "loop", "hooks", "baseline", "spool", "first_check"
  bool ok = false;
  std::string says;
};

class NodeView {
 public:
  virtual ~NodeView() = default;
  virtual std::vector<wire::Drift> drifts() const = 0;              ///< newest update first
  virtual std::vector<wire::Finding> findings() const = 0;          ///< newest first; the bounded recent window
  virtual std::vector<wire::ResourceStatus> resources() const = 0;  ///< by address, then path
  /// Who owns a path (absolute, lexically normal) or cloud id (id, ARN, self link, name), best first.
  virtual std::vector<wire::ResourceOwner> owners_of(const std::string& path_or_id) const = 0;
  virtual std::vector<wire::BlindSpot> blind_spots() const = 0;
  virtual std::string status_json() const = 0;   ///< GET /v1/status, one JSON object
  virtual std::string metrics_text() const = 0;  ///< Prometheus text exposition 0.0.4
  virtual std::vector<HealthCheck> live() const = 0;
  virtual std::vector<HealthCheck> ready() const = 0;
  virtual std::vector<HealthCheck> started() const = 0;

  /// Events with sequence > `after`, at most `limit`, oldest first. `oldest` (may be null) receives the lowest sequence
  /// that can still be read, so that a resume from before it can be answered with an `event: gap`.
  virtual std::vector<StreamEvent> events_after(std::uint64_t after, std::size_t limit,
                                                std::uint64_t* oldest) const = 0;
  virtual std::uint64_t last_sequence() const = 0;
  /// `wake` is called from any thread whenever events_after() has more. Returns a handle; dropping it unsubscribes.
  virtual std::shared_ptr<void> subscribe(std::function<void()> wake) = 0;
};

}  // namespace plumbline::agent
