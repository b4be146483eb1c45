#include "include/config/quantities.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace plumbline::config {
namespace {

// Largest first: what a default is printed in.
constexpr std::pair<std::string_view, unsigned> size_units[] = {
    {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};
constexpr std::pair<std::string_view, std::int64_t> duration_units[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

/// Edits between two words: letters added, lost, changed, or two neighbours swapped.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

template <class N>
std::optional<N> whole_number(const std::string& text) {
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string text_of_duration(std::chrono::milliseconds value) {
  const auto ms = value.count();
  for (const auto& [name, factor] : duration_units)
    if (ms != 0 && ms % factor == 0) return std::to_string(ms / factor) + std::string(name);
  return "0s";
}

std::string text_of_bytes(std::uint64_t bytes) {
  for (const auto& [name, shift] : size_units)
    if (bytes != 0 && bytes % (1ull << shift) == 0) return std::to_string(bytes >> shift) + std::string(name);
  return "0";
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  if (word.size() > 100) return "";  // the distance costs the product of the lengths
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const auto& candidate : known)
    if (const auto d = distance(word, candidate); d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  return best;
}

std::optional<std::uint64_t> parse_bytes(const std::string& text) {
  const auto unit_at = text.find_first_not_of("0123456789");
  const auto number = whole_number<std::uint64_t>(text.substr(0, unit_at));
  const std::string unit = unit_at == std::string::npos ? "" : text.substr(unit_at);
  for (const auto& [name, shift] : size_units)
    if (number && unit == name && *number <= (~0ull >> shift)) return *number << shift;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(const std::string& text) {
  const auto unit_at = text.find_first_not_of("0123456789");
  if (unit_at == std::string::npos) return std::nullopt;
  const auto number = whole_number<std::int64_t>(text.substr(0, unit_at));
  const std::string unit = text.substr(unit_at);
  for (const auto& [name, factor] : duration_units)
    if (number && unit == name && *number <= 1'000'000'000'000LL / factor)
      return std::chrono::milliseconds(*number * factor);
  return std::nullopt;
}

}  // namespace plumbline::config
