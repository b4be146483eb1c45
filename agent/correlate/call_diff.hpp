// What a call does to a managed resource, against its baseline.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/correlate/call_owners.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

struct CallDiff {
  wire::ComparisonResult result = wire::ComparisonResult::not_comparable;
  std::vector<wire::AttributeDiff> diff;  ///< `live`: what the call sets, "+ …" and "- …" of a list's elements
  std::vector<std::string> sets;          ///< attributes that it sets, whether or not they differ
  std::vector<std::string> missing;       ///< what would have to be known to say more
  /// Attributes that it sets to nobody knows what, or in words what else it may have set.
  std::vector<std::string> not_compared;
  bool sensitive = false;  ///< some of what differs is
};

/// `semantics`: cloud::word(). What the baseline's author ignores does not differ, nor does what fits a glob of
/// `ignored`, or stands below an attribute that does. Any thread.
CallDiff compare_call(const baseline::Index& index, const CallOwner& owner, std::string_view semantics,
                      const baseline::Fingerprinter& fingerprints, const std::vector<std::string>& ignored = {});

}  // namespace plumbline::agent
