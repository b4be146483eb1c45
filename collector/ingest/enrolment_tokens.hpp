// Tokens by which a node gets its first certificate.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "collector/store/store.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// Each is for one node and one key, and ends; any collector of the store takes it. The store has SHA-256 of them,
/// never a token. Any thread; each call but stats() waits for the store.
class EnrolmentTokens {
 public:
  static constexpr std::int64_t longest_s = 30 * 86'400;

  struct Made {
    std::string token;
    EnrolmentToken row;
  };

  /// Both outlive this.
  EnrolmentTokens(Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  /// `unavailable`: there are max_enrolment_tokens that have not ended. The token is told here and nowhere else.
  Result<Made> make(const std::string& node, std::int64_t lasts_s);
  /// The node that the token is for; it is used then, in the store, before this returns. `permission`: it is unknown,
  /// over, or was used for another key; with the same key it may come again, as the answer may not have arrived.
  Result<std::string> use(const std::string& token, const std::string& key);
  /// `not_found`: there is none of that id.
  Result<void> remove(const std::string& id);
  Result<std::vector<EnrolmentToken>> rows() const { return store_.enrolment_tokens(); }

  /// Of this collector.
  struct Stats {
    std::uint64_t made = 0, used = 0, unknown = 0, expired = 0, replayed = 0;
  };
  Stats stats() const { return {made_, used_, unknown_, expired_, replayed_}; }

 private:
  std::int64_t now() const { return clock_.wall() / 1'000'000'000; }

  Store& store_;
  const Clock& clock_;
  std::atomic<std::uint64_t> made_{0}, used_{0}, unknown_{0}, expired_{0}, replayed_{0};
};

/// Whether a node may be called so: 1 to 253 printable characters of ASCII without blanks and slashes.
bool is_node_name(const std::string& name);

}  // namespace plumbline::collector
