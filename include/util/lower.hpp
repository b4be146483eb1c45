#pragma once

#include <string>
#include <string_view>

namespace plumbline {

/// With A to Z as a to z, whatever the locale; all else stays.
inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace plumbline
