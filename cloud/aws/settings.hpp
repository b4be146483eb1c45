// Which attributes of an IaC type a request sets.
#pragma once

#include <string_view>
#include <vector>

#include "cloud/table/tables.hpp"
#include "cloud/touched.hpp"

namespace plumbline::cloud::aws {

/// What a request says, and how.
struct Wanted {
  std::string_view operation;
  const Value& parameters;
  Semantics semantics;
  bool removes;  ///< a delta that takes away
  /// Expressions that name the thing: their members are no settings, but where it is created.
  std::span<const table::Text> ids;
  /// Gets the members whose attribute a provider's schema calls sensitive, though AWS' own model does not.
  std::vector<std::string>& sensitive;
};

/// More than this is nobody's configuration.
inline constexpr std::size_t max_settings = 512;

/// Settings of `map` (the request's parameters, or an item of a batch), in its order. A member is an attribute by a row
/// of the tables or by its name; a structure that is neither may hold some. Of a structure that a state keeps as a list
/// of one, each attribute is a setting; so is each tag that is put or taken away alone. A conversion of the tables
/// ("named MEMBER", "changes", "added", "removed", and those of shape.hpp) says what a name alone does not.
std::vector<Setting> settings_of(const table::TypeRow& type, const Value& map, const Wanted& wanted);

}  // namespace plumbline::cloud::aws
