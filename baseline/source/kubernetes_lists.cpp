#include "baseline/source/kubernetes_lists.hpp"

#include <algorithm>
#include <unordered_set>

#include "baseline/value/attributes.hpp"
#include "baseline/value/kubernetes_facts.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

constexpr std::size_t longest_key = 4096;  // a mountPath

bool tells_apart(const MergeKey& key, array items) {
  std::unordered_set<std::string> seen;
  for (const element item : items) {
    auto value = key_of_item(key, item);
    if (value.empty() || value.size() > longest_key || !seen.insert(std::move(value)).second) return false;
  }
  return !seen.empty();
}

}  // namespace

std::optional<MergeKey> merge_key(std::string_view list, array items) {
  // A glance at the first item spares most lists the rest.
  if (items.begin() == items.end() || !(*items.begin()).is_object()) return std::nullopt;
  for (const MergeKey key : {MergeKey{"name"}, MergeKey{"name", true}})
    if (tells_apart(key, items)) return key;
  for (const auto& [name, member] : kubernetes::keys_of_the_api)
    if (name == list && tells_apart({member}, items)) return MergeKey{member};
  return std::nullopt;
}

std::string key_of_item(const MergeKey& key, element item) {
  simdjson::dom::object object;
  element value;
  if (item.get_object().get(object) != simdjson::SUCCESS) return {};
  if (key.in_metadata && object["metadata"].get_object().get(object) != simdjson::SUCCESS) return {};
  if (object[key.member].get(value) != simdjson::SUCCESS) return {};
  std::string_view text;
  std::int64_t number = 0;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.get_int64().get(number) == simdjson::SUCCESS) return std::to_string(number);
  return {};
}

bool has_parts(array items) {
  return items.begin() != items.end() &&
         std::all_of(items.begin(), items.end(), [](element item) { return item.is_object(); });
}

std::string item_part(const std::optional<MergeKey>& key, element item, std::size_t place) {
  if (!key) return "[" + std::to_string(place) + "]";
  return path_part("[" + std::string(key->member) + "=" + key_of_item(*key, item) + "]");
}

}  // namespace plumbline::baseline
