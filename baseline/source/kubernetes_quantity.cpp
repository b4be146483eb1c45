#include "baseline/source/kubernetes_quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace plumbline::baseline {
namespace {

__extension__ using Wide = __int128;

/// In nanos, the smallest unit of a quantity.
constexpr Wide one = 1'000'000'000;
constexpr Wide limit = Wide{1} << 120;

struct Unit {
  std::string_view name;
  Wide size;
};

constexpr Wide thousand_to(int power) {
  Wide size = one;
  for (; power > 0; --power) size *= 1000;
  return size;
}

constexpr std::array<Unit, 10> decimal = {{{"E", thousand_to(6)},
                                           {"P", thousand_to(5)},
                                           {"T", thousand_to(4)},
                                           {"G", thousand_to(3)},
                                           {"M", thousand_to(2)},
                                           {"k", thousand_to(1)},
                                           {"", one},
                                           {"m", one / 1000},
                                           {"u", one / 1'000'000},
                                           {"n", 1}}};
constexpr std::array<Unit, 6> binary = {
    {{"Ei", one << 60}, {"Pi", one << 50}, {"Ti", one << 40}, {"Gi", one << 30}, {"Mi", one << 20}, {"Ki", one << 10}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// In the largest unit of which it is a whole number.
template <std::size_t N>
std::optional<std::string> written(Wide value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value % unit.size != 0) continue;
    if (value / unit.size > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return std::to_string(static_cast<std::int64_t>(value / unit.size)) + std::string(unit.name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> canonical_quantity(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  Wide digits = 0;  // without the point
  int fraction = -1;
  std::size_t used = 0;
  bool any = false;
  for (; used < text.size() && (is_digit(text[used]) || (text[used] == '.' && fraction < 0)); ++used) {
    if (text[used] == '.') {
      fraction = 0;
      continue;
    }
    any = true;
    if (fraction >= 0) ++fraction;
    if (digits >= limit / 10) return std::nullopt;
    digits = digits * 10 + (text[used] - '0');
  }
  if (!any) return std::nullopt;
  std::string_view suffix = text.substr(used);
  Wide size = one;
  bool is_binary = false;
  const auto named = [&](const auto& units) {
    const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == suffix; });
    if (unit == units.end()) return false;
    size = unit->size;
    return true;
  };
  if (suffix.size() > 1 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    const char* start = suffix.data() + (suffix[1] == '+' ? 2 : 1);
    int power = 0;
    const auto [end, error] = std::from_chars(start, suffix.data() + suffix.size(), power);
    if (error != std::errc() || end != suffix.data() + suffix.size() || power > 18 || power < -9) return std::nullopt;
    for (; power > 0; --power) size *= 10;
    for (; power < 0; ++power) size /= 10;
  } else {
    is_binary = named(binary);
    if (!is_binary && !named(decimal)) return std::nullopt;
  }
  if (digits != 0 && size > limit / digits) return std::nullopt;
  Wide value = digits * size;
  for (; fraction > 0; --fraction) value = value / 10 + (value % 10 == 0 ? 0 : 1);  // what is finer is rounded up
  if (value == 0) return "0";
  // Below 1 Ki, and where it is no whole number, a binary quantity is written as a decimal one.
  std::optional<std::string> result;
  if (is_binary && value >= (one << 10)) result = written(value, binary);
  if (!result) result = written(value, decimal);
  if (!result) return std::nullopt;
  return (negative ? "-" : "") + *result;
}

}  // namespace plumbline::baseline
