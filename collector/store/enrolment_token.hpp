// What the store keeps of enrolment: tokens by which nodes get their first certificate, for all collectors of the
// store.
#pragma once

#include <cstdint>
#include <string>

namespace plumbline::collector {

/// One token. It is for one node and one key, and ends. The token itself is nowhere.
struct EnrolmentToken {
  std::string digest;  ///< SHA-256 of it, 64 hex digits
  std::string node;
  std::int64_t until = 0;  ///< Unix seconds, by the clock of the collector that made it
  std::string used_by;     ///< digest of the key that it was used for; "" = not yet

  std::string id() const { return digest.substr(0, 16); }  ///< to take it back by
};

/// What became of one that somebody came with.
struct EnrolmentUse {
  EnrolmentToken token;   ///< as it is afterwards: used by another key, or over, it stays as it was
  bool is_first = false;  ///< it was used by this, and not before
};

/// That are in force: past it no more are made. Twice as many are remembered.
inline constexpr std::size_t max_enrolment_tokens = 10'000;
/// What ended is remembered for so long, so that a replay is called one.
inline constexpr std::int64_t enrolment_remembered_s = 30 * 86'400;

}  // namespace plumbline::collector
