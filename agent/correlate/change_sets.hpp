// Change sets of CloudFormation: which stack each was made for, as its ARN does not say.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

namespace plumbline::agent {

/// What this node saw being made since the agent started. Not thread-safe; bounded: at `most` the oldest makes room,
/// and one that is not known here is of no stack.
class ChangeSets {
 public:
  explicit ChangeSets(std::size_t most = 1024) : most_(most) {}

  /// `stack`: a name or an ARN. The first who says so is believed, since an ARN is used once.
  void made(const std::string& arn, const std::string& stack);
  /// "" = not known.
  std::string stack_of(std::string_view arn) const;
  std::uint64_t forgotten() const { return forgotten_; }  ///< to make room

 private:
  const std::size_t most_;
  std::list<std::pair<std::string, std::string>> sets_;  // ARN → stack, the oldest first
  std::uint64_t forgotten_ = 0;
};

}  // namespace plumbline::agent
