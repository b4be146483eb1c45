// From the bytes of a request to what the store writes. Pure: no clock, no I/O.
#pragma once

#include <string>
#include <string_view>

#include "collector/store/store.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

struct IngestLimits {
  std::size_t max_body_bytes = std::size_t{4} << 20;   ///< as sent
  std::size_t max_text_bytes = std::size_t{32} << 20;  ///< decompressed
  std::size_t max_records = 5000;
  std::size_t max_record_bytes = std::size_t{1} << 20;
};

/// When a batch came: the same moment on both clocks.
struct Received {
  WallNs at = 0;
  std::int64_t boot = 0;
};

/// Unpacks (`encoding` "zstd", or "" for plain NDJSON), checks the frame, takes each record's columns and digest.
/// `invalid_argument`: damaged, nothing usable. `unsupported`: over a limit. A single bad body is no error: it is
/// marked `refused` and becomes a dead letter.
Result<PreparedBatch> prepare_batch(std::string_view body, std::string_view encoding, Received received,
                                    const IngestLimits& limits);

/// Digest and columns of one record that `node_id` sent.
PreparedRecord prepare_record(wire::Record record, std::string_view node_id, wire::ColumnReader& reader);

}  // namespace plumbline::collector
