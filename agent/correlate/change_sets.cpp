#include "agent/correlate/change_sets.hpp"

#include <algorithm>

namespace plumbline::agent {

void ChangeSets::made(const std::string& arn, const std::string& stack) {
  if (arn.empty() || stack.empty() || !stack_of(arn).empty()) return;
  if (sets_.size() >= most_) {
    sets_.pop_front();
    ++forgotten_;
  }
  sets_.emplace_back(arn, stack);
}

std::string ChangeSets::stack_of(std::string_view arn) const {
  const auto found = std::find_if(sets_.begin(), sets_.end(), [&](const auto& set) { return set.first == arn; });
  return found == sets_.end() ? "" : found->second;
}

}  // namespace plumbline::agent
