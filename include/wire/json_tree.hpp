// A record's body as a tree, for who reads most of it: simdjson reads it, in a fraction of the time that the tree's own
// parser takes for the text. Users link libsimdjson.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>

#include "include/wire/json.hpp"

namespace plumbline::wire {
namespace detail {

/// Of an element whose type was asked for.
template <class T>
T value_of(simdjson::dom::element element) {
  T value{};
  if (element.get(value) != simdjson::SUCCESS) return T{};
  return value;
}

/// As Json::parse() would make it: of two members of one name the last, and whole numbers unsigned where they can be.
inline Json tree_of(simdjson::dom::element element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::OBJECT: {
      Json::object_t members;
      const auto object = value_of<simdjson::dom::object>(element);
      for (const auto field : object) members.insert_or_assign(std::string(field.key), tree_of(field.value));
      return members;
    }
    case Type::ARRAY: {
      Json::array_t items;
      const auto array = value_of<simdjson::dom::array>(element);
      for (const auto item : array) items.push_back(tree_of(item));
      return items;
    }
    case Type::STRING:
      return std::string(value_of<std::string_view>(element));
    case Type::INT64: {
      const auto number = value_of<std::int64_t>(element);
      return number < 0 ? Json(number) : Json(static_cast<std::uint64_t>(number));
    }
    case Type::UINT64:
      return value_of<std::uint64_t>(element);
    case Type::DOUBLE:
      return value_of<double>(element);
    case Type::BOOL:
      return value_of<bool>(element);
    case Type::NULL_VALUE:
      break;
  }
  return nullptr;
}

}  // namespace detail

/// nullopt: it is no JSON.
inline std::optional<Json> read_tree(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(text).get(element) != simdjson::SUCCESS) return std::nullopt;
  return detail::tree_of(element);
}

}  // namespace plumbline::wire
