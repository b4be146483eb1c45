// Cloud API calls: from one that was seen to findings about the resources it changed.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "agent/correlate/call_diff.hpp"
#include "agent/detect/judge.hpp"
#include "agent/observer_types.hpp"
#include "baseline/kubelet.hpp"
#include "baseline/revision.hpp"

namespace plumbline::agent {
namespace {

/// The attribute, or the nearest one that it stands within ("vpc_config" of "vpc_config.subnet_ids"); nullptr =
/// neither.
const baseline::IndexedAttribute* attribute_of(const std::vector<baseline::IndexedAttribute>& attributes,
                                               std::string_view path) {
  while (true) {
    const auto found =
        std::find_if(attributes.begin(), attributes.end(), [&](const auto& a) { return a.path == path; });
    if (found != attributes.end()) return &*found;
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos) return nullptr;
    path = path.substr(0, dot);
  }
}

/// Whether the new revision expects another value of each attribute that differs or could not be compared: a tool that
/// changed one of them does not explain what somebody else did to another one, and one that says nothing of any
/// explains nothing.
bool shows_all(const wire::Drift& drift, const baseline::Index& before, std::uint32_t then,
               const baseline::Index& after, std::uint32_t now) {
  const auto old = before.attributes(then), fresh = after.attributes(now);
  const auto is_another = [&](const std::string& name) {
    const auto *a = attribute_of(old, name), *b = attribute_of(fresh, name);
    if (a == nullptr && b == nullptr) return false;  // neither revision says anything of it
    if (a == nullptr || b == nullptr || a->path != b->path) return true;
    return a->absent != b->absent || a->hash != b->hash || a->value != b->value;
  };
  // What was deleted is another thing under another id, or still the one that is gone.
  const auto is_anew = [&] {
    const auto gone = before.ids(then), there = after.ids(now);
    return std::any_of(gone.begin(), gone.end(),
                       [&](const auto& id) { return std::find(there.begin(), there.end(), id) == there.end(); });
  };
  bool says_any = false;
  for (const auto& d : drift.diff) {
    if (!(d.attribute == "existence" ? is_anew() : is_another(d.attribute))) return false;
    says_any = true;
  }
  for (const auto& e : drift.evidence) {
    if (e.kind != "not_compared") continue;
    if (!is_another(e.says)) return false;
    says_any = true;
  }
  return says_any;
}

/// What is no way of the IaC to bring its stack up to date.
bool ends_stack(std::string_view operation) {
  return operation == "DeleteStack" || operation == "CancelUpdateStack";
}

/// Whether the call was made to the baseline's cluster, as far as anybody knows: what is not known is told, and hides
/// nothing.
bool tell_cluster(const std::string& called, const std::string& of, wire::Finding& f) {
  if (f.call->provider != "kubernetes" || (of.empty() && called.empty())) return true;
  const std::string& host = f.call->host;
  if (of.empty()) {
    f.missing_evidence.push_back("cluster: " + host + " is of " + called +
                                 ", and of which the baseline is, nobody said");
    return true;
  }
  if (!called.empty()) {
    f.evidence.push_back({"cluster", host + " is an API server of " + called + ", as the baseline is"});
    return true;
  }
  f.missing_evidence.push_back("cluster: the baseline is of " + of + ", and of which " + host +
                               " is, nobody said (calls.clusters)");
  return false;
}

/// Whoever made the call is proven, by a rule, a run of the baseline or an approval that says what for: only then it is
/// believed to have reached the service. A program can talk to a server of its own by any name.
/// A rule may call somebody pending by his name, which is no proof.
bool is_of_known_writer(const wire::Finding& f, bool is_run, const ApprovalState& approval) {
  using enum wire::Verdict;
  const bool by_run = is_run && (f.verdict == pending || f.verdict == unapproved_run);
  return f.verdict == in_band || f.verdict == expected_runtime || by_run ||
         (approval.explains && !approval.says.empty());
}

/// Against what the kernel saw.
void judge_claims(const SeenCall& seen, wire::Finding& finding) {
  judge_token(seen.token, seen.by_key, finding);
  judge_tool(seen.tool.name, seen.tool.is_forged, finding);
}

}  // namespace

wire::Finding Observer::finding_of(const SeenCall& seen) const {
  wire::Finding f;
  f.kind = "call";
  f.source = "call";
  f.at = p_.clock.wall_at_boot(static_cast<std::int64_t>(seen.actor.at_boot_ns));
  f.observed_at = p_.clock.wall();
  f.where.node = options_.identity.node;
  f.call = seen.call;
  return f;
}

/// A finding without drift: nothing says what it should be.
std::optional<Observer::Pending> Observer::unowned(const SeenCall& seen) {
  const wire::Call& call = seen.call;
  const std::string name = call.provider + ":" + call.service + ":" + call.operation;
  if (std::none_of(unowned_calls_.begin(), unowned_calls_.end(),
                   [&](const std::string& pattern) { return text_matches(pattern, name); }))
    return std::nullopt;
  Pending pending{finding_of(seen), {}, {}};
  wire::Finding& f = pending.finding;
  f.resource =
      call.provider + ":" + call.service + ":" + call.region + ":" + (call.ids.empty() ? "" : call.ids.front());
  f.comparison = wire::ComparisonResult::not_comparable;
  f.actor = p_.enricher.actor(seen.actor, f.missing_evidence);
  if (seen.unseen) {
    if (call.host_by == "dns") {
      f.evidence.push_back({"connection", "its address is one that DNS gave for " + call.host});
      f.missing_evidence.emplace_back("name: it asked for none that can be read, and others may have that address too");
    } else {
      f.evidence.push_back({"connection", "it asked for " + call.host + " by name"});
    }
    f.missing_evidence.emplace_back("plaintext: no hook knows the TLS of this program, so what it calls is not seen");
  } else {
    f.missing_evidence.emplace_back("baseline: none on this node describes what the call touches");
    // A run excuses nothing here: without drift there is no grace that could end.
    const auto lineage = p_.enricher.lineage(seen.actor);
    for (const auto& source : sources_)
      if (const auto of = runs_.find(source->status.name, lineage, seen.actor.at_boot_ns))
        f.evidence.push_back({"run", of->says + " (" + source->status.name + ")"});
  }
  judge_(f, false, "", approval_of(f, &seen.actor, false));
  judge_claims(seen, f);
  return pending;
}

std::string Observer::cluster_of(const Source& source) const {
  const std::string& given = source.spec.cluster;
  if (given.find("://") == std::string::npos) return given;
  const std::string named = clusters_.of_url(given);
  return named.empty() ? given : named;
}

/// A server that a baseline is fetched from is known without being configured.
std::string Observer::cluster_of(const wire::Call& call) const {
  if (call.provider != "kubernetes") return "";
  if (std::string named = clusters_.of(call.host); !named.empty()) return named;
  const auto at = std::find_if(sources_.begin(), sources_.end(), [&](const auto& source) {
    const std::string& given = source->spec.cluster;
    return given.find("://") != std::string::npos && Clusters::is_at(given, call.host);
  });
  return at == sources_.end() ? "" : (*at)->spec.cluster;
}

void Observer::take_call(const SeenCall& seen) {
  take_state_uses(seen);
  if (!seen.may_change) return;
  if (seen.unseen) {
    if (auto told = unowned(seen)) {
      std::vector<Pending> one;
      one.push_back(std::move(*told));
      record_or_keep(std::move(one), {}, {});
    }
    return;
  }
  p_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  change_sets_.made(seen.change_set, seen.made_for);
  p_.counters.change_sets_forgotten = change_sets_.forgotten();
  const std::string called = cluster_of(seen.call);
  const CallPlace place{seen.call.provider, seen.call.service, seen.call.region, seen.call.account, called};
  std::vector<process_key> lineage;
  std::vector<Pending> pending;
  std::vector<std::string> missing;
  wire::Actor actor;
  std::string namesake, elsewhere;  // a resource of another cluster that is called alike, and what to say of it
  for (const auto& source : sources_) {
    // What the API server itself says of the node's pods does not drift by what it is told.
    if (!source->status.index || source->status.path == baseline::pods_location) continue;
    const baseline::Index& index = *source->status.index;
    const std::string of = cluster_of(*source);
    if (namesake.empty() && !of.empty() && !called.empty() && of != called) {
      CallPlace anywhere = place;
      anywhere.cluster = {};
      if (const auto alike = owners_of_call(index, seen.targets, seen.call.operation, anywhere); !alike.empty()) {
        namesake = index.address(alike.front().resource);
        elsewhere = "cluster: by its name, which is its client's word, " + seen.call.host + " is of " + called +
                    ", and baseline " + source->status.name + ", which has one that is called alike, of " + of;
      }
    }
    for (const auto& owner : owners_of_call(index, seen.targets, seen.call.operation, place, of)) {
      if (pending.empty()) {
        actor = p_.enricher.actor(seen.actor, missing);
        lineage = p_.enricher.lineage(seen.actor);
      }
      wire::Finding& f = pending.emplace_back(Pending{finding_of(seen), {}, {}}).finding;
      f.resource = index.address(owner.resource);
      f.baseline = wire::BaselineRef{source->status.name, source->status.revision};
      f.actor = actor;
      f.missing_evidence = missing;
      f.evidence.push_back({"call", f.call->service + ":" + f.call->operation + " names " + owner.reason});
      const bool is_there = tell_cluster(called, of, f);
      CallDiff difference = compare_call(index, owner, f.call->semantics, baseline::Fingerprinter(*source->key));
      // What is missing may say otherwise.
      if (seen.is_cut && difference.result == wire::ComparisonResult::match) {
        difference.result = wire::ComparisonResult::not_comparable;
        difference.missing.emplace_back("comparison: not all of the request was read");
        difference.not_compared.emplace_back("what of the request was not read");
      }
      f.comparison = difference.result;
      f.diff = std::move(difference.diff);
      f.call->sets = std::move(difference.sets);
      f.missing_evidence.insert(f.missing_evidence.end(), difference.missing.begin(), difference.missing.end());
      for (auto& name : difference.not_compared) f.evidence.push_back({"not_compared", std::move(name)});
      const auto run = runs_.find(source->status.name, lineage, seen.actor.at_boot_ns);
      const ApprovalState approval = approval_of(f, &seen.actor, true);
      judge_(f, difference.sensitive, run ? run->says : "", approval);
      judge_claims(seen, f);
      if (run) runs_.did(source->status.name, f.resource, run->process);
      pending.back().is_claim = !is_there || !is_of_known_writer(f, run.has_value(), approval);
      if (pending.back().is_claim && f.comparison == wire::ComparisonResult::match)
        f.missing_evidence.emplace_back("the service's own word: only the call says so, so that drift stays open");
    }
  }
  if (pending.empty()) {  // most are of things that no baseline describes
    p_.counters.calls_unmanaged.fetch_add(1, std::memory_order_relaxed);
    auto told = is_of_own_stack(seen) && !ends_stack(seen.call.operation) ? std::nullopt : unowned(seen);
    // A client that lies in its Host would hide its call: it is on record, without drift, since it may be true.
    if (!told && !namesake.empty()) {
      told.emplace(Pending{finding_of(seen), {}, {}});
      wire::Finding& f = told->finding;
      f.resource = namesake;
      f.comparison = wire::ComparisonResult::not_comparable;
      f.actor = p_.enricher.actor(seen.actor, f.missing_evidence);
      judge_(f, false, "", approval_of(f, &seen.actor, false));
      judge_claims(seen, f);
    }
    if (!told) return;
    if (!elsewhere.empty()) told->finding.missing_evidence.push_back(elsewhere);
    pending.push_back(std::move(*told));
  }
  record_or_keep(std::move(pending), {}, {});
}

/// Nothing can be read again to find them, as a file can.
void Observer::calls_lost(std::uint64_t pieces, WallNs from, WallNs until) {
  if (pieces > 0)
    keep_gap({"", "calls_lost", "node", from, until, 0, 0,
              std::to_string(pieces) +
                  " pieces of plaintext were not read, for want of room or because their memory was "
                  "not there: calls among them were not seen"});
}

void Observer::calls_watched(bool are) {
  const WallNs now = p_.clock.wall();
  const WallNs since = std::exchange(calls_unwatched_since_, are ? 0 : now);
  if (are && since != 0)
    keep_gap({"", "calls_not_watched", "node", since, now, 0, 0, "calls that were made meanwhile were not seen"});
}

/// Whether the baseline still has the resource, or its index is not there to tell.
bool Observer::may_be_managed(const wire::Drift& drift) const {
  return std::any_of(sources_.begin(), sources_.end(), [&](const auto& source) {
    if (source->status.name != drift.baseline) return false;
    return !source->status.index || !source->status.index->find_address(drift.resource).empty();
  });
}

/// Calls change what no file shows: whether a new revision explains one is told by the resource that it shows. Before
/// the new index takes the place of the old one. `fresh` nullptr: it manages nothing any more.
std::vector<wire::Drift> Observer::accept_calls(const Source& source, const baseline::Index* fresh,
                                                const std::string& why) const {
  std::vector<wire::Drift> accepted;
  const auto& before = source.status.index;
  for (const auto& drift : p_.state.drifts()) {
    if (drift.kind != "call" || drift.state != wire::DriftState::open || drift.baseline != source.status.name) continue;
    const auto now = fresh != nullptr ? fresh->find_address(drift.resource) : std::vector<std::uint32_t>();
    const auto then = before ? before->find_address(drift.resource) : std::vector<std::uint32_t>();
    // Neither a run nor an approval is proof of a writer: what it did has to be shown, or the revision be of the run's
    // own writing; that nobody approved the run changes nothing in that.
    const auto has = [&](std::string_view kind) {
      return std::any_of(drift.evidence.begin(), drift.evidence.end(), [&](const auto& e) { return e.kind == kind; });
    };
    const bool by_run = has("run");
    const bool by_rule = !by_run && !has("approval");
    const bool may_accept = drift.verdict == wire::Verdict::pending || drift.verdict == wire::Verdict::in_band ||
                            (by_run && drift.verdict == wire::Verdict::unapproved_run);
    const bool known_writer = may_accept && (by_rule || has("rule") || (by_run && is_written_by_run_of(source, drift)));
    const bool shows_another = !now.empty() && !then.empty() && fresh->digest(now[0]) != before->digest(then[0]) &&
                               shows_all(drift, *before, then[0], *fresh, now[0]);
    if (!now.empty() && !shows_another && !known_writer) continue;
    auto closed = p_.state.with_book([&](const DriftBook& book) {
      return book.accepted({drift.baseline, drift.resource, drift.where.path}, p_.clock.wall(),
                           why + (now.empty() ? ", which no longer manages it" : ""));
    });
    if (closed) accepted.push_back(std::move(*closed));
  }
  return accepted;
}

}  // namespace plumbline::agent
