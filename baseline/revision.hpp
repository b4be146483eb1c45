// What it means that a source shows another revision than before.
#pragma once

#include <string>

#include "baseline/baseline.hpp"

namespace plumbline::baseline {

enum class Move {
  none,       ///< the same revision
  on,         ///< a later one, or one of which the order cannot be told
  backwards,  ///< an earlier one: a restored backup, or somebody who wants an old state to be right again
  elsewhere,  ///< another lineage or stack: the source is not what it was
};

/// Whether it is taken only when a person means it.
inline bool is_step_back(Move move) {
  return move == Move::backwards || move == Move::elsewhere;
}

/// Compares two revisions of one source. What orders them: Terraform's serial within a lineage (state format 4), the
/// times that Pulumi, CloudFormation, `show -json` and Ansible's record have (RFC 3339 in UTC, so text order is time
/// order), and the version of a Helm release for as long as it is the same one ("<name> since"). Others have no order
/// that can be told: Kubernetes' resourceVersion is opaque (its API conventions say so), commits and digests are not
/// numbers.
Move moved(const Revision& before, const Revision& after);

/// Whether a revision that moved() cannot order seems to be an earlier one all the same: a lower resourceVersion. The
/// API's conventions call it opaque, though it is etcd's counter; so that is told, and taken.
bool seems_back(const Revision& before, const Revision& after);

/// "lineage=… serial=7"
std::string text_of(const Revision& revision);

}  // namespace plumbline::baseline
