#include "cloud/table/tables.hpp"

#include <algorithm>

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

namespace plumbline::cloud::table {

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
