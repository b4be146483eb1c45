#pragma once

#include "collector/api/api.hpp"

namespace plumbline::collector {

/// GET /v1/silences, POST /v1/silences, DELETE /v1/silences/{id}: what people are not to be woken for.
http::Response list_silences(const ApiParts& parts, const http::Request& request);
http::Response add_silence(const ApiParts& parts, const http::Request& request);
http::Response end_silence(const ApiParts& parts, const http::Request& request);

/// Bytes of a silence's JSON: its texts are bounded one by one, too.
inline constexpr std::size_t max_silence_bytes = 16384;

}  // namespace plumbline::collector
