// What the agent knows, shared between the observing thread (writes) and the API's thread (reads). One mutex, held for
// memory work only, never for I/O.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "agent/api/node_view.hpp"
#include "agent/detect/compare.hpp"
#include "agent/detect/drift_book.hpp"
#include "agent/enrich/users.hpp"
#include "agent/telemetry/counters.hpp"
#include "baseline/baseline.hpp"
#include "baseline/index/index.hpp"
#include "include/wire/record.hpp"

namespace plumbline::agent {

/// One managed file of one owner, with what was last seen of it.
struct ResourceRow {
  baseline::FileExpectation expected;
  wire::BaselineRef baseline;
  LiveFile live;
  Comparison comparison;
  WallNs last_checked = 0;
  std::string unwatched;
  const baseline::KeyedHash* key = nullptr;       ///< of its baseline's hashes; lives as long as the agent
  std::optional<wire::Container> container = {};  ///< in whose root the path is; none: on the node
};

/// How a configured baseline source is doing.
struct BaselineStatus {
  std::string name;
  std::string kind;
  std::string path;
  std::string cluster;  ///< of Kubernetes, in which its resources are; "" = nobody said
  bool loaded = false;
  std::map<std::string, std::string> revision;
  std::size_t resources = 0;
  std::size_t files = 0;
  std::size_t skipped = 0;
  WallNs loaded_at = 0;
  WallNs moved_at = 0;  ///< when its revision was first seen
  std::chrono::seconds stale_after{0};
  bool pattern = false;    ///< of a pattern itself: `error` tells what of it is not in force
  bool handed = false;     ///< by the collector
  bool from_disk = false;  ///< the source could not be read since the start: this is what an earlier agent took
  std::shared_ptr<const baseline::Index> index;  ///< nullptr where there is none, and why_no_index then
  std::string why_no_index;
  std::string unwatched;  ///< why a change of the source itself is not seen when it happens; "" = it is
  std::string error;      ///< of the last attempt; "" = it succeeded. An older revision may still be in force
};

/// Its configuration says that it should have shown a newer revision by now.
bool is_overdue(const BaselineStatus& baseline, WallNs now);

/// Parts of the status that other threads own; each function is thread-safe.
struct StatusSources {
  std::function<std::string()> spool_json;     ///< one JSON object
  std::function<std::string()> exporter_json;  ///< one JSON object, or "null" without a collector
  std::function<std::string()> extra_metrics;  ///< Prometheus text of spool and exporter
};

/// The same of whoever watches calls; all empty where nobody does.
struct CallSources {
  std::function<std::string()> status_json;   ///< one JSON object
  std::function<std::string()> metrics_text;  ///< Prometheus text
  std::function<std::vector<wire::BlindSpot>()> blind_spots;
};

struct NodeIdentity {
  std::string node_id;
  std::string node;
  std::string boot_id;
  std::string epoch;  ///< of record ids: another one with each boot and with each new spool
  std::map<std::string, std::string> labels;
};

class NodeState final : public NodeView {
 public:
  NodeState(NodeIdentity identity, Counters& counters, std::size_t recent_findings);

  // Observing thread.
  void set_sources(StatusSources sources);
  /// Once it returns, the former ones are not called any more. `why_not`: why nobody watches; "" = somebody does.
  void set_calls(CallSources calls, std::string why_not);
  void set_kernel(std::string tier, std::string kernel_json, std::vector<wire::BlindSpot> blind_spots);
  void set_baselines(std::vector<BaselineStatus> baselines);
  /// What is not seen of files in containers.
  void set_container_blind_spots(std::vector<wire::BlindSpot> blind_spots);
  void set_health(const std::string& name, bool ok, std::string says);
  /// What goes with every batch, one JSON object: tier, counts, and the checks that fail. Any thread.
  std::string health_json() const;
  void put_row(const std::string& key, ResourceRow row);
  void remove_row(const std::string& key);
  /// One durable record with what it changed. Wakes the streams.
  void commit(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift, const wire::Gap* gap);
  /// As commit(), for records read back from the spool at start: wakes nobody, and a drift is taken over only where
  /// `take_drift` (the snapshot does not cover it).
  void restore(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift, const wire::Gap* gap,
               bool take_drift);
  void restore_drift(const wire::Drift& drift);
  /// The loop turned; livez is about this.
  void beat(std::int64_t boot_ns) { last_beat_.store(boot_ns, std::memory_order_relaxed); }

  /// Runs `use` with the book locked.
  template <class Use>
  auto with_book(Use use) const {
    const std::lock_guard lock(mutex_);
    return use(book_);
  }

  // NodeView: any thread.
  std::vector<wire::Drift> drifts() const override;
  std::vector<wire::Finding> findings() const override;
  std::vector<wire::ResourceStatus> resources() const override;
  std::vector<wire::ResourceOwner> owners_of(const std::string& path_or_id) const override;
  std::vector<wire::BlindSpot> blind_spots() const override;
  std::string status_json() const override;
  std::string metrics_text() const override;
  std::vector<HealthCheck> live() const override;
  std::vector<HealthCheck> ready() const override;
  std::vector<HealthCheck> started() const override;
  std::vector<StreamEvent> events_after(std::uint64_t after, std::size_t limit, std::uint64_t* oldest) const override;
  std::uint64_t last_sequence() const override;
  std::shared_ptr<void> subscribe(std::function<void()> wake) override;

 private:
  void remember(const wire::Record& record, const wire::Finding* finding, const wire::Drift* drift,
                const wire::Gap* gap);
  std::vector<HealthCheck> checks(std::span<const char* const> names) const;

  const NodeIdentity identity_;
  Counters& counters_;
  const std::size_t recent_;
  mutable std::mutex mutex_;
  mutable std::mutex users_mutex_;  // taken alone
  mutable Users users_;             // guarded by it
  DriftBook book_;
  std::map<std::string, std::shared_ptr<const ResourceRow>> rows_;
  std::deque<StreamEvent> events_;  ///< recent findings too: their JSON is all that is kept of them
  std::uint64_t last_sequence_ = 0;
  std::uint64_t forgotten_through_ = 0;  ///< events up to this sequence are no longer in events_
  std::string tier_ = "none";
  std::string kernel_json_ = "{}";
  std::vector<wire::BlindSpot> blind_spots_, container_blind_spots_;
  std::vector<BaselineStatus> baselines_;
  std::map<std::string, HealthCheck> health_;
  StatusSources sources_;
  CallSources calls_;
  std::string why_no_calls_;
  std::atomic<std::int64_t> last_beat_{0};

  std::mutex subscribers_mutex_;
  std::map<std::uint64_t, std::function<void()>> subscribers_;
  std::uint64_t next_subscriber_ = 0;
};

}  // namespace plumbline::agent
