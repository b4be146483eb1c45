// The ways in which tools name a field of an object, as paths of attributes.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/source/kubernetes_attributes.hpp"

namespace plumbline::baseline {

/// One step from a value into a part of it.
struct FieldStep {
  enum class Kind {
    member,  ///< of an object by its name; of a list where the name is a number
    index,   ///< of a list
    every,   ///< item of a list, or member of an object
    named,   ///< the items of a list whose `text` member is `value`
  };
  Kind kind = Kind::member;
  std::string text, value;
  std::size_t index = 0;
};

using FieldPath = std::vector<FieldStep>;

/// RFC 6901: "/spec/template/spec/containers/0/image". nullopt where it is none.
std::optional<FieldPath> parse_json_pointer(std::string_view text);

/// The jq expressions that are plain paths: .a.b, ."a-b", .a["b"], .a[0], .a[], .a[]?, and select(.name == "x") on the
/// items of a list, with or without pipes between. nullopt for any other.
std::optional<FieldPath> parse_jq_path(std::string_view text);

/// Appends the paths of attributes (Attribute::path) that a field path means in this object; a path into a list that is
/// one value is the list's, and with an item of a list goes which items it has ("containers[]"). What is not there is
/// named all the same, as far as it can be: it may come. False where the budget is spent.
bool append_field_paths(simdjson::dom::object of, const FieldPath& path, WorkBudget& budget,
                        std::vector<std::string>& out);

}  // namespace plumbline::baseline
