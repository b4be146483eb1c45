// GET /v1/stream: the node's events from a given one on. Private to agent/api/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/api/node_view.hpp"
#include "http/message.hpp"

namespace plumbline::agent {

/// Ids on the stream: "17.0" is the first event of sequence 17, "17" means all of it.
struct StreamPosition {
  std::uint64_t sequence = 0;
  std::optional<std::uint64_t> index;  ///< the last one seen of that sequence; nullopt = all
};
std::optional<StreamPosition> parse_stream_position(std::string_view id);

/// Past everything that any node's stream ever had, so told as `unknown_id`.
inline constexpr StreamPosition unknown_position{~std::uint64_t{0}, std::nullopt};

/// From `after` on; from now on where it is not given. What can no longer be read is told as an `event: gap`.
http::StreamResponse open_stream(NodeView& view, std::optional<StreamPosition> after);

}  // namespace plumbline::agent
