#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "baseline/index/format.hpp"

namespace plumbline::baseline::index {

/// Strings that come again and again (types, regions, "true") are kept once. A table that grows to a bound and forgets:
/// what it forgot is written once more, which costs bytes and nothing else.
class SeenStrings {
 public:
  SeenStrings() : seen_(1 << 8) {}
  /// What was remembered of a text, by its hash; or none.
  std::uint32_t find(std::uint64_t hash) const {
    const Seen& seen = seen_[hash & (seen_.size() - 1)];
    return seen.hash == hash ? seen.offset : none;
  }
  void remember(std::uint64_t hash, std::uint32_t offset) {
    if (++remembered_ > seen_.size() / 2 && seen_.size() < most) {
      std::vector<Seen> larger(seen_.size() * 2);
      for (const auto& seen : seen_)
        if (seen.offset != none) larger[seen.hash & (larger.size() - 1)] = seen;
      seen_ = std::move(larger);
    }
    seen_[hash & (seen_.size() - 1)] = {hash, offset};
  }

 private:
  static constexpr std::size_t most = 1 << 12;  // 64 KiB: what misses the cache costs more than a string written twice
  struct Seen {
    std::uint64_t hash = 0;
    std::uint32_t offset = none;
  };
  std::vector<Seen> seen_;
  std::size_t remembered_ = 0;
};

}  // namespace plumbline::baseline::index
