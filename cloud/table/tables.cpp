#include "cloud/table/tables.hpp"

#include <algorithm>
#include <cstring>

// Put into .rodata as it is; a generated array of two megabytes would take the compiler longer than all the rest.
// clang-format off
asm(".section .rodata.plumbline_cloud,\"a\",@progbits\n"
    ".balign 16\n"
    ".globl plumbline_cloud_tables\n"
    ".hidden plumbline_cloud_tables\n"
    "plumbline_cloud_tables:\n"
    ".incbin \"" PLUMBLINE_CLOUD_TABLES "\"\n"
    ".byte 0\n"
    ".previous\n");
// clang-format on
extern "C" __attribute__((visibility("hidden"))) const std::byte plumbline_cloud_tables[];

namespace plumbline::cloud::table {
namespace {

/// Made by the same build and aligned, so its rows are read where they lie.
const Header& header() {
  return *reinterpret_cast<const Header*>(plumbline_cloud_tables);
}

}  // namespace

template <class Row>
std::span<const Row> rows(SectionName section) {
  const auto& place = header().sections[section];
  return {reinterpret_cast<const Row*>(plumbline_cloud_tables + place.offset), place.count};
}
template std::span<const Text> rows<Text>(SectionName);
template std::span<const PartitionRow> rows<PartitionRow>(SectionName);
template std::span<const SuffixRow> rows<SuffixRow>(SectionName);
template std::span<const NameRow> rows<NameRow>(SectionName);
template std::span<const ServiceRow> rows<ServiceRow>(SectionName);
template std::span<const OperationRow> rows<OperationRow>(SectionName);
template std::span<const NodeRow> rows<NodeRow>(SectionName);
template std::span<const EdgeRow> rows<EdgeRow>(SectionName);
template std::span<const BindingRow> rows<BindingRow>(SectionName);
template std::span<const KeyRow> rows<KeyRow>(SectionName);
template std::span<const WireRow> rows<WireRow>(SectionName);

std::string_view text(Text at) {
  const auto* begin = plumbline_cloud_tables + header().sections[pool].offset + at;
  std::uint16_t length;
  std::memcpy(&length, begin, sizeof length);
  return {reinterpret_cast<const char*>(begin + sizeof length), length};
}

const NameRow* find_name(SectionName section, std::string_view name) {
  const auto all = rows<NameRow>(section);
  const auto found = std::lower_bound(all.begin(), all.end(), name, [](const NameRow& row, std::string_view wanted) {
    return text(row.name) < wanted;
  });
  return found != all.end() && text(found->name) == name ? &*found : nullptr;
}

std::span<const std::uint32_t> ids_of(SectionName section, std::string_view name) {
  const NameRow* row = find_name(section, name);
  return row == nullptr ? std::span<const std::uint32_t>() : rows<std::uint32_t>(ids, row->services);
}

std::uint32_t operation_of(std::uint32_t service_id, std::string_view name) {
  const auto slice = service(service_id).operations;
  const auto mine = rows<OperationRow>(operations, slice);
  const auto found =
      std::lower_bound(mine.begin(), mine.end(), name,
                       [](const OperationRow& row, std::string_view wanted) { return text(row.name) < wanted; });
  if (found == mine.end() || text(found->name) != name) return no_row;
  return slice.first + static_cast<std::uint32_t>(found - mine.begin());
}

bool has(Slice list, std::string_view name) {
  const auto all = rows<Text>(texts, list);
  const auto found = std::lower_bound(all.begin(), all.end(), name,
                                      [](Text at, std::string_view wanted) { return text(at) < wanted; });
  return found != all.end() && text(*found) == name;
}

std::size_t bytes() {
  return header().bytes;
}
std::uint64_t source_hash() {
  return header().source_hash;
}

}  // namespace plumbline::cloud::table
