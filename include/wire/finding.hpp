// The units that agent, collector, CLI and sinks speak of (DESIGN: words). Plain data; JSON in wire/json.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/clock.hpp"
#include "include/wire/call.hpp"
#include "include/wire/rollback.hpp"

namespace plumbline::wire {

/// How a change came about. The text forms (text.hpp) are the contract; docs/reference/agent.md says which a rule
/// gives.
enum class Verdict {
  out_of_band,
  in_band,
  pending,
  unapproved_run,
  converged_by_stranger,
  impersonation,
  expected_runtime,
};

enum class ComparisonResult { match, mismatch, not_comparable };
enum class Severity { info, low, medium, high, critical };
/// forgotten: its node is gone, and what became of it is not known; the collector's word alone
enum class DriftState { open, resolved, accepted, contested, suppressed, forgotten };

/// Whether it needs somebody still.
constexpr bool is_live(DriftState state) {
  return state == DriftState::open || state == DriftState::contested;
}

/// One process as it was at event time. Empty strings and nullopt mean "not known", never "none".
struct Process {
  std::uint32_t pid = 0;   ///< thread group id in the initial pid namespace
  WallNs start_time = 0;   ///< 0 = unknown
  std::string exe;         ///< path of the executable as seen from the process's own root; "" = unknown
  std::string exe_sha256;  ///< lower-case hex; "" = could not be read (see missing_evidence)
  std::string comm;
  std::vector<std::string> argv;  ///< as at exec; bounded, see argv_truncated
  bool argv_truncated = false;
  std::optional<std::uint32_t> uid;
  std::string user;
  std::optional<std::uint32_t> login_uid;
  std::string login_user;
  std::string tty;  ///< "pts/3"; "" = none or unknown
};

/// The task of Amazon ECS that a container is of, by the labels that its agent puts on it and, for the service, by what
/// that agent says.
struct EcsTask {
  std::string cluster;  ///< name or ARN, as the instance was configured with
  std::string task;     ///< ARN
  std::string family, revision;
  std::string container;  ///< as the task definition calls it
  std::string service;    ///< "" = of none, or not known (yet)
  bool operator==(const EcsTask&) const = default;
};

struct Container {
  std::string id;
  std::string runtime;  ///< "runc", "podman", "containerd", "docker", "cri-o"; "" = unknown
  std::string name;
  std::string image;
  std::string image_digest;  ///< of its manifest; of Docker, where it keeps none, the image's id
  std::string pod;
  std::string pod_namespace;
  std::string pod_uid;
  std::string service_account;
  std::optional<EcsTask> ecs;
};

/// Who did it. `process` is nullopt where nobody could know (found at start, lost mark); `unknown_reason` then says
/// why.
struct Actor {
  std::optional<Process> process;
  std::vector<Process> lineage;   ///< parent first, up to the container's or the host's init
  bool lineage_complete = false;  ///< the walk reached an init; false = an ancestor was not known
  std::optional<Container> container;
  bool resolved = false;  ///< everything that can be known about process and container is known
  std::string unknown_reason;
};

/// One attribute that differs. Values of sensitive attributes are keyed hashes ("hmac-sha256:…"), never the value.
struct AttributeDiff {
  std::string attribute;  ///< content_sha256, mode, owner, group, type, symlink_target, existence, absent
  std::string expected;
  std::string live;
  bool sensitive = false;
};

struct Evidence {
  /// rule, lineage, executable, baseline, mark, scan; of calls also call, cluster, connection, approval, and of their
  /// drift not_compared (an attribute), put_back and also_by (docs/reference/agent.md)
  std::string kind;
  std::string says;
};

struct Where {
  std::string node;
  std::string path;
  std::vector<std::string> aliases;
  std::optional<Container> container = {};  ///< in whose root the path is; none: on the node
};

/// The desired state that a finding was compared with.
struct BaselineRef {
  std::string name;
  std::map<std::string, std::string> revision;  ///< terraform: lineage, serial; manifest: revision
};

/// One observed change of one resource, judged.
struct Finding {
  std::string id;             ///< make_finding_id()
  std::string resource;       ///< address
  std::string kind = "file";  ///< or "call"
  WallNs at = 0;              ///< when the kernel saw the (last) change; when it was found, for a scan
  WallNs observed_at = 0;     ///< when the live state was read
  std::string source;         ///< "kernel", "scan", "baseline" or "call": what made the agent look
  Verdict verdict = Verdict::out_of_band;
  std::string rule;  ///< name of the rule that gave the verdict; "default" where none matched
  ComparisonResult comparison = ComparisonResult::match;
  Severity severity = Severity::info;
  std::vector<AttributeDiff> diff;
  Where where;
  Actor actor;                         ///< of the last change
  std::optional<Process> first_actor;  ///< of the first of several merged changes, where it was another process
  std::uint64_t changes = 1;           ///< kernel events merged into this finding; 0 for a scan
  std::uint64_t handovers = 0;         ///< how often another program went on among them; 0 = one program made them all
  std::vector<Evidence> evidence;
  std::vector<std::string> missing_evidence;
  std::optional<BaselineRef> baseline;
  std::optional<Call> call;  ///< of kind "call"
  std::string drift_id;      ///< drift that this finding opened, counted up or closed; "" = none
};

/// The state of a resource that findings opened (DESIGN: "Drift is state").
struct Drift {
  std::string id;
  std::string resource;
  std::string baseline;  ///< its name: two of them may expect different things of one path. "" = an older agent's
  std::string kind = "file";
  DriftState state = DriftState::open;
  WallNs opened_at = 0;
  WallNs updated_at = 0;
  std::optional<WallNs> closed_at;
  std::string closed_by;    ///< why it is no longer open: "live equals baseline", "baseline revision serial=7", …
  std::uint64_t count = 0;  ///< findings so far
  Verdict verdict = Verdict::out_of_band;
  ComparisonResult comparison = ComparisonResult::mismatch;
  Severity severity = Severity::high;
  std::vector<AttributeDiff> diff;
  Where where;
  Actor actor;  ///< of the finding with the worst verdict, the latest of equal ones; evidence "also_by" has others
  std::vector<Evidence> evidence;
  std::vector<std::string> missing_evidence;
  std::optional<Call> call;           ///< of kind "call": the latest that showed a mismatch
  std::optional<Rollback> rollback;   ///< where a rule or a person wants it put back
  std::vector<std::string> findings;  ///< ids, oldest first; the newest 100 (count tells of more)
};

/// A recorded stretch in which something could have gone unseen, and what was done about it.
struct Gap {
  std::string id;
  /// start, agent_stopped, marks_lost, mount_changed, unseen_change, spool_damaged, baseline_went_back,
  /// baseline_of_another, baseline_forked, baseline_forgotten, calls_lost, calls_not_watched
  std::string reason;
  std::string scope;  ///< "node", "baseline NAME" or a path
  WallNs from = 0;
  WallNs until = 0;
  std::uint64_t checked = 0;  ///< resources re-checked because of it
  std::uint64_t changed = 0;  ///< … and found changed
  std::string detail;
};

/// A watched resource and what it looks like now (GET /v1/resources).
struct ResourceStatus {
  std::string resource;
  std::string kind = "file";
  std::string path;
  std::optional<Container> container = {};  ///< in whose root the path is; none: on the node
  BaselineRef baseline;
  ComparisonResult comparison = ComparisonResult::not_comparable;
  std::vector<AttributeDiff> diff;
  std::map<std::string, std::string> expected;  ///< attribute → value as printed in a diff
  std::map<std::string, std::string> live;
  WallNs last_checked = 0;
  bool watched = false;  ///< every inode on the way to it carries a mark
  std::string unwatched_reason;
  std::string drift_id;  ///< of its open drift; "" = none
};

/// One of the resources that a path or cloud id belongs to (GET /v1/owners).
struct ResourceOwner {
  std::string resource;
  std::string type;
  std::string provider;
  BaselineRef baseline;
  std::uint64_t rank = 0;  ///< 0 = the thing itself; higher ones are its parts and whoever else describes it
  std::string reason;
  std::vector<std::string> ids;
  std::vector<std::string> files;  ///< paths on this node
};

/// Something the agent knows it cannot see, on this node, now.
struct BlindSpot {
  std::string id;     ///< stable word, for example "mmap_store_into_dirty_page"
  std::string scope;  ///< "node", an event class, or a path
  std::string says;   ///< what is not seen, in one sentence
  std::string because;
  std::string remedy;  ///< "" = none
};

/// "3f9a1c2b-7d4e21aa-00000000000000000012": the first 8 characters of node id and epoch (a digest of boot id and spool
/// id), and the spool sequence. Deterministic, so that every hop can retry and nothing doubles.
inline std::string make_finding_id(std::string_view node_id, std::string_view epoch, std::uint64_t sequence) {
  const std::string digits = std::to_string(sequence);
  return std::string(node_id.substr(0, 8)) + "-" + std::string(epoch.substr(0, 8)) + "-" +
         std::string(20 - digits.size(), '0') + digits;
}

}  // namespace plumbline::wire
