// Sources that are named by a pattern: "/srv/states/*.tfstate", "/srv/*/terraform.tfstate".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baseline/baseline.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// Whether the path has a wildcard of glob(7): '*', '?' or '['. A backslash takes the next character for what it is.
bool is_pattern(std::string_view path);

struct Matches {
  std::vector<std::string> files;    ///< sorted; what is there now and is no directory
  std::vector<std::string> folders;  ///< whose entries decide about it: what to watch to learn of others
};

inline constexpr std::size_t max_matches = 20'000;

/// Finds what matches `pattern` (absolute). A wildcard matches no '/' and, at the beginning of a name, no '.'. Errors:
/// more than max_matches, and what cannot be looked at (no permission, no descriptor left): what is not seen may be
/// there all the same. A folder that is not there matches nothing, and is among `folders`.
Result<Matches> match_pattern(const std::string& pattern);
/// The same, but what cannot be looked at is left out, and the first of it told in `unseen` ("" = there is none). Then
/// what is not among the matches is not known to be gone.
Result<Matches> match_pattern(const std::string& pattern, std::string& unseen);

/// Whether match_pattern() could find this path, were it there.
bool matches_pattern(const std::string& pattern, const std::string& path);

/// What sets a match apart from the others of its pattern: its path from the first wildcard's component on, '/' as '.'
/// and what is none of [a-z0-9._-] as '-': "/srv/*/terraform.tfstate" → "prod.terraform.tfstate".
std::string name_of_match(std::string_view pattern, std::string_view path);

/// The baseline of one match: as the pattern's, with the match's name ("<name>.…") and path.
SourceSpec match_of(SourceSpec pattern, const std::string& path);

}  // namespace plumbline::baseline
