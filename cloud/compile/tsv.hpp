// The text tables as rows of cells.
#pragma once

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

}  // namespace plumbline::cloud::compile
