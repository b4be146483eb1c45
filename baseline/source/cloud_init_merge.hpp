// How cloud-init merges its parts (cloudinit/mergers), as far as a list of the top level is concerned.
#pragma once

#include <simdjson.h>

#include <deque>
#include <optional>
#include <string_view>

namespace plumbline::baseline {

enum class ListMerge { replace, no_replace, append, prepend };

/// What one part says of how it is merged into those before it.
struct Mergers {
  bool dict = false;          ///< without it, cloud-init leaves out the part as a whole
  bool dict_replace = false;  ///< a key of the part replaces that of the parts before it; else that one stays
  bool recurse_list = false;  ///< … but lists are merged as `list` says
  bool has_list = false;      ///< without it, a list stays as it is
  ListMerge list = ListMerge::replace;
  bool other = false;  ///< in a way that is not followed here (recurse_dict within lists)
};

/// From merge_how or merge_type of the part itself, then the header; dict(replace)+list()+str() where neither says
/// anything. nullopt where cloud-init cannot read them, so that it leaves out the part.
std::optional<Mergers> mergers_of(simdjson::dom::object config, std::string_view header);

/// The list after a merge with `with` by `how`; the items of "replace" take each other's place one by one.
template <class T>
std::deque<T> merged_list(std::deque<T> list, const std::deque<T>& with, ListMerge how) {
  switch (how) {
    case ListMerge::append:
      list.insert(list.end(), with.begin(), with.end());
      break;
    case ListMerge::prepend:
      list.insert(list.begin(), with.begin(), with.end());
      break;
    case ListMerge::replace:
      for (std::size_t i = 0; i < list.size() && i < with.size(); ++i) list[i] = with[i];
      break;
    case ListMerge::no_replace:
      break;
  }
  return list;
}

}  // namespace plumbline::baseline
