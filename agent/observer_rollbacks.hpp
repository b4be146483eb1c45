// Private to observer*.cpp: files that are put back. What a rule wants, what holds it back, and what became of it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/observer_types.hpp"
#include "agent/rollback/decide.hpp"
#include "agent/rollback/guards.hpp"
#include "agent/rollback/healer.hpp"

namespace plumbline::agent {

inline Error rollback_refusal(const std::string& drift, ErrorCode code, std::string why, std::string fix) {
  return {code, "roll back drift " + drift, std::move(why), std::move(fix)};
}
inline Error no_such_drift(const std::string& drift) {
  return rollback_refusal(drift, ErrorCode::not_found, "this node knows no drift of that id",
                          "GET /v1/drift lists those it knows");
}

/// Of the observing thread. The healer writes, on a thread of its own; what is known and recorded stays here.
class Observer::Rollbacks {
 public:
  using Answer = std::function<void(Result<std::string>)>;

  Rollbacks(Observer& observer, RollbackSetup setup);
  /// Rules or configuration changed; what was done and is under way stays known.
  void set(RollbackSetup setup);
  /// At start: open drift of an earlier agent, and what that one put back of late.
  void remember();

  /// The file was read. Of one that a rule may put back the content is kept while it is what the baseline says.
  void keep_while_right(const Subject& subject);
  /// There is a new finding of the file's drift.
  void note(WatchId watch) { due_.insert(watch); }
  /// Boot ns of when to look next.
  std::int64_t due() const;
  void look();

  /// Whether the agent itself may be the one who writes it just now.
  bool may_be_writing(const Subject& subject) const;
  /// The agent's own write, in a finding of it: whose doing it is. `by`: nullptr = nobody saw.
  void explain(const Subject& subject, const mark_actor* by, wire::Finding& finding) const;

  /// Observer::roll_back().
  void wish(const std::string& id, RollbackWish wish, const std::string& by, const Answer& answer);

 private:
  struct Last {
    std::string drift;    ///< whose file was put back
    std::int64_t at = 0;  ///< boot ns
  };
  struct OwnWrite {
    std::int64_t until = 0;  ///< boot ns
    std::string says;        ///< which
  };

  HealTarget target_of(const Subject& subject) const;
  RollbackFacts facts_of(const Subject& subject, const wire::Drift& drift) const;
  std::string waits_for(const Subject& subject) const;
  std::optional<wire::Drift> drift_of(const std::string& id) const;
  Subject* subject_of(const wire::Drift& drift) const;
  void record(wire::Drift&& drift);
  /// In the reason of its end.
  static void say_who(wire::Drift& drift);
  void look_at(Subject& subject);
  bool take_undone(const Subject& subject, wire::Drift& drift);
  void tell_re_drifted(const Subject& subject, const wire::Drift& drift);
  void begin(const Subject& subject, std::string says);
  void end(WatchId watch, const std::string& what);
  void put_back(const Subject& subject, const wire::Drift& drift, const RollbackRule& rule, const std::string& by,
                const Answer& answer);
  void take_result(WatchId watch, const std::string& id, const wire::Rollback& how, const std::string& found,
                   const HealResult& result);
  void show(const Subject& subject, const std::string& id, const RollbackRule& rule, const Answer& answer);
  void undo(const Subject& subject, const wire::Drift& drift, const std::string& by, const Answer& answer);

  Observer& observer_;
  RollbackSetup setup_;
  Guards guards_;
  bool asks_type_ = false;                 ///< a rule is about types
  std::set<WatchId> due_;                  ///< to be decided with the next turn
  std::map<WatchId, std::int64_t> again_;  ///< boot ns before which nothing is decided anew
  std::set<WatchId> running_;              ///< the healer is at them
  // By Subject::key(): of files that were put back, as few as budgets allow.
  std::map<std::string, OwnWrite> own_writes_;
  std::map<std::string, Last> last_;
  std::map<std::string, std::string> undone_;  ///< who brought the drifted file back, which is still to be told
};

}  // namespace plumbline::agent
