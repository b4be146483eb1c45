// Tables that fit the terminal.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace plumbline::ctl {

enum class Style { plain, good, bad, warn, dim, bold };

/// `text` in the colour of `style`, or as it is where the terminal has none.
std::string styled(const Terminal& terminal, Style style, std::string_view text);

struct Column {
  std::string title;
  std::size_t min = 0;  ///< may be cut down to this many columns; 0 = never cut
  int drop = 0;         ///< left out first (highest number first) where even that does not fit; 0 = never
  bool middle = false;  ///< cut in the middle: addresses and paths differ at their ends
};

struct Cell {
  std::string text;  ///< printable already
  Style style = Style::plain;
};

/// Columns two spaces apart, no rules. Without a terminal (width 0) nothing is cut or left out.
void print_table(const Terminal& terminal, std::vector<Column> columns, std::vector<std::vector<Cell>> rows);

}  // namespace plumbline::ctl
