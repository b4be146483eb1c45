// Frames and header blocks as an encoder other than ours writes them: libnghttp2's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plumbline::agent {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  const auto byte = [&](std::size_t value) { bytes.push_back(static_cast<char>(value & 0xFF)); };
  for (const int shift : {16, 8, 0}) byte(payload.size() >> shift);
  byte(static_cast<std::size_t>(type));
  byte(static_cast<std::size_t>(flags));
  for (const int shift : {24, 16, 8, 0}) byte(stream >> shift);
  return bytes.append(payload);
}

/// One direction's encoder.
class Http2Writer {
 public:
  explicit Http2Writer(std::size_t table = 4096) {
    if (nghttp2_hd_deflate_new(&deflater_, table) != 0) throw std::bad_alloc();
  }
  Http2Writer(Http2Writer&&) = delete;
  ~Http2Writer() { nghttp2_hd_deflate_del(deflater_); }

  void resize(std::size_t table) { nghttp2_hd_deflate_change_table_size(deflater_, table); }

  std::string block(const Fields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields)
      pairs.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                       reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                       NGHTTP2_NV_FLAG_NONE});
    std::string bytes(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()), '\0');
    const auto size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size(),
                                            pairs.data(), pairs.size());
    if (size < 0) throw std::runtime_error("deflate");
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }

  std::string headers(std::uint32_t stream, const Fields& fields, bool ends_stream) {
    return frame(1, 4 | (ends_stream ? 1 : 0), stream, block(fields));
  }
  std::string request(std::uint32_t stream, const std::string& method, const std::string& path, bool ends_stream,
                      const Fields& more = {}) {
    Fields fields{{":method", method}, {":scheme", "https"}, {":authority", "h"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return headers(stream, fields, ends_stream);
  }
  std::string response(std::uint32_t stream, int status, bool ends_stream, const Fields& more = {}) {
    Fields fields{{":status", std::to_string(status)}};
    fields.insert(fields.end(), more.begin(), more.end());
    return headers(stream, fields, ends_stream);
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

/// In their order, which operator+ does not promise of what it adds: an encoder's blocks depend on it.
inline std::string joined(std::initializer_list<std::string> parts) {
  std::string bytes;
  for (const auto& part : parts) bytes += part;
  return bytes;
}
inline std::string data(std::uint32_t stream, std::string_view body, bool ends_stream) {
  return frame(0, ends_stream ? 1 : 0, stream, body);
}
inline std::string settings(const std::vector<std::pair<int, std::uint32_t>>& values = {}) {
  std::string payload;
  for (const auto& [setting, value] : values) {
    payload.push_back(static_cast<char>(setting >> 8));
    payload.push_back(static_cast<char>(setting));
    for (const int shift : {24, 16, 8, 0}) payload.push_back(static_cast<char>(value >> shift));
  }
  return frame(4, 0, 0, payload);
}

}  // namespace plumbline::agent
