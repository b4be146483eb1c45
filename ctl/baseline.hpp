// `plumb baseline`: what sources say, without an agent.
#pragma once

#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace plumbline::ctl {

struct BaselineOptions {
  std::vector<std::string> files;
  std::string source;  ///< kind of the files; "" = by their looks
  std::string name;    ///< of the source in addresses; "" = each file's own, without its suffix
  std::string key_file;
  bool new_key = false;  ///< make key_file, which must not be there
  std::string out;
  bool hashes_only = false;  ///< of all values, also short ones
};

/// Sources → one index file. The key of the fingerprints is the agent's, where it can be read, else one beside the
/// index.
int compile_baseline(const Context& context, const BaselineOptions& options);
/// What sources or indexes hold, and what was skipped and why.
int inspect_baseline(const Context& context, const BaselineOptions& options);
/// Exactly two sources or indexes: resources that came, went or changed. 2 where there are any.
int diff_baseline(const Context& context, const BaselineOptions& options);

}  // namespace plumbline::ctl
