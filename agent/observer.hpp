// The observing thread's work: from a moved mark to a durable finding. Wires source, correlate, enrich, detect and
// spool together; agent.cpp drives it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/config/agent_config.hpp"
#include "agent/correlate/change_sets.hpp"
#include "agent/correlate/clusters.hpp"
#include "agent/correlate/runs.hpp"
#include "agent/correlate/watch_tree.hpp"
#include "agent/detect/compare.hpp"
#include "agent/detect/state_file.hpp"
#include "agent/observer_parts.hpp"

namespace plumbline::agent {

class ApprovedRuns;

/// Not thread-safe: one thread calls everything.
class Observer {
 public:
  Observer(ObserverOptions options, ObserverParts parts, Judge judge);
  ~Observer();

  /// Takes over state and pinned marks of an earlier agent, loads the baselines, watches and compares everything once.
  Result<void> start();

  /// Reads the ring and handles what it tells.
  void on_ring();
  /// Handles what is due: retries, settling files, rescan, housekeeping. Call at due_in() at the latest.
  void on_timer();
  std::int64_t due_in_ns() const;
  /// Something may have been mounted over a managed path.
  void on_mounts_changed();
  /// Keepers of the sources that are locations; whoever fetches them tells of each fetch by take_fetched().
  std::vector<std::shared_ptr<fetch::SourceKeeper>> remote_keepers() const;
  void take_fetched(const fetch::SourceKeeper& keeper, Result<std::optional<fetch::SourceKeeper::Taken>> what,
                    baseline::Move move, const std::string& version = "");
  /// Who reads large files beside this thread, and tells by take_fetched() too; without it they are read on this one.
  using LoadAside = std::function<void(std::shared_ptr<fetch::SourceKeeper> keeper, bool any_revision)>;
  void set_load_aside(LoadAside load) { load_aside_ = std::move(load); }
  /// What the collector hands out now, whole, or why it cannot be had.
  void take_handed(const Result<std::shared_ptr<const fetch::Handed>>& handed);
  /// After take_fetched(): the fetch began at that time, so what changed before it is what it answers for.
  void answered(const std::string& name, std::chrono::steady_clock::time_point began);
  /// Asks for a source again; for any revision of it where a person means what is there.
  void set_ask_again(std::function<void(const std::string& name, bool any_revision)> ask) {
    ask_again_ = std::move(ask);
  }
  /// Tells of a call; records it where it concerns what is managed.
  void take_call(const SeenCall& seen);
  /// Where the collector has from what it hands out, as far as that is elsewhere: what StateRequests asks of a source.
  std::vector<fetch::SourceConfig> handed_locations() const;
  /// Calls of things that no baseline describes are recorded where one of these fits (CallsConfig::unowned).
  void set_unowned_calls(std::vector<std::string> patterns) { unowned_calls_ = std::move(patterns); }
  void set_ignored(std::vector<IgnoreConfig> ignored) { ignored_ = std::move(ignored); }
  /// Without it nothing is put back. Also later, when rules or configuration changed.
  void set_rollback(RollbackSetup setup);
  /// Answers who wants the drift's file put back, or `undo` of that; JSON. `by`: who asks, for the record.
  void roll_back(const std::string& drift, RollbackWish wish, const std::string& by,
                 const std::function<void(Result<std::string>)>& answer);
  void set_clusters(Clusters clusters) { clusters_ = std::move(clusters); }
  /// False: what was recorded last has no room yet; calls are to wait.
  bool can_take_call() const { return unrecorded_.empty(); }
  /// So many pieces of calls could not be captured in that time; a gap tells of it.
  void calls_lost(std::uint64_t pieces, WallNs from, WallNs until);
  /// In that time calls through this file were not seen; a gap tells of it.
  void file_unhooked(const std::string& path, WallNs from, WallNs until);
  /// Calls are watched from now on, or no longer; a gap tells of the time in between, also of one without an agent.
  void calls_watched(bool are);
  void set_judge(Judge judge) { judge_ = std::move(judge); }
  /// Before start(); outlives it. Without: no run is approved, and none need be.
  void set_approved_runs(ApprovedRuns* runs) { approved_ = runs; }
  /// The configured sources changed (SIGHUP); loads, watches and compares the difference.
  void set_sources(const std::vector<baseline::SourceSpec>& specs);

  /// Writes the snapshot; the spool may then forget what it covers.
  Result<void> checkpoint();

 private:
  struct Subject;
  struct Source;
  struct Container;
  struct Wanted;
  struct Pattern;
  class PublishOnce;
  struct Pending;
  struct Unrecorded;
  struct Waiting;
  struct Told;
  struct Seen;
  class Rollbacks;

  // observer_start.cpp
  void restore();
  void first_check(WallNs stopped_since);
  void accept_unmanaged();
  void forget_unwanted_indexes();
  std::int64_t last_alive() const;
  void touch_alive() const;
  // observer_sources.cpp
  void add_source(const baseline::SourceSpec& spec, const Pattern* pattern, bool compare_now);
  void read_from_here(Source& source, bool compare_now);
  enum class Kept { on_disk, forgotten };
  void stop_reading(Source& source, Kept kept);
  void change_source(Source& source, baseline::SourceSpec spec, const Pattern* pattern);
  void set_plain_source(const baseline::SourceSpec& spec);
  void let_go(const std::function<bool(const Source&)>& is_gone);
  void remove_sources(const std::function<bool(const Source&)>& is_gone);
  void load_source(Source& source, bool compare_now);
  void take_baseline(Source& source, fetch::SourceKeeper::Taken&& taken, bool compare_now,
                     const std::string& handed = {});
  void keep_old_baseline(Source& source, const Error& why, bool compare_now);
  void take_remembered(Source& source, bool compare_now);
  void apply_baseline(Source& source, baseline::Baseline&& fresh, bool compare_now);
  void publish_sources();
  void follow_moved(const std::set<WatchId>& moved);
  void look_at_sources();
  void read_soon(Source& source);
  // observer_patterns.cpp
  void add_pattern(const baseline::SourceSpec& spec, bool compare_now);
  void take_kept_matches(Pattern& pattern, bool compare_now);
  void look_for_matches(Pattern& pattern, bool compare_now, bool let_go);
  void let_go_of_matches(Pattern& pattern, const std::vector<std::string>& files);
  void take_matches(Pattern& pattern, bool compare_now);
  void change_pattern(Pattern& pattern, const baseline::SourceSpec& spec);
  void remove_pattern(Pattern& pattern);
  void forget_folders(Pattern& pattern, const std::vector<std::string>& but);
  // observer_locks.cpp
  void look_at_lock(Source& source, const std::vector<Cause>& causes);
  void watch_lock(Source& source);
  void restore_runs();
  void keep_runs();
  // observer_runs.cpp
  static void note_writer(Source& source, const std::vector<Cause>& causes);
  void forget_runs(Source& source);
  void take_state_uses(const SeenCall& seen);
  bool is_of_own_stack(const SeenCall& seen);
  void follow_stack(Source& source) const;
  bool is_written_by_run_of(const Source& source, const wire::Drift& drift) const;
  void end_grace();
  // observer_calls.cpp
  bool may_be_managed(const wire::Drift& drift) const;
  std::string cluster_of(const Source& source) const;
  std::string cluster_of(const wire::Call& call) const;
  wire::Finding finding_of(const SeenCall& seen) const;
  std::optional<Pending> unowned(const SeenCall& seen);
  std::vector<std::string> ignored_of(const std::string& address) const;
  std::vector<wire::Drift> accept_calls(const Source& source, const baseline::Index* fresh,
                                        const std::string& why) const;
  // observer_handed.cpp
  void start_handed();
  void apply_handed(bool compare_now);
  void take_rest_of_handed(bool compare_now);
  void hand_over(Source& source);
  void show_handout_error(const std::string& why);
  static bool is_read_here(const Source& source);
  void take_handed_index(Source& source, const fetch::HandedBaseline& handed, bool compare_now);
  void refuse_handed(const Error& why);
  Subject& add_subject(Source& source, const Wanted& wanted);
  void replace_subject(Source& source, Subject& before, const baseline::FileExpectation& expected);
  void watch(Subject& subject);
  void remove_subject(WatchId id);
  // observer_pods.cpp
  void watch_pods(Source& source);
  void forget_pods(Source& source);
  bool pod_is_not_there(Subject& subject, const LiveFile& live);
  bool ask_first(Subject& subject, const LiveFile& live, const Comparison& comparison,
                 const std::map<std::uint32_t, Seen>& seen, const std::vector<Cause>& causes,
                 const std::string& source);
  bool follows(Subject& subject, const LiveFile& live);
  void stop_waiting(Subject& subject, std::vector<Cause>& causes);
  void hold_slots(WatchId watch, const std::vector<Cause>& causes,
                  const std::map<std::uint32_t, std::uint64_t>& generation, std::set<std::uint32_t>& held);
  std::set<std::uint32_t> held_slots() const;
  void tell_waiting(const std::set<WatchId>& ids);
  void on_pods_timer();
  std::int64_t pods_due() const;
  // observer_containers.cpp
  void follow_containers();
  void list_containers();
  std::shared_ptr<const Container> opened(const Containers::Running& running);
  std::vector<Wanted> wanted_of(Source& source, const std::vector<baseline::FileExpectation>& files);
  bool has_room_for(const Wanted& wanted);
  void look_at_containers();
  void end_containers();
  void forget_unused_containers();
  void tell_of_containers();
  void take_image(Subject& subject);
  bool container_is_gone(const Subject& subject);
  LiveFile read(const Subject& subject, const Resolution& where, ReadRequest request) const;
  void add_orphans(const Subject& subject, std::vector<Cause>& causes) const;
  void look_at_containers_soon();
  // observer.cpp
  void handle(std::vector<std::uint32_t> slots);
  std::optional<Pending> observe(Subject& subject, std::vector<Cause> causes, const std::string& source);
  std::map<std::uint32_t, Seen> look_at_marks(const Resolution& where) const;
  void add_leaf_causes(const std::map<std::uint32_t, Seen>& seen, std::vector<Cause>& causes);
  static Cause as_cause(const MarkedInode& old);
  static std::uint32_t slot_of(const Subject& subject);
  void acknowledge(std::uint32_t slot, std::uint64_t generation);
  void drop_retired();
  void name_merged_writers(const Cause& cause, wire::Finding& finding);
  void begin_batch();
  const mark_actor* describe_actor(Subject& subject, const std::vector<Cause>& causes, bool replaced,
                                   wire::Finding& finding, std::vector<HandledMark>& handled);
  ApprovalState approval_of(const wire::Finding& finding, const mark_actor* by, bool may_explain);
  std::size_t scan(const std::set<WatchId>& ids, const std::string& source, const std::string& unknown_actor);
  bool record(std::vector<Pending>& pending);
  bool record_drifts(std::vector<wire::Drift>& drifts);
  bool record_or_keep(std::vector<Pending> findings, std::vector<wire::Drift> drifts,
                      std::map<std::uint32_t, std::uint64_t> handled);
  bool flush_unrecorded();
  bool record_gaps(std::vector<wire::Gap>& gaps);
  void keep_gap(wire::Gap gap);
  void publish(Subject& subject);
  std::optional<Pending> leave_alone(Subject& subject, const char* why);
  std::optional<Pending> cannot_compare(Subject& subject, const std::string& why);
  void sweep();
  void copy_kernel_counters();

  ObserverOptions options_;
  std::string own_folder_;  ///< state_dir without symlinks
  ObserverParts p_;
  Judge judge_;
  ApprovedRuns* approved_ = nullptr;
  std::unique_ptr<Rollbacks> rollbacks_;  ///< nullptr: nothing is put back
  Runs runs_;
  std::uint64_t kept_runs_ = 0;      ///< Runs::changes() when they were written last
  std::int64_t keep_runs_from_ = 0;  ///< boot ns: no sooner again
  std::vector<std::string> unowned_calls_;
  std::vector<IgnoreConfig> ignored_;
  Clusters clusters_;
  ChangeSets change_sets_;
  std::function<void(const std::string&, bool)> ask_again_;
  LoadAside load_aside_;
  WatchTree tree_;
  std::map<WatchId, std::unique_ptr<Subject>> subjects_;
  std::map<WatchId, Source*> source_watches_;
  std::map<WatchId, Source*> lock_watches_;  ///< of the files by which tools lock a state file
  std::vector<std::unique_ptr<Source>> sources_;
  std::map<WatchId, Pattern*> pattern_watches_;
  std::map<WatchId, Source*> pods_watches_;       ///< folders in which the pods of a source appear
  std::map<WatchId, Waiting> waiting_;            ///< subjects of such sources that differ, and nobody was told yet
  std::set<WatchId> runtime_watches_;             ///< of runtimes' folders; empty: nobody manages files in containers
  std::map<std::string, WatchId> state_watches_;  ///< of runtimes' files of containers
  std::vector<Containers::Running> running_;      ///< as they were last listed
  std::map<std::string, std::shared_ptr<const Container>> containers_;  ///< id → those in which something is managed
  std::map<std::string, std::string> not_looked_into_;  ///< id → why a container that is selected is not
  std::map<std::string, std::int64_t> starting_;        ///< id → boot ns since when its root is waited for
  std::size_t container_files_ = 0;                     ///< subjects in containers
  std::uint64_t crowded_out_ = 0;                       ///< files in containers that the bound keeps unwatched now
  std::int64_t look_at_containers_at_ = 0;              ///< boot ns; 0 = none is due
  std::int64_t containers_moved_at_ = 0;                ///< boot ns of the first change since the last look; 0 = none
  std::vector<std::unique_ptr<Pattern>> patterns_;
  std::optional<BaselineStatus> handout_;                 ///< what the collector hands out, as a whole
  std::shared_ptr<const fetch::Handed> handed_;           ///< what was last taken of it
  std::deque<const fetch::HandedBaseline*> handed_left_;  ///< of handed_: still to be taken
  std::deque<Unrecorded> unrecorded_;       ///< bounded by one batch and one baseline: nothing is looked at meanwhile
  std::set<std::uint32_t> retry_;           ///< slots whose changes could not be recorded or settled yet
  std::map<WatchId, std::int64_t> settle_;  ///< files to read once more → when (boot ns), after their latest change
  std::map<std::uint64_t, std::vector<MarkedInode>> orphans_;  ///< path hash → marks of an earlier agent, at start only
  /// Slot → generation that the findings of this batch cover: what was pending in the moment the file was read.
  std::map<std::uint32_t, std::uint64_t> covered_;
  std::map<std::uint32_t, Told> told_;     ///< by slot; of marks that changed, so bounded as they are
  std::map<std::uint32_t, Told> telling_;  ///< of the findings of this batch
  int publishing_held_ = 0;                ///< PublishOnce
  bool publishing_due_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t known_lost_ = 0;
  std::uint64_t known_cgroups_lost_ = 0;
  std::uint64_t checkpointed_ = 0;
  WallNs calls_unwatched_since_ = 0;  ///< 0 = they are watched, or never were
  std::int64_t next_retry_ = 0;
  std::int64_t next_rescan_ = 0;
  std::int64_t next_housekeeping_ = 0;
  std::int64_t rescan_soon_ = 0;      ///< boot ns; 0 = none
  std::int64_t mounts_moved_at_ = 0;  ///< boot ns of the first mount since the last such rescan; 0 = none
  /// Baselines that were not known when accept_unmanaged() last looked through the present list; none = it did not.
  std::optional<std::set<std::string>> unmanaged_looked_for_;
  bool trim_due_ = false;  ///< memory of a load or a rescan waits to be given back
};

}  // namespace plumbline::agent
