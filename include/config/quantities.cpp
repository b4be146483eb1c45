#include "include/config/quantities.hpp"

#include <charconv>
#include <utility>

namespace plumbline::config {
namespace {

// Largest first: what a default is printed in.
constexpr std::pair<std::string_view, unsigned> size_units[] = {
    {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};
constexpr std::pair<std::string_view, std::int64_t> duration_units[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

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
