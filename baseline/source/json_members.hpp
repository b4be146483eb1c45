// Members of a JSON object as readers ask for them: typed, and quietly absent where they are something else.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace plumbline::baseline {

/// A member that is text; "" where it is absent, null, empty or no text.
inline std::string_view text_member(const simdjson::dom::object& of, std::string_view key) {
  std::string_view value;
  return of[key].get_string().get(value) == simdjson::SUCCESS ? value : std::string_view{};
}

/// A member that is true.
inline bool flag_member(const simdjson::dom::object& of, std::string_view key) {
  bool value = false;
  return of[key].get_bool().get(value) == simdjson::SUCCESS && value;
}

/// Whether there is such a member, other than null.
inline bool has_member(const simdjson::dom::object& of, std::string_view key) {
  simdjson::dom::element value;
  return of[key].get(value) == simdjson::SUCCESS && !value.is_null();
}

/// Whether an element (or the result of a look-up) is an object, which `out` is then.
template <class Element>
bool is_object(const Element& value, simdjson::dom::object& out) {
  return value.get_object().get(out) == simdjson::SUCCESS;
}

/// As is_object(), of a list.
template <class Element>
bool is_list(const Element& value, simdjson::dom::array& out) {
  return value.get_array().get(out) == simdjson::SUCCESS;
}

/// Whether a text may stand in an address: no control characters, which no tool writes, and not endless.
inline bool is_printable_name(std::string_view name) {
  constexpr std::size_t longest_name = 4096;
  if (name.empty() || name.size() > longest_name) return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  return true;
}

}  // namespace plumbline::baseline
