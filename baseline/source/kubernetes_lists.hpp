// Lists of Kubernetes: maps by one of their items' members (containers by name, ports by number), rows of objects, and
// values. An object in a list has members that the server fills in, like any other, so that only values are compared as
// a whole.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace plumbline::baseline {

/// By which member the items of a list are told apart.
struct MergeKey {
  std::string_view member;   ///< "name", "containerPort"
  bool in_metadata = false;  ///< it stands in the items' metadata (volumeClaimTemplates)
};

/// Where every item of the list is an object with a `name` of its own, that; otherwise the key by which the API merges
/// lists of this name (patchMergeKey of k8s.io/api), where all items have one of their own. nullopt: they have
/// none. `list`: "containers", the name of the list. Takes time in proportion to the list.
std::optional<MergeKey> merge_key(std::string_view list, simdjson::dom::array items);

/// Whether the list is more than one value: its items are objects, all of them. Those without a merge key are told
/// apart by their place.
bool has_parts(simdjson::dom::array items);

/// The item's key, "web"; "" where it has none.
std::string key_of_item(const MergeKey& key, simdjson::dom::element item);

/// How the item is called in an attribute's path, behind the list's name: "[name=web]", dots within escaped; "[2]"
/// without a key.
std::string item_part(const std::optional<MergeKey>& key, simdjson::dom::element item, std::size_t place);

}  // namespace plumbline::baseline
