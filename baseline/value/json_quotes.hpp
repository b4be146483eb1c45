#pragma once

#include <string_view>

#include "baseline/value/byte_classes.hpp"
#include "baseline/value/wiped_text.hpp"
#include "include/util/hex.hpp"

namespace plumbline::baseline {

inline void put_escaped(char c, WipedText& out) {
  const auto byte = static_cast<unsigned char>(c);
  if ((byte_class[byte] & needs_escape) == 0) return out.put(c);
  out.put('\\');
  if (c == '"' || c == '\\') return out.put(c);
  out.put("u00");
  out.put(lower_hex[byte >> 4]);
  out.put(lower_hex[byte & 15]);
}

/// Writes a text as JSON, and tells the classes of its bytes: one look at each is what most texts cost.
inline unsigned put_quoted(std::string_view text, WipedText& out) {
  char* to = out.room(text.size() + 2);
  *to++ = '"';
  unsigned classes = 0;
  for (const char c : text) {
    classes |= byte_class[static_cast<unsigned char>(c)];
    *to++ = c;
  }
  *to = '"';
  if ((classes & needs_escape) == 0) {
    out.fill(text.size() + 2);
    return classes;
  }
  out.put('"');
  for (const char c : text) put_escaped(c, out);
  out.put('"');
  return classes;
}

}  // namespace plumbline::baseline
