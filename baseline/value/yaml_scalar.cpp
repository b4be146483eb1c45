#include "baseline/value/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace plumbline::baseline {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view value, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), value) != names.end();
}

constexpr std::array<std::string_view, 9> true_names = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::array<std::string_view, 9> false_names = {"false", "False", "FALSE", "no", "No",
                                                         "NO",    "off",   "Off",   "OFF"};
constexpr std::array<std::string_view, 5> null_names = {"", "~", "null", "Null", "NULL"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// strconv.ParseInt(text, 0, 64), then ParseUint: a sign, a base by its prefix (0x, 0o, 0b, 0), digits.
std::optional<std::string> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool with_sign = negative || text.starts_with('+');
  if (with_sign) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char kind = static_cast<char>(text[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    text.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  }
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  if (negative ? size > limit : with_sign && size >= limit) return std::nullopt;
  return (negative && size != 0 ? "-" : "") + std::to_string(size);
}

/// go-yaml's yamlStyleFloat: [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_a_float(std::string_view text) {
  const auto digits = [&] {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit) - text.begin();
    text.remove_prefix(static_cast<std::size_t>(end));
    return end > 0;
  };
  const auto skip = [&](std::string_view any_of) {
    const bool there = !text.empty() && any_of.find(text[0]) != std::string_view::npos;
    if (there) text.remove_prefix(1);
    return there;
  };
  skip("-+");
  if (skip(".")) {
    if (!digits()) return false;
  } else {
    if (!digits()) return false;
    if (skip(".")) digits();
  }
  if (skip("eE")) {
    skip("-+");
    if (!digits()) return false;
  }
  return text.empty();
}

std::optional<std::string> floating(std::string_view text) {
  if (!looks_like_a_float(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  std::array<char, 32> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string number(buffer.data(), written.ptr);
  // Without a point, simdjson would take it for an integer, and refuse one beyond 64 bits.
  if (number.find_first_of(".e") == std::string::npos) number += ".0";
  return number;
}

YamlScalar plain(std::string_view value) {
  if (is_one_of(value, null_names)) return {YamlType::null, "null"};
  if (is_one_of(value, true_names)) return {YamlType::boolean, "true"};
  if (is_one_of(value, false_names)) return {YamlType::boolean, "false"};
  const char first = value[0];
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    std::string bare(value);
    if (first != '.') std::erase(bare, '_');
    if (first != '.')
      if (auto number = integer(bare)) return {YamlType::number, std::move(*number)};
    if (auto number = floating(bare)) return {YamlType::number, std::move(*number)};
  }
  return {YamlType::text, std::string(value)};
}

}  // namespace

YamlScalar yaml_scalar(std::string_view tag, std::string_view value) {
  if (tag == "?") return plain(value);
  // Other tags are for programs that know them; go-yaml leaves their value as it is written.
  constexpr std::string_view core = "tag:yaml.org,2002:";
  YamlType wanted = YamlType::text;
  if (tag.starts_with(core)) {
    const auto name = tag.substr(core.size());
    if (name == "int" || name == "float") wanted = YamlType::number;
    if (name == "bool") wanted = YamlType::boolean;
    if (name == "null") wanted = YamlType::null;
  }
  if (wanted != YamlType::text)
    if (auto scalar = plain(value); scalar.type == wanted) return scalar;
  return {YamlType::text, std::string(value)};
}

}  // namespace plumbline::baseline
