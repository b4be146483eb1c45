// The compiled tables where they lie (layout.hpp). No start-up, no heap; any thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "cloud/table/layout.hpp"

/// Where they lie; tables.cpp puts them there.
extern "C" __attribute__((visibility("hidden"))) const std::byte plumbline_cloud_tables[];

namespace plumbline::cloud::table {

/// Made by the same build and aligned, so its rows are read where they lie.
inline const Header& header() {
  return *reinterpret_cast<const Header*>(plumbline_cloud_tables);
}

/// Rows of one section, or of a slice of it.
template <class Row>
std::span<const Row> rows(SectionName section) {
  const auto& place = header().sections[section];
  return {reinterpret_cast<const Row*>(plumbline_cloud_tables + place.offset), place.count};
}
template <class Row>
std::span<const Row> rows(SectionName section, Slice slice) {
  return rows<Row>(section).subspan(slice.first, slice.count);
}

inline std::string_view text(Text at) {
  const auto* begin = plumbline_cloud_tables + header().sections[pool].offset + at;
  std::uint16_t length;
  std::memcpy(&length, begin, sizeof length);
  return {reinterpret_cast<const char*>(begin + sizeof length), length};
}

/// The row of a name, nullptr where it is unknown.
const NameRow* find_name(SectionName section, std::string_view name);
/// The services of a name in `signing`, `stems` or `targets`, the operations of one in `actions`; none where it is
/// unknown.
std::span<const std::uint32_t> ids_of(SectionName section, std::string_view name);

/// An operation of a service by its name; `no_row` where it has none of it.
std::uint32_t operation_of(std::uint32_t service, std::string_view name);

inline const ServiceRow& service(std::uint32_t id) {
  return rows<ServiceRow>(services)[id];
}
inline const OperationRow& operation(std::uint32_t id) {
  return rows<OperationRow>(operations)[id];
}
inline const NodeRow& node(std::uint32_t id) {
  return rows<NodeRow>(nodes)[id];
}

/// Whether a sorted list of texts has `name`.
bool has(Slice list, std::string_view name);

/// Of all, with the texts.
std::size_t bytes();
/// Of the text tables that they were made of.
std::uint64_t source_hash();

}  // namespace plumbline::cloud::table
