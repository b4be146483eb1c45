// What changed between two revisions.
#include <algorithm>
#include <map>

#include "baseline/compile.hpp"

namespace plumbline::baseline {
namespace {

/// Files that belong to each resource, as text that is equal where the expectations are.
std::map<std::uint32_t, std::vector<std::string>> files_of(const Index& index) {
  std::map<std::uint32_t, std::vector<std::string>> files;
  for (std::uint32_t i = 0; i < index.file_count(); ++i) {
    const FileExpectation file = index.file(i);
    std::string text = file.path + '\0' + (file.absent ? "-" : "+") + file.content.value_or("?") + '\0' +
                       (file.mode ? std::to_string(*file.mode) : "?") + '\0' + file.owner.value_or("?") + '\0' +
                       file.group.value_or("?") + '\0' + file.symlink_target.value_or("?");
    for (const auto& pattern : file.absent_entries) text += '/' + pattern;
    if (file.containers) text += '\0' + file.containers->text() + (file.as_image ? " as its image" : "");
    files[index.owner_of_file(i)].push_back(std::move(text));
  }
  return files;
}

bool same_value(const IndexedAttribute& a, const IndexedAttribute& b) {
  return a.value == b.value && a.hash == b.hash && a.absent == b.absent;
}

std::vector<std::string> differences(const Index& before, std::uint32_t a, const Index& after, std::uint32_t b) {
  std::vector<std::string> found;
  const Resource x = before.resource(a), y = after.resource(b);
  for (const auto& [name, part] : {std::pair("provider", &Resource::provider), std::pair("type", &Resource::type),
                                   std::pair("region", &Resource::region), std::pair("account", &Resource::account)})
    if (x.*part != y.*part) found.emplace_back(name);
  if (x.ids != y.ids) found.emplace_back("ids");
  if (x.ignored != y.ignored) found.emplace_back("ignored");
  std::map<std::string_view, IndexedAttribute> old;
  const auto old_attributes = before.attributes(a);
  for (const auto& attribute : old_attributes) old.emplace(attribute.path, attribute);
  for (const auto& attribute : after.attributes(b)) {
    const auto known = old.find(attribute.path);
    if (known == old.end() || !same_value(known->second, attribute)) found.emplace_back(attribute.path);
    if (known != old.end()) old.erase(known);
  }
  for (const auto& [path, attribute] : old) found.emplace_back(path);
  return found;
}

}  // namespace

Result<std::vector<ResourceChange>> compare_indexes(const Index& before, const Index& after) {
  if (before.key_id() != after.key_id())
    return invalid("compare two indexes", "they were compiled under different keys, so no fingerprint can be equal",
                   "compile both with one --key-file, or name the sources themselves");
  if (before.has_values() != after.has_values())
    return invalid("compare two indexes", "one of them holds values, the other one only their hashes",
                   "compile both with --hashes-only, or neither");
  const auto old_files = files_of(before), new_files = files_of(after);
  const auto files = [](const auto& all, std::uint32_t row) {
    const auto found = all.find(row);
    return found == all.end() ? std::vector<std::string>() : found->second;
  };
  std::vector<ResourceChange> changes;
  std::vector<bool> seen(before.resource_count());
  for (std::uint32_t row = 0; row < after.resource_count(); ++row) {
    const std::string address = after.address(row);
    const auto candidates = before.find_address(address);
    const auto free = std::find_if(candidates.begin(), candidates.end(), [&](std::uint32_t old) { return !seen[old]; });
    if (free == candidates.end()) {
      changes.push_back({Change::added, address, 0, row, {}});
      continue;
    }
    seen[*free] = true;
    std::vector<std::string> what;
    if (before.digest(*free) != after.digest(row)) what = differences(before, *free, after, row);
    if (files(old_files, *free) != files(new_files, row)) what.emplace_back("files");
    if (!what.empty()) changes.push_back({Change::changed, address, *free, row, std::move(what)});
  }
  for (std::uint32_t row = 0; row < before.resource_count(); ++row)
    if (!seen[row]) changes.push_back({Change::removed, before.address(row), row, 0, {}});
  return changes;
}

}  // namespace plumbline::baseline
