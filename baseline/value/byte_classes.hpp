#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace plumbline::baseline {

/// What must be asked of a text: one look at its bytes tells that most need no further question.
enum ByteClass : unsigned {
  needs_escape = 1,  ///< in JSON
  at_sign = 2,
  equals_sign = 4,
  colon = 8,
  blank_or_quote = 16,
  underscore = 32,
  hyphen = 64,
  capital_j = 128,  ///< as in eyJ, how JSON begins in base64
};

inline constexpr std::array<std::uint8_t, 256> byte_class = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = needs_escape | blank_or_quote;
  table['"'] = needs_escape | blank_or_quote;
  table['\\'] = needs_escape;
  table[' '] = table['\''] = blank_or_quote;
  table['@'] = at_sign;
  table['='] = equals_sign;
  table[':'] = colon;
  table['_'] = underscore;
  table['-'] = hyphen;
  table['J'] = capital_j;
  return table;
}();

/// Those of all bytes together.
inline unsigned byte_classes(std::string_view text) {
  unsigned found = 0;
  for (const char c : text) found |= byte_class[static_cast<unsigned char>(c)];
  return found;
}

/// looks_sensitive(), where the classes are known.
bool looks_sensitive(std::string_view value, unsigned classes);

}  // namespace plumbline::baseline
