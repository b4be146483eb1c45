// The shared credentials file of the AWS SDKs: INI, one section a profile.
#pragma once

#include <string>

#include "fetch/sigv4.hpp"
#include "include/util/result.hpp"

namespace plumbline::fetch::aws {

/// What a profile says; a part that it does not name is empty.
struct Profile {
  bool found = false;  ///< the file has a section of this name
  Keys keys;           ///< as written, unchecked
  std::string region;
  std::string other_way;  ///< a setting by which SDKs would come to keys, and the agent does not: "credential_process"
};

/// `path`: at most 1 MiB, read anew each time. Format: "Shared config and credentials files" of the AWS SDKs and Tools
/// reference; a later line wins. `not_found` and `permission` where the file cannot be opened; `invalid_argument` with
/// the line's number, never its text, where a line is neither section, setting nor comment.
Result<Profile> read_profile(const std::string& path, const std::string& profile);

}  // namespace plumbline::fetch::aws
