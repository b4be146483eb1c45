// Into the spool: durable first, then visible. The caller acknowledges.
#include <spdlog/spdlog.h>

#include "agent/observer_rollbacks.hpp"

namespace plumbline::agent {
namespace {

constexpr std::int64_t retry_after = 500'000'000;

constexpr const char* was_cut = "the rest of this record: it was too large to be sent";
constexpr std::size_t longest_name = 4096;

void cut_down(wire::Actor& actor) {
  if (actor.process) actor.process->argv.clear();
  actor.lineage.clear();
  actor.lineage_complete = false;
}

void cut_down(std::vector<wire::AttributeDiff>& diff, wire::Where& where, std::vector<wire::Evidence>& evidence,
              std::vector<std::string>& missing) {
  diff.resize(std::min<std::size_t>(diff.size(), 1));
  where.aliases.clear();
  evidence.clear();
  missing = {was_cut};
  if (where.path.size() > longest_name) where.path.resize(longest_name);
}

/// No collector takes a larger record, and one that nobody takes would hold up all behind it: what, where and the
/// verdict stay, and that the rest is missing is said.
void cut_down(wire::Finding& f, wire::Drift* drift) {
  cut_down(f.actor);
  cut_down(f.diff, f.where, f.evidence, f.missing_evidence);
  f.first_actor.reset();
  if (f.resource.size() > longest_name) f.resource.resize(longest_name);
  if (drift == nullptr) return;
  cut_down(drift->actor);
  cut_down(drift->diff, drift->where, drift->evidence, drift->missing_evidence);
  if (drift->resource.size() > longest_name) drift->resource.resize(longest_name);
}

}  // namespace

/// Durable first, then visible, then acknowledged by the caller. False = nothing happened, try again later.
bool Observer::record(std::vector<Pending>& pending) {
  if (pending.empty()) return true;
  std::vector<Draft> drafts;
  for (auto& item : pending)
    drafts.push_back({"finding", [this, &item](std::uint64_t sequence, wire::Record& record) {
                        wire::Finding& f = item.finding;
                        f.id = wire::make_finding_id(options_.identity.node_id, options_.identity.epoch, sequence);
                        item.drift = p_.state.with_book(
                            [&](const DriftBook& book) { return book.after(f, item.baseline_moved, item.is_claim); });
                        f.drift_id = item.drift ? item.drift->id : "";
                        record.id = f.id;
                        wire::Drift* const drift = item.drift ? &*item.drift : nullptr;
                        record.body = finding_body(f, drift, item.marks);
                        if (record.body.size() <= wire::max_record_body_bytes) return;
                        p_.counters.records_cut.fetch_add(1, std::memory_order_relaxed);
                        wire::Finding told = f;  // a later try finds it whole
                        std::optional<wire::Drift> state = item.drift;
                        cut_down(told, state ? &*state : nullptr);
                        record.body = finding_body(told, state ? &*state : nullptr, item.marks);
                      }});
  auto records = p_.spool.append(std::move(drafts));
  if (!records) {
    p_.counters.append_failures.fetch_add(1, std::memory_order_relaxed);
    p_.state.set_health("spool", false, records.error().message());
    spdlog::warn("event=spool_refused findings={} why=\"{}\"", pending.size(), records.error().message());
    return false;
  }
  p_.state.set_health("spool", true, "appends are durable");
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const auto& f = pending[i].finding;
    auto& counter = f.comparison == wire::ComparisonResult::match      ? p_.counters.findings_match
                    : f.comparison == wire::ComparisonResult::mismatch ? p_.counters.findings_mismatch
                                                                       : p_.counters.findings_not_comparable;
    counter.fetch_add(1, std::memory_order_relaxed);
    p_.state.commit((*records)[i], &f, pending[i].drift ? &*pending[i].drift : nullptr, nullptr);
    if (rollbacks_ && pending[i].drift && pending[i].watch != 0) rollbacks_->note(pending[i].watch);
  }
  return true;
}

bool Observer::record_drifts(std::vector<wire::Drift>& drifts) {
  if (drifts.empty()) return true;
  std::vector<Draft> drafts;
  for (const auto& drift : drifts)
    drafts.push_back({"drift", [&drift](std::uint64_t sequence, wire::Record& record) {
                        record.id = drift.id + "@" + std::to_string(sequence);
                        record.body = drift_body(drift);
                      }});
  auto records = p_.spool.append(std::move(drafts));
  if (!records) {
    p_.counters.append_failures.fetch_add(1, std::memory_order_relaxed);
    spdlog::warn("event=spool_refused drifts={} why=\"{}\"", drifts.size(), records.error().message());
    return false;
  }
  for (std::size_t i = 0; i < drifts.size(); ++i) p_.state.commit((*records)[i], nullptr, &drifts[i], nullptr);
  return true;
}

/// Acknowledges with the record. False: the spool has no room, and all of it is kept for flush_unrecorded().
bool Observer::record_or_keep(std::vector<Pending> findings, std::vector<wire::Drift> drifts,
                              std::map<std::uint32_t, std::uint64_t> handled) {
  unrecorded_.push_back({std::move(findings), std::move(drifts), std::move(handled), {}});
  return flush_unrecorded();
}

/// What waits, in order. Until it is durable, marks of files that are gone stay too: their slots are still to be
/// acknowledged.
bool Observer::flush_unrecorded() {
  while (!unrecorded_.empty()) {
    Unrecorded& next = unrecorded_.front();
    bool done = record(next.findings);
    if (done) next.findings.clear();
    done = done && record_drifts(next.drifts);
    if (done) next.drifts.clear();
    done = done && record_gaps(next.gaps);
    if (!done) {
      next_retry_ = p_.clock.boot() + retry_after;
      return false;
    }
    for (const auto& [slot, generation] : next.handled) acknowledge(slot, generation);
    unrecorded_.pop_front();
    drop_retired();
  }
  return true;
}

void Observer::drop_retired() {
  if (unrecorded_.empty()) tree_.drop_retired();
}

bool Observer::record_gaps(std::vector<wire::Gap>& gaps) {
  if (gaps.empty()) return true;
  std::vector<Draft> drafts;
  for (auto& gap : gaps)
    drafts.push_back({"gap", [this, &gap](std::uint64_t sequence, wire::Record& record) {
                        gap.id =
                            "g-" + wire::make_finding_id(options_.identity.node_id, options_.identity.epoch, sequence);
                        record.id = gap.id;
                        record.body = gap_body(gap);
                      }});
  auto records = p_.spool.append(std::move(drafts));
  if (!records) {
    p_.counters.append_failures.fetch_add(1, std::memory_order_relaxed);
    spdlog::warn("event=spool_refused gaps={} why=\"{}\"", gaps.size(), records.error().message());
    return false;
  }
  p_.counters.gaps.fetch_add(gaps.size(), std::memory_order_relaxed);
  for (std::size_t i = 0; i < gaps.size(); ++i) p_.state.commit((*records)[i], nullptr, nullptr, &gaps[i]);
  return true;
}

/// Recorded at once, or as soon as the spool has room.
void Observer::keep_gap(wire::Gap gap) {
  unrecorded_.push_back({{}, {}, {}, {std::move(gap)}});
  flush_unrecorded();
}

}  // namespace plumbline::agent
