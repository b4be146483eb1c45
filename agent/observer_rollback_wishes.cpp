// What people want of a drifted file: to see it put back, to have it, or to have what that overwrote.
#include "agent/observer_rollbacks.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {

using State = wire::RollbackState;
using Outcome = PutBackOutcome;

void Observer::roll_back(const std::string& drift, RollbackWish wish, const std::string& by,
                         const std::function<void(Result<std::string>)>& answer) {
  rollbacks_->wish(drift, wish, by, answer);
}

void Observer::Rollbacks::wish(const std::string& id, RollbackWish wish, const std::string& by, const Answer& answer) {
  using enum ErrorCode;
  const auto drift = drift_of(id);
  if (!drift) return answer(no_such_drift(id));
  if (drift->kind != "file")
    return answer(rollback_refusal(id, unsupported, "it is of a cloud resource, which no node puts back",
                                   "apply it with its own tool"));
  const Subject* subject = subject_of(*drift);
  if (subject == nullptr)
    return answer(rollback_refusal(id, not_found, "its file is not managed any more", "nothing is to be put back"));
  const auto* rule = rollback_rule_for(setup_.rules, *drift, facts_of(*subject, *drift));
  if (rule == nullptr || rule->mode == RollbackMode::off)
    return answer(rollback_refusal(id, permission, "no rule names it: rollback is off unless one does",
                                   "add one with mode: approve to `rollback` in a file of rules"));
  if (wish == RollbackWish::show) return show(*subject, id, *rule, answer);
  if (!may_act(rule->mode))
    return answer(rollback_refusal(id, permission,
                                   "rule " + rule->name + " says " + text_of(rule->mode) + ", which only looks on",
                                   "let it say approve or auto"));
  if (!setup_.config.enabled)
    return answer(rollback_refusal(id, permission, "rollbacks are switched off on this node", "set rollback.enabled"));
  if (running_.contains(subject->watch))
    return answer(rollback_refusal(id, unavailable, "it is being put back just now", "ask again"));
  if (const auto why = waits_for(*subject); !why.empty())
    return answer(rollback_refusal(id, unavailable, why, "ask again when that is over"));
  if (wish == RollbackWish::undo) return undo(*subject, *drift, by, answer);
  if (const auto owner = owner_of(subject->source->status.kind); !owner.empty())
    return answer(rollback_refusal(id, permission, "somebody else puts it right", owner));
  if (!wire::is_live(drift->state))
    return answer(rollback_refusal(id, not_found,
                                   "it is not open any more: " + std::string(wire::text_of(drift->state)),
                                   "nothing is to be put back"));
  guards_.forget(subject->key());  // a person decided
  put_back(*subject, *drift, *rule, by, answer);
}

void Observer::Rollbacks::show(const Subject& subject, const std::string& id, const RollbackRule& rule,
                               const Answer& answer) {
  setup_.healer->show(target_of(subject), [later = setup_.later, answer, id, rule](const HealResult& result) {
    later([answer, id, rule, result] {
      if (result.shown.empty()) return answer(rollback_refusal(id, ErrorCode::unavailable, result.result.why, ""));
      answer(wire::JsonObject()
                 .text("drift", id)
                 .text("rule", rule.name)
                 .text("mode", text_of(rule.mode))
                 .flag("may_be_put_back", may_act(rule.mode))
                 .raw("plan", result.shown)
                 .str());
    });
  });
}

void Observer::Rollbacks::undo(const Subject& subject, const wire::Drift& drift, const std::string& by,
                               const Answer& answer) {
  if (!drift.rollback || !drift.rollback->can_be_undone)
    return answer(rollback_refusal(drift.id, ErrorCode::not_found, "nothing that was overwritten for it is kept",
                                   "GET /v1/drift/ID says can_be_undone where it is"));
  begin(subject, "brought back by " + by + ": what was overwritten for drift " + drift.id);
  undone_[subject.key()] = by;
  setup_.healer->undo(target_of(subject), drift.id,
                      [this, later = setup_.later, watch = subject.watch, file = subject.key(), id = drift.id, by,
                       answer](const HealResult& result) {
                        later([this, watch, file, id, by, answer, result] {
                          const bool is_done = result.result.outcome == Outcome::done;
                          if (!is_done) undone_.erase(file);
                          end(watch, "found after a rollback was undone");
                          if (!is_done)
                            return answer(rollback_refusal(id, ErrorCode::unavailable, result.result.why, ""));
                          auto now = drift_of(id);
                          if (!now || !now->rollback) return answer(no_such_drift(id));
                          now->rollback->state = State::undone;
                          now->rollback->by = by;
                          now->rollback->can_be_undone = false;
                          const std::string json = wire::to_json(*now);
                          record(std::move(*now));
                          answer(json);
                        });
                      });
}

}  // namespace plumbline::agent
