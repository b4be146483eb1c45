// Globs of resources and paths, as rules and approved runs have them.
#pragma once

#include <string_view>

namespace plumbline {

/// `**` stands for any text; `*` too where `star_crosses_slash`, else for any text without a slash; everything else is
/// literal. Backtracks to the last star of each kind only, so it takes time in the product of the lengths and no stack.
inline bool glob_matches(std::string_view glob, std::string_view text, bool star_crosses_slash) {
  std::size_t g = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;       // last "*" and where it may swallow on from
  std::size_t deep = std::string_view::npos, deep_resume = 0;  // last "**", which a "*" must not hide
  while (t < text.size()) {
    if (g + 1 < glob.size() && glob[g] == '*' && glob[g + 1] == '*') {
      deep = g;
      deep_resume = t;
      star = std::string_view::npos;
      g += 2;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos && (star_crosses_slash || text[resume] != '/')) {
      g = star + 1;
      t = ++resume;
    } else if (deep != std::string_view::npos) {
      g = deep + 2;
      t = ++deep_resume;
      star = std::string_view::npos;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

/// `*` within a path segment, `**` across.
inline bool path_glob_matches(std::string_view glob, std::string_view path) {
  return glob_matches(glob, path, false);
}
/// `*` stands for any text, slashes included.
inline bool text_glob_matches(std::string_view glob, std::string_view text) {
  return glob_matches(glob, text, true);
}

}  // namespace plumbline
