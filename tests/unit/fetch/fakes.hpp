// A clock and an environment that the test sets.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>

#include "fetch/environment.hpp"
#include "include/util/clock.hpp"

namespace plumbline::fetch::test {

struct FakeClock final : Clock {
  WallNs wall() const override { return 1'795'571'250'000'000'000 + passed; }  // 2026-11-25T01:47:30Z
  std::int64_t boot() const override { return 5'000'000'000 + passed; }
  void pass(std::chrono::seconds seconds) { passed += std::chrono::nanoseconds(seconds).count(); }
  std::atomic<std::int64_t> passed = 0;
};

using Variables = std::map<std::string, std::string>;

/// These and no others, as they are when one is asked for. `variables` outlives it.
inline Environment environment_of(const Variables& variables) {
  return [&variables](const std::string& name) {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  };
}

}  // namespace plumbline::fetch::test
