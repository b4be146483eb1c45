#include "baseline/value/json_keys.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace plumbline::baseline {
namespace {

/// As deep as the parser lets it be.
bool has_duplicates(simdjson::dom::element value) {
  simdjson::dom::array list;
  if (value.get_array().get(list) == simdjson::SUCCESS)
    return std::any_of(list.begin(), list.end(), [](simdjson::dom::element item) { return has_duplicates(item); });
  simdjson::dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  std::unordered_set<std::string_view> keys;
  for (const auto& [key, member] : object)
    if (!keys.insert(key).second || has_duplicates(member)) return true;
  return false;
}

}  // namespace

bool is_json_without_duplicates(std::string_view text, std::size_t max_depth) {
  simdjson::dom::parser parser;
  const std::size_t capacity = std::max<std::size_t>(text.size(), 64);
  if (parser.allocate(capacity, max_depth) != simdjson::SUCCESS) return false;
  simdjson::padded_string padded(text);
  simdjson::dom::element top;
  const bool good = parser.parse(padded).get(top) == simdjson::SUCCESS && !has_duplicates(top);
  explicit_bzero(padded.data(), padded.size());
  explicit_bzero(parser.doc.string_buf.get(), 5 * capacity / 3);  // all texts, unescaped: 5/3 of the capacity
  return good;
}

}  // namespace plumbline::baseline
