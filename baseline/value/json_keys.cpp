#include "baseline/value/json_keys.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

bool is_before(std::string_view a, std::string_view b) {
  if (!a.empty() && !b.empty() && a[0] != b[0])
    return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
  return a < b;
}

/// A key that stands twice, of an object that is not in order. Most of those are nearly so: a key that is out of order
/// is put where it belongs, until that has moved too many.
std::optional<std::string_view> duplicate_out_of_order(object of) {
  constexpr std::size_t max_moved = 4096;
  std::vector<std::string_view> sorted;
  sorted.reserve(of.size());
  std::size_t moved = 0;
  for (auto member = of.begin(); member != of.end(); ++member) {
    const std::string_view key = member.key();
    if (moved > max_moved || sorted.empty() || is_before(sorted.back(), key)) {
      sorted.push_back(key);
      continue;
    }
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), key, is_before);
    if (*place == key) return key;
    moved += static_cast<std::size_t>(sorted.end() - place);
    sorted.insert(place, key);
  }
  if (moved <= max_moved) return std::nullopt;
  std::sort(sorted.begin(), sorted.end(), is_before);
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? std::nullopt : std::optional(*twice);
}

std::string pointer_part(std::string_view key) {
  std::string part = "/";
  for (const char c : config::shown(key)) {
    if (c == '~')
      part += "~0";
    else if (c == '/')
      part += "~1";
    else
      part += c;
  }
  return part;
}

void put_before(std::string& pointer, const std::string& part) {
  constexpr std::size_t longest = 512;
  if (pointer.size() < longest) pointer.insert(0, part);
}

/// Of the object itself.
std::optional<std::string_view> own_duplicate(object of) {
  std::string_view previous;
  const auto begin = of.begin();
  for (auto member = begin; member != of.end(); ++member) {
    const std::string_view key = member.key();
    if (member != begin && !is_before(previous, key)) return duplicate_out_of_order(of);
    previous = key;
  }
  return std::nullopt;
}

bool find_duplicate(element value, std::string& pointer);

bool find_duplicate(object members, std::string& pointer) {
  if (const auto twice = own_duplicate(members)) {
    put_before(pointer, pointer_part(*twice));
    return true;
  }
  for (auto member = members.begin(); member != members.end(); ++member) {
    if (!find_duplicate(member.value(), pointer)) continue;
    put_before(pointer, pointer_part(member.key()));
    return true;
  }
  return false;
}

/// As deep as the parser lets it be. False leaves `pointer` alone.
bool find_duplicate(element value, std::string& pointer) {
  if (value.is_object()) return find_duplicate(object(value), pointer);
  if (!value.is_array()) return false;
  std::size_t place = 0;
  for (const element item : array(value)) {
    if (find_duplicate(item, pointer)) {
      put_before(pointer, "/" + std::to_string(place));
      return true;
    }
    ++place;
  }
  return false;
}

}  // namespace

bool is_json_without_duplicates(std::string_view text, std::size_t max_depth) {
  simdjson::dom::parser parser;
  const std::size_t capacity = std::max<std::size_t>(text.size(), 64);
  if (parser.allocate(capacity, max_depth) != simdjson::SUCCESS) return false;
  simdjson::padded_string padded(text);
  element top;
  const bool good = parser.parse(padded).get(top) == simdjson::SUCCESS && !duplicate_key(top);
  explicit_bzero(padded.data(), padded.size());
  explicit_bzero(parser.doc.string_buf.get(), 5 * capacity / 3);  // all texts, unescaped: 5/3 of the capacity
  return good;
}

std::optional<std::string> duplicate_key(element value) {
  std::string pointer;
  return find_duplicate(value, pointer) ? std::optional(pointer) : std::nullopt;
}

std::optional<std::string> duplicate_key(object members) {
  std::string pointer;
  return find_duplicate(members, pointer) ? std::optional(pointer) : std::nullopt;
}

bool has_key_twice(object of) {
  return own_duplicate(of).has_value();
}

bool SeenKeys::add(std::string_view key) {
  if (as_before_ && used_ < few_.size() && few_[used_] == key) {
    ++used_;
    return true;
  }
  if (std::exchange(as_before_, false)) few_.resize(used_);
  if (std::find(few_.begin(), few_.end(), key) != few_.end()) return false;
  if (few_.size() == max_few) return many_.emplace(key).second;
  few_.emplace_back(key);
  return true;
}

void SeenKeys::clear() {
  used_ = 0;
  as_before_ = true;
  many_.clear();
}

}  // namespace plumbline::baseline
