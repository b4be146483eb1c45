// Memory that may have held a secret: a header's value, a body.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace plumbline::agent {

/// Zeroes all of a text's room, also what is behind its end, and empties it. A text that was moved from keeps up to 15
/// characters in itself: those too.
inline void wipe(std::string& text) noexcept {
  text.resize(text.capacity());  // never allocates
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

/// Appends; where the text has to grow, its old room is wiped before it is let go.
inline void append_wiping(std::string& text, std::string_view more) {
  if (text.size() + more.size() > text.capacity()) {
    std::string larger;
    larger.reserve(std::max(2 * text.capacity(), text.size() + more.size()));
    larger.append(text);
    wipe(text);
    text.swap(larger);
  }
  text.append(more);
}

}  // namespace plumbline::agent
