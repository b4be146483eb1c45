// Lists of Kubernetes that are maps by one of their items' members: containers by name, ports by number.
#pragma once

#include <simdjson.h>

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
/// lists of this name (patchMergeKey of k8s.io/api), where all items have one of their own. nullopt: the list is one
/// value. `list`: "containers", the name of the list. Takes time in proportion to the list.
std::optional<MergeKey> merge_key(std::string_view list, simdjson::dom::array items);

/// The item's key, "web"; "" where it has none.
std::string key_of_item(const MergeKey& key, simdjson::dom::element item);

/// How the item is called in an attribute's path, behind the list's name: "[name=web]", dots within escaped.
std::string item_part(const MergeKey& key, simdjson::dom::element item);

}  // namespace plumbline::baseline
