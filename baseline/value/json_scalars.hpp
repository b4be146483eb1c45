// Numbers and booleans as canonical texts.
#pragma once

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "baseline/value/wiped_text.hpp"

namespace plumbline::baseline {

template <class Number>
void put_number(Number number, WipedText& out) {
  if constexpr (std::is_floating_point_v<Number>) {
    // 5.0 and 1e3 are integers that a tool wrote its own way.
    if (number == std::trunc(number)) {
      if (number >= -0x1p63 && number < 0x1p63) return put_number(static_cast<std::int64_t>(number), out);
      if (number >= 0 && number < 0x1p64) return put_number(static_cast<std::uint64_t>(number), out);
    }
  }
  std::array<char, 34> digits;
  char* end = digits.data();
  *end++ = '"';
  end = std::to_chars(end, digits.data() + digits.size() - 1, number).ptr;
  *end++ = '"';
  out.put({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

/// Whether it is one; then it is written.
inline bool put_bool_or_number(simdjson::dom::element value, WipedText& out) {
  switch (value.type()) {
    case simdjson::dom::element_type::BOOL:
      out.put(bool(value) ? "\"true\"" : "\"false\"");
      return true;
    case simdjson::dom::element_type::INT64:
      put_number(std::int64_t(value), out);
      return true;
    case simdjson::dom::element_type::UINT64:
      put_number(std::uint64_t(value), out);
      return true;
    case simdjson::dom::element_type::DOUBLE:
      put_number(double(value), out);
      return true;
    default:
      return false;
  }
}

}  // namespace plumbline::baseline
