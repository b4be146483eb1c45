// What travels from the agent's spool to the collector's ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "include/util/clock.hpp"

namespace plumbline::wire {

/// One line of a batch and one entry of the spool. `body` is the JSON text of one object and has no newline:
/// type "finding": {"finding": {…}, "drift": {…} or null}  — drift is its state *after* this finding
/// type "drift":   {"drift": {…}}                            — a drift that changed without a finding (accepted, …)
/// type "gap":     {"gap": {…}}
struct Record {
  std::uint64_t sequence = 0;  ///< per node, from 1, without holes, never reused; given by the spool
  std::string type;
  std::string id;  ///< the finding's or gap's id; for "drift" "<drift id>@<sequence>"
  WallNs at = 0;   ///< when it was appended
  std::string body;
};

/// Of a record as one line of a batch. A larger one would be refused by every collector, so none is made.
inline constexpr std::size_t max_record_bytes = std::size_t{1} << 20;
/// Of its body: what stands around it in the line is small.
inline constexpr std::size_t max_record_body_bytes = max_record_bytes - 4096;

/// POST /v1/batches. Body: NDJSON, zstd-compressed ("Content-Encoding: zstd"), "Content-Type: application/x-ndjson".
/// First line the header, then one line a record:
/// {"node_id":"…","node":"node-1","labels":{…},"boot_id":"…","agent_version":"…","sent_at":"…","records":2,
///  "oldest_unsent":17,"health":{…}}
/// {"sequence":17,"type":"finding","id":"…","at":"…","body":{…}}
/// A batch of 0 records is a heartbeat.
struct Batch {
  std::string node_id;  ///< 32 hex digits, random, made once an install
  std::string node;     ///< name for people
  std::string labels_json = "{}";
  std::string boot_id;
  std::string agent_version;
  WallNs sent_at = 0;
  std::vector<Record> records;      ///< ascending, contiguous sequences
  std::uint64_t oldest_unsent = 0;  ///< lowest sequence the agent still keeps for lack of an ack; 0 = none
  std::string health_json = "{}";   ///< what the agent wants shown for it: one JSON object, no newline
};

/// The collector's answer, sent after its store committed. 200 with
/// {"accepted_through":18,"items":[{"sequence":17,"status":"stored"},{"sequence":18,"status":"duplicate"}]}
/// status: stored | duplicate | rejected (with "why"; the collector keeps rejected ones in its dead letters, so they
/// are accepted too). 4xx/5xx: problem document (RFC 9457), nothing of the batch was stored; 429 and 503 carry
/// Retry-After.
struct AckItem {
  std::uint64_t sequence = 0;
  std::string status;
  std::string why;
};
struct Ack {
  std::uint64_t accepted_through = 0;  ///< every sequence up to and including this one is durable at the collector
  std::vector<AckItem> items;
};

}  // namespace plumbline::wire
