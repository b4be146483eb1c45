// From the fields of a header block to a message (RFC 9113, section 8).
#pragma once

#include "agent/decode/hpack.hpp"
#include "agent/decode/http_limits.hpp"
#include "agent/decode/http_message.hpp"

namespace plumbline::agent {

struct Http2Fields {
  HttpMessage message;
  bool is_malformed = false;  ///< section 8.1.1: nothing of it counts
  bool has_pseudo = false;    ///< trailers have none
  bool is_readable = true;    ///< false: against HPACK's grammar, and so is all that follows
};

/// Decodes all of a block, for the sake of the table, and keeps at most `limit` bytes of its fields.
Http2Fields read_http2_block(Hpack& hpack, std::string_view block, Direction direction, std::size_t limit);

}  // namespace plumbline::agent
