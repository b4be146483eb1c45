// What the store is given and gives back: rows of the ledger, and of what it adds up to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "include/util/clock.hpp"
#include "include/wire/record.hpp"
#include "include/wire/record_columns.hpp"

namespace plumbline::collector {

using Digest = std::array<std::byte, 32>;  ///< SHA-256 of a body

/// A record, checked and indexed, ready to be written (ingest/prepare.hpp makes it).
struct PreparedRecord {
  wire::Record record;
  wire::RecordColumns columns;
  Digest digest{};
  std::string refused;  ///< why its body cannot be stored as what it says it is; "" = it can
};

struct PreparedBatch {
  wire::Batch header;  ///< its `records` are empty: they moved to `records` below
  std::vector<PreparedRecord> records;
  WallNs received_at = 0;     ///< to show
  std::int64_t heard_at = 0;  ///< the same moment on the boot clock, which nobody sets: what silence is measured with
  std::size_t bytes = 0;      ///< of all bodies: what it weighs in the queue
};

/// One row of the ledger. Rows of the collector's own (type "silence", "sequence_gap", "conflict", "node",
/// "alert_silence", and "drift" of a node that was forgotten or came back) have sequence 0. An id is unique among its
/// node's rows. An "alert_silence" is of no node: both names are "collector".
struct LedgerRecord {
  std::uint64_t seq = 0;  ///< global, ascending, never reused: the position of every cursor
  std::string node_id;
  std::string node;
  std::uint64_t sequence = 0;
  std::string type;
  std::string id;
  WallNs at = 0;
  WallNs received_at = 0;
  std::string resource;
  std::string verdict;
  std::string comparison;
  std::string severity;
  std::string drift_id;
  std::string drift_state;
  std::string body;
  std::uint64_t told_at = 0;  ///< of a drift that a silence held back: the row of that silence's end; else 0
};

struct DriftRow {
  std::string id;
  std::uint64_t seq = 0;  ///< ledger row that set the state
  std::string node_id;
  std::string node;
  std::string resource;
  std::string state;
  std::string comparison;
  WallNs updated_at = 0;
  std::string body;  ///< of that ledger row: {"finding": …, "drift": …}
};

/// A drift that needs somebody (open or contested), without its body.
struct OpenDrift {
  std::uint64_t seq = 0;
  std::string node_id;
  std::string node;
  std::string severity;
  std::int64_t live = 0;  ///< RecordColumns::drift_live: the same where the live values are
};

struct NodeRow {
  std::string node_id;
  std::string node;
  std::string labels_json;
  std::string boot_id;
  std::string agent_version;
  std::string health_json;
  WallNs first_seen = 0;
  WallNs last_seen = 0;
  std::uint64_t first_sequence = 0;    ///< of the first record ever received; 0 = only heartbeats so far
  std::uint64_t accepted_through = 0;  ///< in its present epoch
  std::uint64_t oldest_unsent = 0;
  std::uint64_t epoch = 0;  ///< grows when its sequence begins anew (a spool that was lost), or it was forgotten
  std::uint64_t sequence_gaps = 0;  ///< holes so far …
  std::uint64_t missing = 0;        ///< … and the records that never came
  WallNs silent_since = 0;          ///< 0 = it is heard
  std::uint64_t open_drifts = 0;
  WallNs gap_since = 0;       ///< the first hole in its sequence that nobody has acknowledged; 0 = none
  WallNs conflict_since = 0;  ///< the same of two senders
};

/// What a person says of a node.
struct NodeWord {
  std::string node_id;
  std::string by;      ///< whom the server knows by proof, and who he says he is
  std::string reason;  ///< for whoever reads the ledger
  WallNs at = 0;
};

/// A record that one hop refused for good; kept whole, shown, and (a sink's) sent again on demand.
struct DeadLetter {
  std::uint64_t id = 0;
  std::string origin;     ///< "ingest" or "sink:<name>"
  std::uint64_t seq = 0;  ///< ledger row, for a sink's
  std::string node_id;    ///< for ingest
  std::uint64_t sequence = 0;
  std::string record_id;
  std::string why;
  WallNs at = 0;
  bool replaying = false;
  std::string body;  ///< for ingest: what was refused
};

/// What a page holds. Newest first; `before` is the ledger position that the last page ended at (0 = from the top).
struct Query {
  std::string id;        ///< drifts only, as below; "" = any. An id is its node's own, so several nodes may have it
  std::string state;     ///< "" = any
  std::string resource;  ///< exact, or with '*' for any run of characters; "" = any
  std::string node;      ///< name or id; "" = any
  std::string origin;    ///< dead letters only; "" = any
  WallNs since = 0;      ///< drifts: updated_at, findings: at, not before this (agents' clocks: within an hour)
  std::uint64_t before = 0;
  std::size_t limit = 100;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::uint64_t next = 0;  ///< `before` of the next page; 0 = this is the last one
};

}  // namespace plumbline::collector
