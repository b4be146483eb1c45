#include "baseline/source/gunzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace plumbline::baseline {
namespace {

constexpr int only_gzip = 15 + 16;  // the largest window, and gzip's own header

struct Inflate {
  Inflate() { ready = inflateInit2(&stream, only_gzip) == Z_OK; }
  ~Inflate() {
    if (ready) inflateEnd(&stream);
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  z_stream stream{};
  bool ready = false;
};

Error refusal(const std::string& why) {
  return invalid("unpack gzip", why);
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

Result<std::string> gunzip(std::string_view bytes, std::size_t max) {
  if (!is_gzip(bytes)) return refusal("it is not gzip");
  if (bytes.size() > std::numeric_limits<uInt>::max()) return refusal("it is larger than 4 GiB");
  Inflate inflater;
  if (!inflater.ready) return Error{ErrorCode::unavailable, "unpack gzip", "not enough memory", ""};
  z_stream& stream = inflater.stream;
  // zlib's C interface takes its input without const, and only reads it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string content;
  std::array<char, 16384> chunk;
  std::string why;
  while (why.empty()) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = chunk.size();
    const int status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = chunk.size() - stream.avail_out;
    if (status != Z_OK && status != Z_STREAM_END) {
      why = status == Z_BUF_ERROR ? "it is cut off" : "it is damaged";
    } else if (got > max - content.size()) {
      why = "it holds more than " + std::to_string(max) + " bytes";
    } else {
      content.append(chunk.data(), got);
      if (status != Z_STREAM_END) continue;
      while (stream.avail_in > 0 && *stream.next_in == 0) ++stream.next_in, --stream.avail_in;
      if (stream.avail_in == 0) break;
      const std::string_view rest(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
      if (!is_gzip(rest) || inflateReset(&stream) != Z_OK) why = "something that is no gzip stands behind it";
    }
  }
  explicit_bzero(chunk.data(), chunk.size());
  if (why.empty()) return content;
  explicit_bzero(content.data(), content.size());
  return refusal(why);
}

std::string gunzip_start(std::string_view bytes, std::size_t max) {
  Inflate inflater;
  std::string content;
  if (!is_gzip(bytes) || bytes.size() > std::numeric_limits<uInt>::max() || !inflater.ready) return content;
  content.resize(max);
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(max);
  inflate(&stream, Z_SYNC_FLUSH);
  content.resize(max - stream.avail_out);
  return content;
}

}  // namespace plumbline::baseline
