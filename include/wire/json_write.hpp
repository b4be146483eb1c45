// JSON text built without a DOM: what hot paths (batches, sinks, pages) need, and no library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "include/util/hex.hpp"
#include "include/wire/text.hpp"

namespace plumbline::wire {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become the "\xNN" form of escape_bytes(),
/// so the result is always valid JSON.
inline void append_json_string(std::string& out, std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  out += '"';
  while (!text.empty()) {
    if (const auto run = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), plain) - text.begin());
        run > 0) {
      out += text.substr(0, run);
      text.remove_prefix(run);
      continue;
    }
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      const std::string escaped = escape_bytes(text.substr(0, 1));
      out += '\\';
      out += escaped;
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[0];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      append_hex(out, byte, lower_hex);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

/// The same for text that may hold any bytes (paths, argv), in the lossless form of escape_bytes().
inline void append_json_bytes(std::string& out, std::string_view bytes) {
  const bool plain = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c != '\\' && (c & 0x80) == 0; });
  append_json_string(out, plain ? bytes : std::string_view(escape_bytes(bytes)));
}

/// One JSON object, written key by key: JsonObject().text("id", id).number("n", 3).raw("body", body).str().
/// Keys are written as they come; the caller gives each once.
class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value) {
    begin(key);
    append_json_string(out_, value);
    return *this;
  }
  JsonObject& bytes(std::string_view key, std::string_view value) {
    begin(key);
    append_json_bytes(out_, value);
    return *this;
  }
  /// Absent where empty.
  JsonObject& bytes_if(std::string_view key, std::string_view value) {
    return value.empty() ? *this : bytes(key, value);
  }
  template <class N>
  JsonObject& number(std::string_view key, N value) {
    begin(key);
    out_ += std::to_string(value);
    return *this;
  }
  JsonObject& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  JsonObject& null(std::string_view key) { return raw(key, "null"); }
  /// `json` is valid JSON text already.
  JsonObject& raw(std::string_view key, std::string_view json) {
    begin(key);
    out_ += json;
    return *this;
  }
  std::string str() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void begin(std::string_view key) {
    if (out_.size() > 1) out_ += ',';
    append_json_string(out_, key);
    out_ += ':';
  }

  std::string out_ = "{";
};

/// "[a,b,c]" of texts that are valid JSON already.
template <class Range>
std::string json_array(const Range& items) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  out += ']';
  return out;
}

}  // namespace plumbline::wire
