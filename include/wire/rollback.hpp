// What becomes of a drift whose file a rule, or a person, wants put back.
#pragma once

#include <cstdint>
#include <string>

#include "include/util/clock.hpp"

namespace plumbline::wire {

enum class RollbackState {
  observed,           ///< a rule would have it put back, but only looks on
  proposed,           ///< … and says so to people
  awaiting_approval,  ///< … once a person says so
  deferred,           ///< its owner puts it back, and is to be asked
  waiting,            ///< a guard holds it back for now
  running,            ///< it is being put back: recorded before the first byte is written
  reverted,           ///< it was put back
  revert_failed,      ///< it could not be
  rollback_unsafe,    ///< putting it back would touch what is not ours to touch
  re_drifted,         ///< it was put back, and soon changed again
  contested,          ///< two writers fight: nobody writes until a person says so
  undone,             ///< it was put back, and a person took that back
};

/// Of the latest attempt, or of why there is none.
struct Rollback {
  RollbackState state = RollbackState::observed;
  std::string mode;            ///< of the rule: observe, propose, approve, auto; "person": no rule names it
  std::string rule;            ///< name of the rule; "" = none
  std::string by;              ///< who had it done: "plumbline", or "uid 1000"; "" = nothing was done
  std::string why;             ///< of a state that is no success; "" = nothing to say
  WallNs at = 0;               ///< when the state became what it is
  bool can_be_undone = false;  ///< what was overwritten is kept
};

}  // namespace plumbline::wire
