#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "collector/forward/format.hpp"
#include "collector/forward/sink.hpp"

namespace plumbline::collector {

struct NdjsonOptions {
  std::string path;
  std::uint64_t max_bytes = std::uint64_t{256} << 20;  ///< a file this long is set aside before the next write
  std::uint32_t keep = 10;                             ///< files set aside; older ones are removed. 0 = keep all
  Format format = Format::plumbline;
};

/// Appends one line a record and is durable (fdatasync) before it reports delivery. Exactly once: the file itself says
/// how far it got. open() reads the `ledger_seq` of its last whole line, cuts a torn one off, and goes on behind it.
/// A file that is ahead of the ledger (which was begun anew) is renamed to "<path>.other-<…>". A full file is renamed
/// to "<path>.<ledger_seq of its last line, 20 digits>" in one step. Errors: a directory that cannot be
/// made or is not writable.
Result<std::unique_ptr<Sink>> make_ndjson_sink(const NdjsonOptions& options);

}  // namespace plumbline::collector
