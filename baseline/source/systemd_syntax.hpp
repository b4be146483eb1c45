// The syntax of systemd's files (systemd.syntax(7), conf-parser.c, extract-word.c of systemd 252).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

struct UnitAssignment {
  std::string_view section, key, value;  ///< without blanks around them; a value's continued lines are joined
  std::uint32_t line = 0;                ///< of its end, as systemd counts
};

struct UnitHandlers {
  std::function<void(const UnitAssignment&)> assignment;
  std::function<void(std::uint32_t line, const char* why)> ignored;  ///< a line that systemd ignores
};

/// Calls the handlers for each line in order. Errors, with `origin`:line: what makes systemd refuse the file (a broken
/// section header, not UTF-8, a line of more than 1 MiB), and NUL bytes.
Result<void> parse_unit(const std::string& origin, std::string_view text, const UnitHandlers& handlers);

/// Takes the next word off `rest`: quotes removed, C escapes undone. "" in `word` never is a word unless it was quoted;
/// nullopt: none left (then `rest` is empty), or the rest is broken (unbalanced quotes, an unknown escape; then it is
/// not).
std::optional<std::string> take_unit_word(std::string_view& rest);

}  // namespace plumbline::baseline
