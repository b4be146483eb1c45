#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "agent/observer_rollbacks.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using State = wire::RollbackState;
using Outcome = PutBackOutcome;

constexpr std::int64_t spool_may_have_room = 1'000'000'000;  // ns until it is looked again
constexpr std::int64_t between_races = 10'000'000'000;       // ns until what somebody was faster at is tried again
constexpr std::int64_t events_may_come = 5'000'000'000;      // ns after the write that they are of

GuardLimits limits_of(const RollbackConfig& c) {
  return {c.file_count, c.file_window, c.node_count, c.node_window, c.loop_count, c.loop_window};
}

/// Tells what stands there from other contents, as far as the finding does.
std::string found_of(const wire::Drift& drift) {
  std::string found;
  for (const auto& d : drift.diff) found += d.attribute + '=' + d.live + '\n';
  return found;
}

std::string writer_of(const wire::Drift& drift) {
  if (!drift.actor.process) return "nobody known";
  const wire::Process& p = *drift.actor.process;
  return (p.exe.empty() ? p.comm : p.exe) + " (pid " + std::to_string(p.pid) + ")";
}

State state_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
    case Outcome::nothing_to_do:  // somebody was faster, or an agent that ended before it could say so
      return State::reverted;
    case Outcome::changed_meanwhile:
      return State::waiting;
    case Outcome::unsafe:
      return State::rollback_unsafe;
    case Outcome::failed:
      return State::revert_failed;
  }
  return State::revert_failed;
}

}  // namespace

void Observer::set_rollback(RollbackSetup setup) {
  if (rollbacks_)
    rollbacks_->set(std::move(setup));
  else
    rollbacks_ = std::make_unique<Rollbacks>(*this, std::move(setup));
}

Observer::Rollbacks::Rollbacks(Observer& observer, RollbackSetup setup)
    : observer_(observer), guards_(limits_of(setup.config)) {
  set(std::move(setup));
}

void Observer::Rollbacks::set(RollbackSetup setup) {
  setup_ = std::move(setup);
  again_.clear();
  guards_.set_limits(limits_of(setup_.config));
  asks_type_ = std::any_of(setup_.rules.begin(), setup_.rules.end(), [](const auto& r) { return !r.type.empty(); });
  for (const auto& [watch, subject] : observer_.subjects_) {
    if (!subject->checked) continue;
    keep_while_right(*subject);
    due_.insert(watch);
  }
}

HealTarget Observer::Rollbacks::target_of(const Subject& subject) const {
  HealTarget target;
  target.file = subject.key();
  target.path = subject.physical.empty() ? subject.expected.path : subject.physical;
  target.expected = subject.expected;
  target.key = subject.source->key;
  if (subject.expected.owner) target.uid = observer_.p_.users.uid_of(*subject.expected.owner);
  if (subject.expected.group) target.gid = observer_.p_.users.gid_of(*subject.expected.group);
  return target;
}

void Observer::Rollbacks::keep_while_right(const Subject& subject) {
  const auto kind = subject.live.kind;
  const bool can_be_kept =
      kind == LiveFile::Kind::regular || kind == LiveFile::Kind::symlink || kind == LiveFile::Kind::missing;
  if (setup_.rules.empty() || subject.comparison.result != wire::ComparisonResult::match || !can_be_kept) return;
  wire::Drift drift;
  drift.resource = subject.expected.address;
  drift.where.path = subject.expected.path;
  const auto* rule = rollback_rule_for(setup_.rules, drift, facts_of(subject, drift));
  if (rule != nullptr && may_act(rule->mode)) setup_.healer->keep(target_of(subject));
}

RollbackFacts Observer::Rollbacks::facts_of(const Subject& subject, const wire::Drift& drift) const {
  RollbackFacts facts;
  facts.file = subject.key();
  facts.found = found_of(drift);
  facts.in_container = subject.container != nullptr;
  facts.source_kind = subject.source->status.kind;
  facts.labels = observer_.options_.identity.labels;
  facts.waits_for = waits_for(subject);
  const auto& index = subject.source->status.index;
  if (asks_type_ && index)
    for (const auto& owner : index->owners_of_path(subject.expected.path))
      if (index->address(owner.resource) == subject.expected.address) facts.type = index->type(owner.resource);
  return facts;
}

/// Why nobody should write just now; "" = nothing speaks against it.
std::string Observer::Rollbacks::waits_for(const Subject& subject) const {
  const auto& status = subject.source->status;
  if (subject.source->lock.inode != 0) return "the lock of its state is held: a run is under way";
  if (!status.error.empty()) return "its baseline cannot be read: " + status.error;
  if (is_overdue(status, observer_.p_.clock.wall())) return "its baseline is older than stale_after says it may be";
  if (!subject.unwatched.empty()) return "it is not fully watched: " + subject.unwatched;
  if (!observer_.unrecorded_.empty()) return "the spool has no room for what was seen";
  return "";
}

std::optional<wire::Drift> Observer::Rollbacks::drift_of(const std::string& id) const {
  return observer_.p_.state.with_book([&](const DriftBook& book) {
    const auto* known = book.find(id);
    return known == nullptr ? std::nullopt : std::optional(*known);
  });
}

Observer::Subject* Observer::Rollbacks::subject_of(const wire::Drift& drift) const {
  const DriftOf wanted = key_of(drift);
  for (const auto& [watch, subject] : observer_.subjects_)
    if (subject->drift_of() == wanted) return subject.get();
  return nullptr;
}

void Observer::Rollbacks::record(wire::Drift&& drift) {
  drift.rollback->at = observer_.p_.clock.wall();
  drift.updated_at = std::max(drift.rollback->at, drift.updated_at);
  spdlog::info("event=rollback drift={} state={} rule={} by=\"{}\" why=\"{}\"", drift.id,
               wire::text_of(drift.rollback->state), drift.rollback->rule, drift.rollback->by, drift.rollback->why);
  observer_.record_or_keep({}, {std::move(drift)}, {});
}

std::int64_t Observer::Rollbacks::due() const {
  if (!due_.empty()) return 0;
  std::int64_t due = std::numeric_limits<std::int64_t>::max();
  for (const auto& [watch, at] : again_) due = std::min(due, at);
  return due;
}

void Observer::Rollbacks::look() {
  const std::int64_t now = observer_.p_.clock.boot();
  std::erase_if(again_, [&](const auto& entry) {
    if (entry.second > now) return false;
    due_.insert(entry.first);
    return true;
  });
  std::erase_if(own_writes_, [&](const auto& entry) { return entry.second.until < now; });
  for (const WatchId watch : std::exchange(due_, {}))
    if (const auto known = observer_.subjects_.find(watch); known != observer_.subjects_.end()) look_at(*known->second);
}

void Observer::Rollbacks::look_at(Subject& subject) {
  if (running_.contains(subject.watch)) return;  // its end looks again
  auto drift = observer_.p_.state.with_book([&](const DriftBook& book) {
    const auto* open = book.open_drift(subject.drift_of());
    return open == nullptr ? std::nullopt : std::optional(*open);
  });
  if (!drift) {
    again_.erase(subject.watch);
    return;
  }
  if (take_undone(subject, *drift)) return;
  tell_re_drifted(subject, *drift);
  // Whoever changes it without pause has it tried no sooner for that.
  if (again_.contains(subject.watch)) return;
  const auto decision = decide_rollback(setup_.config, setup_.rules, guards_, *drift, facts_of(subject, *drift),
                                        observer_.p_.clock.boot(), observer_.p_.clock.wall());
  if (decision.again_at_ns != 0) again_[subject.watch] = decision.again_at_ns;
  if (decision.acts) return put_back(subject, *drift, *decision.rule, "plumbline", {});
  if (!decision.says) return;
  drift->rollback = decision.says;
  if (decision.says->state == State::contested) {
    drift->state = wire::DriftState::contested;
    drift->rollback->why +=
        "; one writer is " + writer_of(*drift) + ", the other is Plumbline by rule " + decision.rule->name;
  }
  record(std::move(*drift));
}

/// What a person brought back stays, whatever rules say, until it is right again.
bool Observer::Rollbacks::take_undone(const Subject& subject, wire::Drift& drift) {
  const auto undone = undone_.find(subject.key());
  if (undone == undone_.end()) return false;
  drift.rollback = wire::Rollback{
      State::undone, "person", "", undone->second, "a person brought it back: it stays until a person puts it right", 0,
      false};
  undone_.erase(undone);
  record(std::move(drift));
  return true;
}

/// A rollback that did not last is none that helped.
void Observer::Rollbacks::tell_re_drifted(const Subject& subject, const wire::Drift& drift) {
  const auto last = last_.find(subject.key());
  if (last == last_.end() || last->second.drift == drift.id) return;
  const Last before = last->second;
  last_.erase(last);
  if (observer_.p_.clock.boot() - before.at > std::chrono::nanoseconds(setup_.config.loop_window).count()) return;
  auto former = drift_of(before.drift);
  if (!former || !former->rollback || former->rollback->state != State::reverted) return;
  former->rollback->state = State::re_drifted;
  former->rollback->why = "it changed again, by " + writer_of(drift) + ": drift " + drift.id;
  record(std::move(*former));
}

bool Observer::Rollbacks::may_be_writing(const Subject& subject) const {
  const auto own = own_writes_.find(subject.key());
  return own != own_writes_.end() && observer_.p_.clock.boot() < own->second.until;
}

void Observer::Rollbacks::explain(const Subject& subject, const mark_actor* by, wire::Finding& finding) const {
  if (by != nullptr && by->tgid != static_cast<std::uint32_t>(::getpid())) return;
  finding.evidence.push_back({"rollback", own_writes_.at(subject.key()).says});
  if (finding.comparison != wire::ComparisonResult::match) return;
  finding.verdict = wire::Verdict::in_band;
  finding.severity = wire::Severity::info;
  finding.rule = "rollback";
}

void Observer::Rollbacks::begin(const Subject& subject, std::string says) {
  running_.insert(subject.watch);
  own_writes_[subject.key()] = {std::numeric_limits<std::int64_t>::max(), std::move(says)};
}

/// Its own events tell of it too: whichever is first.
void Observer::Rollbacks::end(WatchId watch, const std::string& what) {
  running_.erase(watch);
  const auto known = observer_.subjects_.find(watch);
  if (known == observer_.subjects_.end()) return;
  own_writes_[known->second->key()].until = observer_.p_.clock.boot() + events_may_come;
  observer_.scan({watch}, "scan", what);
  due_.insert(watch);
}

/// `answer`: a person waits for it; empty = nobody does. That it begins is on record first: whoever ends us in between
/// leaves no write that nobody owns up to.
void Observer::Rollbacks::put_back(const Subject& subject, const wire::Drift& drift, const RollbackRule& rule,
                                   const std::string& by, const Answer& answer) {
  wire::Drift begun = drift;
  begun.rollback = wire::Rollback{State::running, text_of(rule.mode), rule.name, by, "", 0, false};
  record(std::move(begun));
  if (!observer_.unrecorded_.empty()) {
    again_[subject.watch] = observer_.p_.clock.boot() + spool_may_have_room;
    if (answer)
      answer(rollback_refusal(drift.id, ErrorCode::unavailable, "the spool has no room to record it", "make room"));
    return;
  }
  begin(subject, "put back for drift " + drift.id + " by rule " + rule.name + ", " + by);
  const wire::Rollback how{State::reverted, text_of(rule.mode), rule.name, by, "", 0, false};
  setup_.healer->put_back(target_of(subject), subject.live, drift.id, rule.validate,
                          [this, later = setup_.later, watch = subject.watch, id = drift.id, how,
                           found = found_of(drift), answer](const HealResult& result) {
                            later([this, watch, id, how, found, answer, result] {
                              take_result(watch, id, how, found, result);
                              if (!answer) return;
                              const auto now = drift_of(id);
                              if (!now) return answer(no_such_drift(id));
                              answer(wire::to_json(*now));
                            });
                          });
}

void Observer::Rollbacks::say_who(wire::Drift& drift) {
  if (drift.state == wire::DriftState::resolved)
    drift.closed_by = "put back by " + drift.rollback->by + ", rule " + drift.rollback->rule;
}

void Observer::Rollbacks::take_result(WatchId watch, const std::string& id, const wire::Rollback& how,
                                      const std::string& found, const HealResult& result) {
  const Outcome outcome = result.result.outcome;
  const std::int64_t now = observer_.p_.clock.boot();
  if (const auto known = observer_.subjects_.find(watch);
      outcome == Outcome::done && known != observer_.subjects_.end()) {
    guards_.put_back(known->second->key(), found, now);
    last_[known->second->key()] = {id, now};
  }
  end(watch, "found after a rollback");
  if (outcome == Outcome::failed) again_[watch] = now + std::chrono::nanoseconds(setup_.config.file_window).count();
  if (outcome == Outcome::changed_meanwhile) again_[watch] = now + between_races;
  auto drift = drift_of(id);
  if (!drift) return;
  drift->rollback = how;
  drift->rollback->state = state_of(outcome);
  drift->rollback->why = result.result.why;
  drift->rollback->can_be_undone = result.can_be_undone;
  if (outcome == Outcome::done) say_who(*drift);
  record(std::move(*drift));
}

void Observer::Rollbacks::remember() {
  for (const auto& [watch, subject] : observer_.subjects_) due_.insert(watch);
  for (const auto& drift : observer_.p_.state.drifts()) {
    if (!drift.rollback || drift.rollback->by.empty()) continue;
    const bool was_running = drift.rollback->state == State::running;
    const bool was_put_back =
        was_running || drift.rollback->state == State::reverted || drift.rollback->state == State::re_drifted;
    const Subject* subject = was_put_back ? subject_of(drift) : nullptr;
    if (subject == nullptr) continue;
    if (was_running) setup_.healer->clear_up(target_of(*subject));
    if (was_running && !is_live(drift.state)) {
      wire::Drift ended = drift;
      ended.rollback->state = State::reverted;
      ended.rollback->why = "the agent ended before it could say so";
      ended.rollback->can_be_undone = true;
      say_who(ended);
      record(std::move(ended));
    }
    const std::int64_t at = observer_.p_.clock.boot() - (observer_.p_.clock.wall() - drift.rollback->at);
    guards_.put_back(subject->key(), found_of(drift), at);
    auto& last = last_[subject->key()];
    if (last.drift.empty() || last.at < at) last = {drift.id, at};
  }
}

}  // namespace plumbline::agent
