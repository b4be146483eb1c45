// Google's methods, by verb and path.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cloud/table/tables.hpp"

namespace plumbline::cloud::gcp {

inline constexpr std::size_t max_segments = 32;

struct MethodMatch {
  std::uint32_t api = table::no_row, method = table::no_row;
  bool found() const { return method != table::no_row; }
};

/// The method of one of `apis` with this path. A literal counts more than a label. No heap.
MethodMatch find_method(std::span<const std::uint32_t> apis, table::Method verb, std::string_view path);

struct Words {
  std::array<std::string_view, max_segments> all;
  std::size_t count = 0;

  const std::string_view* begin() const { return all.data(); }
  const std::string_view* end() const { return all.data() + count; }
};

/// The words of a method's path: "{}" for a label, "{v}" for the version, ":verb" for a verb of Google's own. No heap.
Words words_of(const table::GcpMethodRow& method);

/// "instances.setMetadata", "projects.locations.keyRings.create".
std::string name_of(const table::GcpApiRow& api, const table::GcpMethodRow& method);

/// The last word of the name: "setMetadata".
std::string_view verb_word(const table::GcpMethodRow& method);

/// Where in a name the thing stands that a method is about: the number of the path's segments that are it, and whether
/// these are a collection's. "…/instances/{}/setMetadata" is about "…/instances/{}".
struct About {
  std::size_t segments = 0;
  bool collection = false;
};
About about(const table::GcpMethodRow& method);

inline const table::GcpMethodRow& method_row(std::uint32_t id) {
  return table::rows<table::GcpMethodRow>(table::gcp_methods)[id];
}
inline const table::GcpApiRow& api_row(std::uint32_t id) {
  return table::rows<table::GcpApiRow>(table::gcp_apis)[id];
}

}  // namespace plumbline::cloud::gcp
