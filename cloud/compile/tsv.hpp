// The text tables as rows of cells.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::cloud::compile {

/// One file: lines of cells between tabs. Lines that begin with # are comments, and so are empty ones. Cells missing at
/// a row's end are "".
class Tsv {
 public:
  struct Row {
    std::size_t line;
    std::vector<std::string_view> cells;
    std::string_view operator[](std::size_t i) const { return i < cells.size() ? cells[i] : std::string_view(); }
  };

  /// Throws std::runtime_error where it cannot be read or has a row of more than `columns` cells.
  Tsv(std::string path, std::size_t columns);
  const std::vector<Row>& rows() const { return rows_; }
  const std::string& bytes() const { return bytes_; }
  /// Throws "FILE:LINE: WHY".
  [[noreturn]] void refuse(const Row& row, const std::string& why) const;

 private:
  std::string path_, bytes_;
  std::vector<Row> rows_;
};

/// The parts between separators; none of "".
std::vector<std::string_view> split(std::string_view text, char separator);

/// Where `word` stands in `known`; refuses the row where it does not.
template <std::size_t N>
std::uint8_t place_in(const std::array<std::string_view, N>& known, const Tsv& file, const Tsv::Row& row,
                      std::string_view word) {
  for (std::size_t i = 0; i < N; ++i)
    if (known[i] == word) return static_cast<std::uint8_t>(i);
  file.refuse(row, "'" + std::string(word) + "' is not in its list of cloud/table/switches.hpp");
}

}  // namespace plumbline::cloud::compile
