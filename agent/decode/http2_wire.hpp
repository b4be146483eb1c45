// The numbers of RFC 9113, sections 3.4, 4.1 and 6.
#pragma once

#include <cstdint>
#include <string_view>

namespace plumbline::agent {

inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t http2_header_bytes = 9;
/// Of GOAWAY, before what it says in words.
inline constexpr std::size_t http2_control_bytes = 8;

enum Http2Type : std::uint8_t {
  http2_data = 0,
  http2_headers = 1,
  http2_priority = 2,
  http2_rst_stream = 3,
  http2_settings = 4,
  http2_push_promise = 5,
  http2_ping = 6,
  http2_goaway = 7,
  http2_window_update = 8,
  http2_continuation = 9,
};

enum Http2Flag : std::uint8_t {
  http2_ack = 0x1,
  http2_end_stream = 0x1,
  http2_end_headers = 0x4,
  http2_padded = 0x8,
  http2_has_priority = 0x20,
};

constexpr std::uint8_t http2_flags_of(std::uint8_t type) {
  switch (type) {
    case http2_data:
      return http2_end_stream | http2_padded;
    case http2_headers:
      return http2_end_stream | http2_end_headers | http2_padded | http2_has_priority;
    case http2_push_promise:
      return http2_end_headers | http2_padded;
    case http2_continuation:
      return http2_end_headers;
    case http2_settings:
    case http2_ping:
      return http2_ack;
    default:
      return 0;
  }
}

constexpr bool http2_is_block(std::uint8_t type) {
  return type == http2_headers || type == http2_push_promise || type == http2_continuation;
}

/// Frames that say something about exchanges.
constexpr bool http2_is_read_whole(std::uint8_t type) {
  return http2_is_block(type) || type == http2_goaway;
}

/// Big-endian, at most four bytes.
constexpr std::uint32_t read_be(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace plumbline::agent
