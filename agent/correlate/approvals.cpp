#include "agent/correlate/approvals.hpp"

#include <algorithm>
#include <ranges>

#include "agent/enrich/process_facts.hpp"
#include "include/util/glob.hpp"

namespace plumbline::agent {
namespace {

constexpr WallNs leeway = 60'000'000'000;  // as TokenKeys: clocks of machines differ

}  // namespace

bool ApprovalScope::covers(std::string_view resource, std::string_view path) const {
  return std::any_of(resources.begin(), resources.end(),
                     [&](const auto& glob) { return text_glob_matches(glob, resource); }) ||
         (!path.empty() &&
          std::any_of(paths.begin(), paths.end(), [&](const auto& glob) { return path_glob_matches(glob, path); }));
}

bool Approval::covers(std::string_view baseline, std::string_view resource, std::string_view path) const {
  const bool of_baseline = baselines.empty() || std::any_of(baselines.begin(), baselines.end(), [&](const auto& glob) {
                             return text_glob_matches(glob, baseline);
                           });
  return of_baseline && (asked.is_empty() || asked.covers(resource, path)) &&
         (allowed.is_empty() || allowed.covers(resource, path));
}

Result<void> Approvals::add(Approval approval, const std::optional<UsedToken>& token, std::uint64_t now_boot) {
  const std::string what = "approve the run " + approval.id;
  if (approval.until < approval.from || approval.until - approval.from > static_cast<std::uint64_t>(longest_ns))
    return invalid(what, "it would last longer than 24 hours", "give a shorter time");
  if (token && is_used(token->sha256))
    return Error{ErrorCode::permission, what, "its token was used before", "have another one issued for each run"};
  if (token && tokens_.size() >= options_.max_tokens)
    return Error{ErrorCode::unavailable, what,
                 "tokens of " + std::to_string(tokens_.size()) + " runs that are not over yet are remembered",
                 "let tokens end sooner"};
  const auto in_the_way = [&](const Approval& known) {
    return known.id == approval.id && same_process_by_tick(known.process, approval.process);
  };
  const auto is_over = [&](const Approval& known) { return known.until <= now_boot || in_the_way(known); };
  if (approvals_.size() >= options_.max_approvals) std::erase_if(approvals_, is_over);
  const auto is_left = [](const Approval& known) { return known.ended != 0; };
  if (const auto first = std::find_if(approvals_.begin(), approvals_.end(), is_left);
      approvals_.size() >= options_.max_approvals && first != approvals_.end()) {
    approvals_.erase(first);
    ++forgotten_;
  }
  if (approvals_.size() >= options_.max_approvals)
    return Error{ErrorCode::unavailable, what,
                 std::to_string(approvals_.size()) + " approved runs are in force, and their processes run",
                 "end some: GET /v1/runs lists them"};
  for (auto& known : approvals_)  // it stays for what was changed before
    if (in_the_way(known)) known.until = std::min(known.until, now_boot);
  if (token) tokens_[token->sha256] = token->until;
  approvals_.push_back(std::move(approval));
  return {};
}

std::size_t Approvals::end(const std::string& id, std::uint64_t now_boot) {
  std::size_t ended = 0;
  for (auto& approval : approvals_) {
    if (approval.id != id || approval.until <= now_boot) continue;
    approval.until = now_boot;
    ++ended;
  }
  return ended;
}

bool Approvals::sweep(std::uint64_t now_boot, WallNs now, const std::function<bool(const process_key&)>& is_running) {
  bool changed = false;
  for (auto& approval : approvals_) {
    if (approval.ended != 0 || approval.until <= now_boot || is_running(approval.process)) continue;
    approval.ended = now_boot;
    approval.until = std::min(approval.until, now_boot + static_cast<std::uint64_t>(options_.grace_ns));
    changed = true;
  }
  changed = std::erase_if(approvals_,
                          [&](const Approval& a) {
                            return a.until + static_cast<std::uint64_t>(options_.kept_ns) <= now_boot;
                          }) > 0 ||
            changed;
  return std::erase_if(tokens_, [&](const auto& token) { return token.second + leeway < now; }) > 0 || changed;
}

const Approval* Approvals::find(std::string_view baseline, std::string_view resource, std::string_view path,
                                std::span<const process_key> lineage, std::uint64_t at_boot) const {
  const Approval* found = nullptr;
  for (const auto& approval : std::views::reverse(approvals_)) {
    if (at_boot < approval.from || at_boot >= approval.until) continue;
    if (std::none_of(lineage.begin(), lineage.end(),
                     [&](const auto& key) { return same_process_by_tick(key, approval.process); }))
      continue;
    if (!approval.covers(baseline, resource, path)) continue;
    if (approval.names_something()) return &approval;
    if (found == nullptr) found = &approval;
  }
  return found;
}

std::vector<Approval> Approvals::in_force(std::uint64_t at_boot) const {
  std::vector<Approval> all;
  std::copy_if(approvals_.rbegin(), approvals_.rend(), std::back_inserter(all),
               [&](const Approval& a) { return at_boot < a.until; });
  return all;
}

}  // namespace plumbline::agent
