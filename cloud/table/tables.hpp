// The compiled tables where they lie (layout.hpp). No start-up, no heap; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "cloud/table/layout.hpp"

namespace plumbline::cloud::table {

/// Rows of one section, or of a slice of it.
template <class Row>
std::span<const Row> rows(SectionName section);
template <class Row>
std::span<const Row> rows(SectionName section, Slice slice) {
  return rows<Row>(section).subspan(slice.first, slice.count);
}

std::string_view text(Text at);

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
