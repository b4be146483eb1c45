// What people asked not to be woken for, and until when (docs/decisions/0027-storm-control.md).
#pragma once

#include <cstdint>
#include <string>

#include "include/util/clock.hpp"

namespace plumbline::collector {

/// Not the silence of an agent. It holds back what the ledger has of a matching drift behind `begin_seq` and before
/// `end_seq`: the ledger's order decides, so a sink that is late or was restarted comes to the same result.
struct AlertSilence {
  std::uint64_t id = 0;
  std::string resource;      ///< address; '*' stands for any run of characters; "" = any
  std::string node;          ///< name or id, likewise
  std::string baseline;      ///< name, likewise
  std::string max_severity;  ///< what is worse is told all the same; "" = whatever it is
  WallNs until = 0;
  std::string reason;
  std::string created_by;  ///< whom the server knows by proof; "local" where it asks for none
  std::string by;          ///< who they say they are; "" = they do not
  WallNs created_at = 0;
  WallNs ended_at = 0;  ///< 0 = it is active
  std::string ended_by;
  std::uint64_t begin_seq = 0;  ///< ledger row that tells of its creation
  std::uint64_t end_seq = 0;    ///< … of its end; 0 = it is active
};

/// What a silence's `ended_by` is where its time was over.
inline constexpr const char* silence_expired = "expiry";

/// Past it a new one is refused: every record of a drift is held against all of them.
inline constexpr std::size_t max_active_silences = 1000;

}  // namespace plumbline::collector
