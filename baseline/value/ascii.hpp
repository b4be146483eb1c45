// ASCII letters and digits, whatever the locale.
#pragma once

#include <algorithm>
#include <string_view>

namespace plumbline::baseline {

inline bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
inline bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_word(char c) {
  return is_upper(c) || is_lower(c) || is_digit(c);
}

inline bool equals(std::string_view word, std::string_view lower_case) {
  return word.size() == lower_case.size() &&
         std::equal(word.begin(), word.end(), lower_case.begin(),
                    [](char a, char b) { return a == b || (is_upper(a) && a + 32 == b); });
}

template <class Words>
bool is_one_of(std::string_view word, const Words& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view known) { return equals(word, known); });
}

}  // namespace plumbline::baseline
