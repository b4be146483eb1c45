// The kinds of sources, by name: the one table that config, command line and messages share.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

struct Kind {
  std::string_view name;  ///< "terraform_state": the key of the config, the word behind --source
  std::string_view what;  ///< "a Terraform or OpenTofu state (version 4)"
  Reader read;
  bool is_of_apis = false;  ///< what it describes is changed by calls of APIs, beside files
};

/// All of them, in the order in which people are told.
std::span<const Kind> kinds();

/// nullptr where none has this name.
const Kind* find_kind(std::string_view name);

/// "terraform_state, terraform_json, …"
std::string kind_names();

/// What `bytes` (all of a file, or its first 64 KiB and more) look like; nullptr where that is not clear. `path` helps
/// for what has no head of its own (x.service). Never wrong in silence: every reader refuses what is not its own.
const Kind* guess_kind(std::string_view path, std::string_view bytes);

}  // namespace plumbline::baseline
