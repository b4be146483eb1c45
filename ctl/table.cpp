#include "ctl/table.hpp"

#include <algorithm>
#include <ostream>

#include "ctl/text.hpp"

namespace plumbline::ctl {
namespace {

constexpr std::size_t gap = 2;

/// Takes away from the widest column that may still shrink, until all fit; false where they cannot.
bool shrink(const std::vector<Column>& wanted, std::vector<std::size_t>& widths, std::size_t room) {
  for (;;) {
    std::size_t total = gap * (widths.size() - 1);
    for (const auto width : widths) total += width;
    if (total <= room) return true;
    std::size_t widest = wanted.size();
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i].min > 0 && widths[i] > wanted[i].min && (widest == wanted.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == wanted.size()) return false;
    --widths[widest];
  }
}

void drop_column(std::vector<Column>& wanted, std::vector<std::vector<Cell>>& rows, std::size_t index) {
  const auto at = static_cast<std::ptrdiff_t>(index);
  wanted.erase(wanted.begin() + at);
  for (auto& row : rows) row.erase(row.begin() + at);
}

}  // namespace

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  const char* code = nullptr;
  switch (style) {
    case Style::plain:
      break;
    case Style::good:
      code = "\x1b[32m";
      break;
    case Style::bad:
      code = "\x1b[31m";
      break;
    case Style::warn:
      code = "\x1b[33m";
      break;
    case Style::dim:
      code = "\x1b[2m";
      break;
    case Style::bold:
      code = "\x1b[1m";
      break;
  }
  if (!terminal.colour || code == nullptr) return std::string(text);
  return std::string(code).append(text).append("\x1b[0m");
}

void print_table(const Terminal& terminal, std::vector<Column> wanted, std::vector<std::vector<Cell>> rows) {
  std::vector<std::size_t> widths;
  for (;;) {
    widths.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      widths.push_back(columns(wanted[i].title));
      for (const auto& row : rows) widths[i] = std::max(widths[i], columns(row[i].text));
    }
    if (terminal.width == 0 || shrink(wanted, widths, terminal.width)) break;
    const auto least = std::max_element(wanted.begin(), wanted.end(),
                                        [](const Column& a, const Column& b) { return a.drop < b.drop; });
    if (least->drop == 0) break;
    drop_column(wanted, rows, static_cast<std::size_t>(least - wanted.begin()));
  }
  const auto line = [&](auto cell_of) {
    std::string text;
    std::size_t behind = 0;  // spaces owed before the next cell; none at the end of a line
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Cell cell = cell_of(i);
      const std::string shown = wanted[i].min == 0 ? cell.text
                                : wanted[i].middle ? cut_middle(cell.text, widths[i])
                                                   : cut(cell.text, widths[i]);
      if (!shown.empty()) text += std::string(behind, ' ') + styled(terminal, cell.style, shown);
      const std::size_t used = columns(shown);
      behind = (shown.empty() ? behind : 0) + (widths[i] > used ? widths[i] - used : 0) + gap;
    }
    terminal.out << text << '\n';
  };
  line([&](std::size_t i) { return Cell{wanted[i].title, Style::dim}; });
  for (const auto& row : rows) line([&](std::size_t i) { return row[i]; });
}

}  // namespace plumbline::ctl
