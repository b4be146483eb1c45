#include "cloud/compile/tsv.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace plumbline::cloud::compile {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

Tsv::Tsv(std::string path, std::size_t columns) : path_(std::move(path)) {
  std::ifstream in(path_, std::ios::binary);
  if (!in) throw std::runtime_error(path_ + ": cannot be opened");
  bytes_.assign(std::istreambuf_iterator<char>(in), {});
  std::size_t line = 0;
  for (std::string_view rest = bytes_; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    ++line;
    if (text.empty() || text.front() == '#') continue;
    rows_.push_back({line, split(text, '\t')});
    if (rows_.back().cells.size() > columns)
      refuse(rows_.back(), "has more than " + std::to_string(columns) + " columns");
  }
}

void Tsv::refuse(const Row& row, const std::string& why) const {
  throw std::runtime_error(path_ + ":" + std::to_string(row.line) + ": " + why);
}

}  // namespace plumbline::cloud::compile
