// Which runs are approved: takes what is asked over the API, proves tokens, keeps it, and says of changes whether one
// covers them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/api/run_request.hpp"
#include "agent/correlate/approvals.hpp"
#include "agent/telemetry/counters.hpp"
#include "cloud/token_keys.hpp"
#include "http/message.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Not thread-safe: the observing thread calls everything.
class ApprovedRuns {
 public:
  struct Options {
    bool required = false;     ///< verdicts.approval.required
    bool needs_token = false;  ///< keys are configured
    std::string audience = "plumbline";
    std::vector<std::string> subjects;  ///< globs of tokens' subjects; empty = any
    std::string file;                   ///< where it is kept
    std::string boot_id;
    std::string proc_root = "/proc";
    Approvals::Options bounds;
  };
  /// The keys that are known now; nullptr: none are.
  using Keys = std::function<std::shared_ptr<const cloud::TokenKeys>()>;

  /// Takes over what an earlier agent kept; a damaged file is put aside.
  ApprovedRuns(Options options, Keys keys, const Clock& clock, Counters& counters);

  /// Answers POST, GET and DELETE of /v1/runs. What is approved is on disk before it is said.
  http::Response approve(const RunRequest& request, const http::PeerProcess& peer);
  http::Response list() const;
  http::Response end(const std::string& id);

  /// Of a change of what the finding names, by the first of `lineage`, at that time (boot ns).
  ApprovalState of(const wire::Finding& finding, std::span<const process_key> lineage, std::uint64_t at_boot) const;
  ApprovalState none() const { return {options_.required, "", false}; }
  bool is_empty() const { return approvals_.is_empty(); }

  /// Now and then: notes which processes ended, and forgets what is over.
  void sweep();

 private:
  Result<Approval> approval_of(const RunRequest& request, const http::PeerProcess& peer,
                               std::optional<UsedToken>& token) const;
  Result<void> keep(Approvals&& fresh);
  bool note_ends(Approvals& approvals) const;
  http::Response refused(const RunRequest& request, const http::PeerProcess& peer, const Error& error);
  std::string json_of(const Approval& approval) const;
  WallNs wall_of(std::uint64_t boot_ns) const { return clock_.wall_at_boot(static_cast<std::int64_t>(boot_ns)); }

  const Options options_;
  const Keys keys_;
  const Clock& clock_;
  Counters& counters_;
  Approvals approvals_;
};

}  // namespace plumbline::agent
