// Pinned maps of an earlier agent that had other limits: what they hold is carried over.
#pragma once

#include <string>
#include <vector>

#include "agent/source/kernel.hpp"

namespace plumbline::agent {

/// The marks in the maps that are pinned below `pin_dir`, whatever their size. Empty where they are of another ABI, or
/// cannot be read.
std::vector<MarkedInode> read_former_marks(const std::string& pin_dir);

/// Puts them into maps of this agent that are still empty and that no program writes to yet: slots from 0 on, changes
/// as pending ones. Returns how many found no room.
std::size_t carry_over(const std::vector<MarkedInode>& marks, int marks_fd, int states_fd, std::uint32_t slots);

}  // namespace plumbline::agent
