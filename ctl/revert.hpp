// How to put a drifted file back, as commands for a person.
#pragma once

#include <string>
#include <vector>

#include "include/wire/finding.hpp"

namespace plumbline::ctl {

/// Lines to show, commands indented by nothing: what undoes each difference where a command can, else words. Paths are
/// quoted for the shell. Never run by plumb.
std::vector<std::string> how_to_put_back(const wire::Drift& drift);

}  // namespace plumbline::ctl
