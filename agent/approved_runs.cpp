#include "agent/approved_runs.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

#include "agent/enrich/process_facts.hpp"
#include "cloud/run_token.hpp"
#include "http/page.hpp"
#include "include/util/glob.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t second = 1'000'000'000;

const char* proof_of(const Approval& approval) {
  return approval.is_verified ? "verified" : "claimed";
}

}  // namespace

ApprovedRuns::ApprovedRuns(Options options, Keys keys, const Clock& clock, Counters& counters)
    : options_(std::move(options)),
      keys_(std::move(keys)),
      clock_(clock),
      counters_(counters),
      approvals_(options_.bounds) {
  auto kept = Approvals::load(options_.file, options_.boot_id, options_.bounds);
  if (kept) {
    approvals_ = std::move(*kept);
  } else if (kept.error().code != ErrorCode::not_found) {
    ::rename(options_.file.c_str(), (options_.file + ".corrupt").c_str());
    spdlog::warn("event=approved_runs_unreadable why=\"{}\"", kept.error().message());
  }
}

/// `token`: of one that may be used once.
Result<Approval> ApprovedRuns::approval_of(const RunRequest& request, const http::PeerProcess& peer,
                                           std::optional<UsedToken>& token) const {
  const std::string what = "approve the run " + request.id;
  const auto process = read_proc(options_.proc_root, peer.pid);
  if (!process)
    return Error{ErrorCode::permission, what, "the process that asks, " + std::to_string(peer.pid) + ", is gone",
                 "ask from the process whose run it is, and let it run"};
  Approval approval;
  approval.id = request.id;
  approval.process = process->key;
  approval.baselines = request.baselines;
  approval.asked = {request.resources, request.paths};
  approval.principal = request.principal.empty() ? "uid " + std::to_string(peer.uid) : request.principal;
  approval.from = static_cast<std::uint64_t>(clock_.boot());
  approval.until = approval.from + static_cast<std::uint64_t>(request.expires_in.count() * second);
  if (!options_.needs_token) {
    if (request.token.empty()) return approval;
    return invalid(what, "its token cannot be proven: no keys are configured",
                   "name the keys of its issuer in verdicts.approval.keys, or leave the token out");
  }
  if (request.token.empty())
    return Error{ErrorCode::permission, what, "it has no token, and verdicts.approval.keys asks for one",
                 "give one with plumb run --token-file"};
  const auto keys = keys_();
  if (!keys)
    return Error{ErrorCode::unavailable, what, "no keys that tokens are proven by could be had yet",
                 "the agent's log says why"};
  auto read = cloud::read_run_token(request.token, *keys, options_.audience, clock_.wall() / second);
  if (!read) return read.error();
  const bool is_known = options_.subjects.empty() ||
                        std::any_of(options_.subjects.begin(), options_.subjects.end(),
                                    [&](const auto& glob) { return text_glob_matches(glob, read->subject); });
  if (!is_known)
    return Error{ErrorCode::permission, what, "its token is of " + read->subject + ", whom no glob of subjects fits",
                 "see verdicts.approval.subjects"};
  approval.principal = read->subject;
  approval.is_verified = true;
  approval.allowed = {read->resources, read->paths};
  if (!read->once.empty()) token = UsedToken{read->once, read->until * second};
  return approval;
}

/// On disk first: what is said to be approved stays so, and a token that was taken is never taken again.
Result<void> ApprovedRuns::keep(Approvals&& fresh) {
  if (auto saved = fresh.save(options_.file, options_.boot_id); !saved) return saved;
  approvals_ = std::move(fresh);
  counters_.runs_approved_now = approvals_.in_force(static_cast<std::uint64_t>(clock_.boot())).size();
  counters_.runs_crowded_out = approvals_.forgotten();
  return {};
}

http::Response ApprovedRuns::refused(const RunRequest& request, const http::PeerProcess& peer, const Error& error) {
  counters_.runs_refused.fetch_add(1, std::memory_order_relaxed);
  spdlog::warn(R"(event=run_refused run="{}" pid={} uid={} why="{}")", request.id, peer.pid, peer.uid,
               wire::escape_bytes(error.message()));
  return http::problem(error);
}

http::Response ApprovedRuns::approve(const RunRequest& request, const http::PeerProcess& peer) {
  std::optional<UsedToken> token;
  auto approval = approval_of(request, peer, token);
  if (!approval) return refused(request, peer, approval.error());
  if (token && approvals_.is_used(token->sha256)) counters_.run_tokens_replayed.fetch_add(1, std::memory_order_relaxed);
  Approvals fresh = approvals_;
  note_ends(fresh);  // those make room
  if (auto added = fresh.add(*approval, token, static_cast<std::uint64_t>(clock_.boot())); !added)
    return refused(request, peer, added.error());
  if (auto kept = keep(std::move(fresh)); !kept) return refused(request, peer, kept.error());
  counters_.runs_approved.fetch_add(1, std::memory_order_relaxed);
  spdlog::info(R"(event=run_approved run="{}" principal="{}" proof={} pid={} uid={} until={})", approval->id,
               approval->principal, proof_of(*approval), peer.pid, peer.uid, rfc3339(wall_of(approval->until)));
  return http::json_response(json_of(*approval), 201);
}

http::Response ApprovedRuns::list() const {
  http::PageWriter page;
  for (const auto& approval : approvals_.in_force(static_cast<std::uint64_t>(clock_.boot())))
    page.add(json_of(approval));
  return std::move(page).finish("");
}

http::Response ApprovedRuns::end(const std::string& id) {
  Approvals fresh = approvals_;
  const std::size_t ended = fresh.end(id, static_cast<std::uint64_t>(clock_.boot()));
  if (ended == 0)
    return http::problem(
        {ErrorCode::not_found, "end the approved run", "none of that id is in force", "GET /v1/runs lists them"});
  if (auto kept = keep(std::move(fresh)); !kept) return http::problem(kept.error());
  spdlog::info("event=run_ended run=\"{}\" approvals={}", wire::escape_bytes(id), ended);
  return http::json_response(wire::JsonObject().number("ended", ended).str());
}

std::string ApprovedRuns::json_of(const Approval& approval) const {
  const auto scope = [](const ApprovalScope& s) {
    wire::JsonObject j;
    if (!s.resources.empty()) j.raw("resources", wire::to_json(s.resources));
    if (!s.paths.empty()) j.raw("paths", wire::to_json(s.paths));
    return j.str();
  };
  wire::JsonObject j;
  j.text("id", approval.id).bytes("principal", approval.principal).text("principal_proof", proof_of(approval));
  if (!approval.baselines.empty()) j.raw("baselines", wire::to_json(approval.baselines));
  if (!approval.asked.resources.empty()) j.raw("resources", wire::to_json(approval.asked.resources));
  if (!approval.asked.paths.empty()) j.raw("paths", wire::to_json(approval.asked.paths));
  if (!approval.allowed.is_empty()) j.raw("allowed", scope(approval.allowed));
  j.number("pid", approval.process.tgid).text("from", rfc3339(wall_of(approval.from)));
  j.text("until", rfc3339(wall_of(approval.until)));
  if (approval.ended != 0) j.text("process_ended", rfc3339(wall_of(approval.ended)));
  return j.str();
}

ApprovalState ApprovedRuns::of(const wire::Finding& finding, std::span<const process_key> lineage,
                               std::uint64_t at_boot) const {
  const Approval* approval = approvals_.find(finding.baseline ? finding.baseline->name : "", finding.resource,
                                             finding.where.container ? "" : finding.where.path, lineage, at_boot);
  if (approval == nullptr) return none();
  return {options_.required,
          "run " + approval->id + " of " + approval->principal + " (" + proof_of(*approval) + ") until " +
              rfc3339(wall_of(approval->until)),
          approval->names_something()};
}

/// Whether anything changed.
bool ApprovedRuns::note_ends(Approvals& approvals) const {
  return approvals.sweep(static_cast<std::uint64_t>(clock_.boot()), clock_.wall(),
                         [&](const process_key& key) { return is_running(options_.proc_root, key); });
}

void ApprovedRuns::sweep() {
  Approvals fresh = approvals_;
  const bool changed = note_ends(fresh);
  counters_.runs_approved_now = approvals_.in_force(static_cast<std::uint64_t>(clock_.boot())).size();
  if (!changed) return;
  if (auto kept = keep(std::move(fresh)); !kept)  // with the next turn
    spdlog::warn("event=approved_runs_not_kept why=\"{}\"", kept.error().message());
}

}  // namespace plumbline::agent
