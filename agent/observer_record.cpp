// Into the spool: durable first, then visible. The caller acknowledges.
#include <spdlog/spdlog.h>

#include "agent/observer_types.hpp"

namespace plumbline::agent {

/// Durable first, then visible, then acknowledged by the caller. False = nothing happened, try again later.
bool Observer::record(std::vector<Pending>& pending) {
  if (pending.empty()) return true;
  std::vector<Draft> drafts;
  for (auto& item : pending)
    drafts.push_back({"finding", [this, &item](std::uint64_t sequence, wire::Record& record) {
                        wire::Finding& f = item.finding;
                        f.id = wire::make_finding_id(options_.identity.node_id, options_.identity.boot_id, sequence);
                        item.drift = p_.state.with_book([&](const DriftBook& book) { return book.after(f); });
                        f.drift_id = item.drift ? item.drift->id : "";
                        record.id = f.id;
                        record.body = finding_body(f, item.drift ? &*item.drift : nullptr, item.marks);
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
  }
  return true;
}

bool Observer::record_drifts(std::vector<wire::Drift> drifts) {
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

bool Observer::record_gap(wire::Gap gap) {
  std::vector<Draft> drafts;
  drafts.push_back({"gap", [&](std::uint64_t sequence, wire::Record& record) {
                      gap.id =
                          "g-" + wire::make_finding_id(options_.identity.node_id, options_.identity.boot_id, sequence);
                      record.id = gap.id;
                      record.body = gap_body(gap);
                    }});
  auto records = p_.spool.append(std::move(drafts));
  if (!records) {
    p_.counters.append_failures.fetch_add(1, std::memory_order_relaxed);
    spdlog::warn("event=gap_not_recorded reason={} why=\"{}\"", gap.reason, records.error().message());
    return false;
  }
  p_.counters.gaps.fetch_add(1, std::memory_order_relaxed);
  p_.state.commit((*records)[0], nullptr, nullptr, &gap);
  return true;
}

}  // namespace plumbline::agent
