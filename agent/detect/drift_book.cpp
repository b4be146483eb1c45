#include "agent/detect/drift_book.hpp"

#include <algorithm>
#include <utility>

#include "include/wire/text.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_findings = 100;
constexpr std::size_t max_differences = 200;  // of one drift of calls
constexpr std::size_t max_others = 20;        // who else changed it
constexpr std::size_t max_missing = 100;      // of all calls, what was not compared
constexpr const char* others = "others: the findings name them";

void add_finding(wire::Drift& drift, const std::string& id) {
  drift.findings.push_back(id);
  if (drift.findings.size() > max_findings) drift.findings.erase(drift.findings.begin());
}

bool is_same(const std::vector<wire::AttributeDiff>& before, const std::vector<wire::AttributeDiff>& now) {
  return std::equal(before.begin(), before.end(), now.begin(), now.end(), [](const auto& a, const auto& b) {
    return a.attribute == b.attribute && a.expected == b.expected && a.live == b.live;
  });
}

/// How bad it is, where several changed one thing.
int badness(wire::Verdict verdict) {
  switch (verdict) {
    case wire::Verdict::pending:
    case wire::Verdict::in_band:
    case wire::Verdict::expected_runtime:
      return 0;
    case wire::Verdict::unapproved_run:
      return 1;
    case wire::Verdict::converged_by_stranger:
      return 2;
    case wire::Verdict::out_of_band:
      return 3;
    case wire::Verdict::impersonation:
      return 4;
  }
  return 4;
}

/// Once each and at most `most` of a kind; the findings have the rest, and that there is one is said.
void add_evidence(wire::Drift& drift, const wire::Evidence& e, std::size_t most) {
  std::size_t count = 0;
  for (const auto& known : drift.evidence) {
    if (known.kind != e.kind) continue;
    if (known.says == e.says) return;
    ++count;
  }
  if (count < most) drift.evidence.push_back(e);
  if (count == most) drift.evidence.push_back({e.kind, others});
}

bool is_same_process(const wire::Actor& a, const wire::Actor& b) {
  return a.process && b.process && a.process->pid == b.process->pid && a.process->start_time == b.process->start_time;
}

/// Who changed it beside the actor that the drift names.
void note_other(wire::Drift& drift, const wire::Actor& other, wire::Verdict verdict) {
  if (!other.process || is_same_process(drift.actor, other)) return;
  const wire::Process& p = *other.process;
  add_evidence(drift,
               {"also_by", (p.exe.empty() ? p.comm : p.exe) + ", pid " + std::to_string(p.pid) + ": " +
                               std::string(wire::text_of(verdict))},
               max_others);
}

/// Why something was not compared, of other calls too: at most so many in all, and that there are more is said.
void keep_missing(wire::Drift& drift, const std::vector<std::string>& of_others) {
  auto& all = drift.missing_evidence;
  const auto is_comparison = [](const std::string& says) { return says.starts_with("comparison: "); };
  const std::string more = std::string("comparison: ") + others;
  auto count = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_comparison));
  for (const auto& says : of_others) {
    if (!is_comparison(says) || std::find(all.begin(), all.end(), says) != all.end()) continue;
    if (++count <= max_missing || says == more) {
      all.push_back(says);
    } else {
      if (std::find(all.begin(), all.end(), more) == all.end()) all.push_back(more);
      return;
    }
  }
}

/// The finding's word on who and what, in place of the drift's; what is gathered of all of them stays.
void take_word(wire::Drift& drift, const wire::Finding& f) {
  const wire::Actor before = drift.actor;
  const wire::Verdict was = drift.verdict;
  const bool is_first = drift.count == 1;
  std::vector<wire::Evidence> gathered;
  for (auto& e : drift.evidence)
    if (e.kind == "also_by" || (e.kind == "not_compared" && !is_first)) gathered.push_back(std::move(e));
  drift.verdict = f.verdict;
  drift.severity = is_first ? f.severity : std::max(drift.severity, f.severity);
  drift.call = f.call;
  drift.evidence = f.evidence;
  if (!is_first) std::erase_if(drift.evidence, [](const wire::Evidence& e) { return e.kind == "not_compared"; });
  drift.evidence.insert(drift.evidence.end(), gathered.begin(), gathered.end());
  const auto earlier = std::exchange(drift.missing_evidence, f.missing_evidence);
  if (f.call) keep_missing(drift, earlier);
  // A baseline that moved, or a scan, does not know who changed the file: the actor that was seen stays.
  if (f.actor.process || is_first) drift.actor = f.actor;
  if (!is_first) note_other(drift, before, was);
}

std::string container_of(const wire::Where& where) {
  return where.container ? where.container->id : "";
}

bool sets(const wire::Call& call, std::string_view attribute) {
  return std::any_of(call.sets.begin(), call.sets.end(), [&](const std::string& name) {
    return attribute == name ||
           (attribute.size() > name.size() && attribute.starts_with(name) && attribute[name.size()] == '.');
  });
}

bool has_not_compared(const wire::Drift& drift) {
  return std::any_of(drift.evidence.begin(), drift.evidence.end(),
                     [](const wire::Evidence& e) { return e.kind == "not_compared"; });
}

/// What could not be compared of all calls so far. It stays until one that is no mere claim sets it anew to something
/// that can be.
void gather_not_compared(wire::Drift& drift, const wire::Finding& f, bool is_claim) {
  if (!is_claim && f.call->semantics != "delta")
    std::erase_if(drift.evidence,
                  [&](const wire::Evidence& e) { return e.kind == "not_compared" && sets(*f.call, e.says); });
  for (const auto& e : f.evidence)
    if (e.kind == "not_compared") add_evidence(drift, e, max_differences);
}

/// What differs after a call: each tells of the attributes that it sets alone. One that is merely claimed takes nothing
/// away, but for other values of what it says to differ now.
std::vector<wire::AttributeDiff> diff_after_call(const wire::Drift& open, const wire::Finding& f, bool is_claim) {
  std::vector<wire::AttributeDiff> diff = open.diff;
  const auto is_set = [&](const wire::AttributeDiff& d) {
    if (is_claim)
      return std::any_of(f.diff.begin(), f.diff.end(), [&](const auto& now) { return now.attribute == d.attribute; });
    return sets(*f.call, d.attribute);
  };
  if (f.call->semantics != "delta") std::erase_if(diff, is_set);
  for (const auto& d : f.diff) {
    const bool known = std::any_of(diff.begin(), diff.end(), [&](const auto& each) {
      return each.attribute == d.attribute && each.live == d.live;
    });
    if (!known && diff.size() < max_differences) diff.push_back(d);
    // It stays, so that what is not named here is never taken for put right.
    else if (!known && diff.size() == max_differences)
      diff.push_back({"others", "", "more attributes differ: the findings name them", false});
  }
  return diff;
}

/// A known writer made the thing again that somebody had deleted: what was wrong with the former one went with it.
bool is_made_again(const wire::Drift& open, const wire::Finding& f, bool is_claim) {
  return !is_claim && f.call->semantics == "create" && f.call->outcome == "succeeded" && f.diff.empty() &&
         std::any_of(open.diff.begin(), open.diff.end(), [](const auto& d) { return d.attribute == "existence"; });
}

/// The latest claim that it was put right: one is kept, as anybody may make any number of them.
void note_claim(wire::Drift& drift, const std::string& finding) {
  std::erase_if(drift.evidence, [](const wire::Evidence& e) { return e.kind == "put_back"; });
  drift.evidence.push_back({"put_back", "a call set what the baseline expects (finding " + finding +
                                            "), and nobody but its client says that it reached the service: it stays "
                                            "open"});
}

}  // namespace

DriftOf key_of(const wire::Drift& drift) {
  return {drift.baseline, drift.resource, drift.where.path, container_of(drift.where)};
}

std::optional<wire::Drift> DriftBook::after(const wire::Finding& f, bool baseline_moved, bool is_claim) const {
  using wire::ComparisonResult;
  if (f.call && !f.baseline) return std::nullopt;  // of what nobody describes there is no state to be out of
  const std::string baseline = f.baseline ? f.baseline->name : "";
  const wire::Drift* open = open_drift({baseline, f.resource, f.where.path, container_of(f.where)});
  // A call that was refused, failed or was a try changed nothing.
  if (f.call && f.call->outcome != "succeeded" && f.call->outcome != "unknown") return std::nullopt;
  // What cannot be compared any more is open drift too: who makes a file unreadable or huge must not hide behind it.
  if (open == nullptr && f.comparison == ComparisonResult::match) return std::nullopt;

  wire::Drift drift;
  if (open != nullptr) {
    drift = *open;
  } else {
    drift.id = "d-" + f.id;
    drift.resource = f.resource;
    drift.kind = f.kind;
    drift.opened_at = f.at;
    drift.where = f.where;
  }
  drift.baseline = baseline;
  drift.updated_at = std::max(f.observed_at, drift.updated_at);
  drift.count += 1;
  drift.comparison = f.comparison;
  add_finding(drift, f.id);
  std::vector<wire::AttributeDiff> diff = f.diff;
  ComparisonResult comparison = f.comparison;
  if (f.call && open != nullptr) {
    if (is_claim && comparison == ComparisonResult::match) {
      drift.comparison = open->comparison;
      note_claim(drift, f.id);
      return drift;
    }
    // It is right again once a call has set all of it to what it should be; what was not compared never is.
    const bool is_anew = is_made_again(*open, f, is_claim);
    diff = is_anew ? std::vector<wire::AttributeDiff>() : diff_after_call(*open, f, is_claim);
    if (!is_anew) gather_not_compared(drift, f, is_claim);
    const bool was_told = !open->diff.empty() || has_not_compared(*open);
    const bool is_right =
        is_anew || (diff.empty() && f.comparison == ComparisonResult::match && was_told && !has_not_compared(drift));
    comparison = is_right       ? ComparisonResult::match
                 : diff.empty() ? ComparisonResult::not_comparable
                                : ComparisonResult::mismatch;
    drift.comparison = comparison;
    if (!is_right && f.comparison == ComparisonResult::match) {  // a part of it is right again
      drift.diff = std::move(diff);
      return drift;
    }
  }
  if (comparison == ComparisonResult::match) {
    // The diff, the actor and the verdict stay those of the drift: what it was, and who did it.
    drift.state = baseline_moved ? wire::DriftState::accepted : wire::DriftState::resolved;
    drift.closed_at = f.observed_at;
    drift.closed_by =
        (baseline_moved ? "the baseline now expects what is live, finding " : "live equals baseline again, finding ") +
        f.id;
    return drift;
  }
  if (open != nullptr && f.comparison == ComparisonResult::not_comparable && !f.call) return drift;
  // Touched again: who made the difference, and what that was judged to be, stays. A call that says the same is no
  // touch, though: who made it is told where that is worse.
  const int worse = open == nullptr ? 1 : badness(f.verdict) - badness(open->verdict);
  const bool is_touch = open != nullptr && !open->diff.empty() && is_same(open->diff, diff);
  if (is_touch && !f.call) return drift;
  drift.diff = std::move(diff);
  // What a worse one did may still be in it, however others moved or added to it: the drift becomes theirs only once it
  // was closed.
  if (worse < 0 || (is_touch && worse == 0)) {
    drift.severity = std::max(drift.severity, f.severity);
    note_other(drift, f.actor, f.verdict);
    if (f.call) keep_missing(drift, f.missing_evidence);
    return drift;
  }
  take_word(drift, f);
  return drift;
}

std::optional<wire::Drift> DriftBook::accepted(const DriftOf& of, WallNs at, const std::string& closed_by) const {
  const wire::Drift* open = open_drift(of);
  if (open == nullptr) return std::nullopt;
  wire::Drift drift = *open;
  drift.state = wire::DriftState::accepted;
  drift.updated_at = std::max(at, drift.updated_at);
  drift.closed_at = at;
  drift.closed_by = closed_by;
  return drift;
}

void DriftBook::commit(const wire::Drift& drift) {
  if (const auto known = by_id_.find(drift.id); known != by_id_.end()) {
    closed_.erase({known->second.updated_at, drift.id});
    // Its key may be another one now: an older agent's drift had no baseline.
    if (const auto it = open_.find(key_of(known->second)); it != open_.end() && it->second == drift.id) open_.erase(it);
  }
  by_id_[drift.id] = drift;
  if (is_live(drift.state)) {
    open_[key_of(drift)] = drift.id;
    return;
  }
  closed_[{drift.updated_at, drift.id}] = drift.id;
  if (closed_.size() > max_closed_) {
    by_id_.erase(closed_.begin()->second);
    closed_.erase(closed_.begin());
    ++forgotten_;
  }
}

const wire::Drift* DriftBook::open_drift(const DriftOf& of) const {
  auto it = open_.find(of);
  if (it == open_.end() && !of.baseline.empty()) it = open_.find({"", of.resource, of.path, of.container});
  return it == open_.end() ? nullptr : &by_id_.at(it->second);
}

const wire::Drift* DriftBook::find(const std::string& id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second;
}

std::vector<wire::Drift> DriftBook::newest_first() const {
  std::vector<wire::Drift> all;
  all.reserve(by_id_.size());
  for (const auto& [id, drift] : by_id_) all.push_back(drift);
  std::sort(all.begin(), all.end(), [](const wire::Drift& a, const wire::Drift& b) {
    return a.updated_at != b.updated_at ? a.updated_at > b.updated_at : a.id > b.id;
  });
  return all;
}

}  // namespace plumbline::agent
