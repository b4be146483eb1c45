// A ledger row, read once into what every format for SIEMs and pagers says of it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/store.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::collector {

/// Where the thing that a record tells of stands after it.
enum class Phase { opened, updated, closed };

struct Alert {
  /// What stays the same from Create to Close: "<node id>/<drift id>"; of a node "<node id>/silence" (a silent agent),
  /// "<node id>/sequence_gap", "<node id>/conflict"; else `record_uid`.
  std::string uid;
  std::string record_uid;  ///< of this record alone: "<node id>/<record id>", the same each time it is sent
  std::string type;        ///< drift, finding (of no drift), gap, silence, sequence_gap, conflict, node,
                           ///< alert_silence
  Phase phase = Phase::opened;
  std::string state;  ///< of a drift: open, resolved, …; "" = has none
  wire::Severity severity = wire::Severity::info;
  std::string title;  ///< one printable line
  WallNs at = 0;
  WallNs first_seen = 0;
  std::uint64_t count = 1;

  // Of findings and drift; empty for the rest, and where a newer agent writes what is not known here.
  bool judged = false;
  std::string verdict;
  std::string comparison;
  std::string resource;
  std::string kind;  ///< "file" or "call"
  std::string rule;
  std::string closed_by;
  std::vector<wire::AttributeDiff> diff;
  wire::Where where;
  wire::Actor actor;
  std::optional<wire::Call> call;
  std::optional<wire::BaselineRef> baseline;
  std::string drift_baseline;  ///< as the drift itself names it; "" = an older agent's, or no drift
  std::vector<wire::Evidence> evidence;
  std::vector<std::string> missing_evidence;
};

Alert alert_of(const LedgerRecord& record);

/// The title of what is judged, with another place than its node: "Drift open: ADDRESS on WHERE: mode by chmod (root)".
std::string title_of(const Alert& alert, const std::string& where);

/// A path's last part; the whole where there is none.
std::string name_of_path(const std::string& path);

/// The command line as a person would type it: words with blanks or quotes stand in single quotes.
std::string command_line(const std::vector<std::string>& argv);

/// At most `max` bytes, cut at a character's boundary, with "…" where something is missing.
std::string cut_text(std::string text, std::size_t max);

/// Milliseconds since 1970.
constexpr std::int64_t milliseconds_of(WallNs at) {
  return at / 1'000'000;
}

}  // namespace plumbline::collector
