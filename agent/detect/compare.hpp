// Live against expected: which attributes differ. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/detect/live_file.hpp"
#include "agent/enrich/users.hpp"
#include "baseline/baseline.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

struct Comparison {
  wire::ComparisonResult result = wire::ComparisonResult::not_comparable;
  std::vector<wire::AttributeDiff> diff;
  std::string why_not;  ///< for not_comparable
  /// What was left out because the node does not know the user or group that the baseline names: the baseline's
  /// trouble and a blind spot, not drift of the file. "" = nothing.
  std::string unknown_names;
};

/// Compares only what the baseline declares. An existing file that cannot be read is `not_comparable`, never a match;
/// an attribute that differs wins over one that could not be compared.
Comparison compare(const baseline::FileExpectation& expected, const LiveFile& live, const baseline::KeyedHash& key,
                   Users& users);

/// Whether the baseline expects of the attributes in an earlier diff what that diff says it expected.
bool still_expects(const baseline::FileExpectation& now, const std::vector<wire::AttributeDiff>& diff);

/// What the comparison has to read.
ReadRequest needs(const baseline::FileExpectation& expected, std::uint64_t max_file_bytes);

/// Attribute → value, as printed in diffs; for GET /v1/resources. `named`: its users are the node's, and have names.
std::map<std::string, std::string> describe(const baseline::FileExpectation& expected);
std::map<std::string, std::string> describe(const LiveFile& live, bool sensitive, const baseline::KeyedHash& key,
                                            Users& users, bool named = true);

}  // namespace plumbline::agent
