// What the observer is made with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/rollback_config.hpp"
#include "agent/correlate/approvals.hpp"
#include "agent/correlate/call_owners.hpp"
#include "agent/decode/call_reader.hpp"
#include "agent/enrich/enricher.hpp"
#include "agent/node_state.hpp"
#include "agent/rollback/wish.hpp"
#include "agent/source/kernel.hpp"
#include "agent/spool/spool.hpp"
#include "baseline/baseline.hpp"
#include "cloud/bearer.hpp"
#include "fetch/handout_client.hpp"
#include "fetch/source_keeper.hpp"
#include "fetch/state_requests.hpp"

namespace plumbline::agent {

/// Gives a finding its verdict, rule, severity and evidence. `run`: Runs::find(), "" = it is of none.
using Judge =
    std::function<void(wire::Finding& finding, bool sensitive, const std::string& run, const ApprovalState& approval)>;

/// A call of a cloud's API that was seen on this node.
struct SeenCall {
  mark_actor actor{};  ///< who made it, and when
  wire::Call call;
  std::vector<CallTarget> targets;
  bool may_change = true;               ///< something that IaC describes
  bool is_cut = false;                  ///< not all of the request was read
  std::string stack;                    ///< of CloudFormation, which it has AWS change: a name or an ARN; "" = none
  std::string change_set;               ///< then: of which it names the ARN alone, or which it makes for `made_for`
  std::string made_for;                 ///< a stack; "" = it makes none
  bool unseen = false;                  ///< a connection to a cloud, of which no more is known than whom it is with
  std::vector<fetch::StateUse> states;  ///< baselines whose state it read or wrote
  std::string version;                  ///< then: which it was; "" = unknown
  bool lock_held = false;               ///< then: whether a lock was taken, or let go of
  cloud::TokenProof token;              ///< of the bearer token it was made with, or that its key was handed out for
  bool by_key = false;                  ///< it was made with such a key
  ToolClaim tool;
};

class Healer;

/// What puts files back, and what may be.
struct RollbackSetup {
  Healer* healer = nullptr;  ///< outlives the observer's last call
  RollbackConfig config;
  std::vector<RollbackRule> rules;
  std::function<void(std::function<void()>)> later;  ///< has the observing thread call that; for any thread
};

/// A collector hands this node baselines.
struct HandoutSetup {
  std::string url;                            ///< of the collector, for people
  const baseline::KeyedHash* key = nullptr;   ///< of the hashes in what it hands out
  std::shared_ptr<const fetch::Handed> kept;  ///< from disk; nullptr: nothing is
  std::string damage;                         ///< why what was kept is of no use; "" = it is, or nothing was
  std::chrono::seconds stale_after{0};        ///< a list that was signed so long ago is told
};

struct ObserverOptions {
  NodeIdentity identity;
  std::string state_dir;
  std::vector<baseline::SourceSpec> sources;
  std::uint64_t max_file_bytes = 256ull << 20;
  std::int64_t rescan_interval_ns = 3'600'000'000'000;
  std::optional<HandoutSetup> handout;
  std::int64_t pending_grace_ns = 1'800'000'000'000;  ///< after it, what no revision showed is drift
  bool local_only = false;                   ///< no collector: what the snapshot covers needs nobody's acknowledgement
  std::uint32_t max_container_files = 4096;  ///< watched in containers; what is past it is a blind spot
  std::uint64_t max_container_file_bytes = 16ull << 20;  ///< there, larger files are compared without their content
};

/// What the observer works with; all outlive it.
struct ObserverParts {
  Kernel& kernel;
  Enricher& enricher;
  Containers& containers;
  Spool& spool;
  NodeState& state;
  Users& users;
  const baseline::KeyedHash& key;
  const Clock& clock;
  Counters& counters;
};

}  // namespace plumbline::agent
