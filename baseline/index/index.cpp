#include "baseline/index/index.hpp"

#include <fnmatch.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "baseline/index/tables.hpp"

namespace plumbline::baseline {

using namespace index;

namespace {

/// Of `places` it has as many as its section_count says.
const Header& head(const HeldBytes& held) {
  return *reinterpret_cast<const Header*>(held.bytes().data());
}

/// The type that others add to is the thing itself: "aws_s3_bucket" of aws_s3_bucket and aws_s3_bucket_policy.
bool is_part_of(std::string_view type, std::string_view whole) {
  return type.size() > whole.size() && type.starts_with(whole);
}

}  // namespace

Result<Index> Index::open(const std::string& path, Hold hold) {
  auto held = HeldBytes::open(path, header_size(sections_of(version)), hold);
  if (!held) return held.error();
  if (auto fine = check_whole(path, held->bytes()); !fine) return fine.error();
  Index index;
  index.held_ = std::move(*held);
  return index;
}

template <class Row>
std::span<const Row> Index::rows(Section section) const {
  if (section >= head(held_).section_count) return {};
  const Place& place = head(held_).places[section];
  return {reinterpret_cast<const Row*>(held_.bytes().data() + place.offset), place.size / sizeof(Row)};
}

namespace {

/// LEB128, from `at` on; moves it behind. Beyond the end it is 0.
std::uint64_t number(std::span<const char> bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0; at < bytes.size() && shift < 35; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  at = bytes.size();
  return 0;
}

std::string_view text_at(std::span<const char> bytes, std::size_t at) {
  const std::uint64_t length = number(bytes, at);
  return length <= bytes.size() - at ? std::string_view(bytes.data() + at, length) : std::string_view();
}

}  // namespace

std::string_view Index::text(std::uint32_t offset) const {
  const auto bytes = rows<char>(strings);
  return offset < bytes.size() ? text_at(bytes, offset) : std::string_view();
}

std::pair<std::string_view, std::string_view> Index::name(std::uint32_t offset) const {
  const auto bytes = rows<char>(names);
  std::size_t at = offset;
  if (at >= bytes.size()) return {};
  const std::uint64_t beginning = number(bytes, at);
  return {text(static_cast<std::uint32_t>(beginning)), text_at(bytes, at)};
}

std::string Index::whole_name(std::uint32_t offset) const {
  const auto [beginning, rest] = name(offset);
  std::string whole;
  whole.reserve(beginning.size() + rest.size());
  return whole.append(beginning).append(rest);
}

bool Index::is_name(std::uint32_t offset, std::string_view wanted) const {
  const auto [beginning, rest] = name(offset);
  return wanted.size() == beginning.size() + rest.size() && wanted.ends_with(rest) && wanted.starts_with(beginning);
}

template <class Matches>
void Index::look_up(Section bucket_section, Section entry_section, std::string_view key, const Matches& matches) const {
  const auto buckets = rows<std::uint32_t>(bucket_section);
  const auto entries = rows<TableEntry>(entry_section);
  const int bits = bucket_bits(entries.size());
  const std::uint64_t hash = XXH3_64bits_withSeed(key.data(), key.size(), head(held_).seed);
  const std::size_t bucket = hash >> (64 - bits);
  if (bucket + 1 >= buckets.size()) return;
  const std::size_t end = std::min<std::size_t>(buckets[bucket + 1], entries.size());
  for (std::size_t i = buckets[bucket]; i < end; ++i)
    if (entries[i].hash == static_cast<std::uint32_t>(hash)) matches(entries[i].row);
}

std::uint32_t Index::resource_count() const {
  return static_cast<std::uint32_t>(rows<ResourceRow>(resources).size());
}
std::uint32_t Index::file_count() const {
  return static_cast<std::uint32_t>(rows<FileRow>(files).size());
}
std::uint32_t Index::source_count() const {
  return static_cast<std::uint32_t>(rows<SourceRow>(sources).size());
}
std::uint32_t Index::skipped_count() const {
  return static_cast<std::uint32_t>(rows<SkippedRow>(index::skipped).size());
}
std::uint64_t Index::bytes() const {
  return held_.bytes().size();
}
std::string_view Index::image() const {
  return {reinterpret_cast<const char*>(held_.bytes().data()), held_.bytes().size()};
}
std::uint64_t Index::key_id() const {
  return head(held_).key_id;
}
bool Index::has_values() const {
  return (head(held_).flags & keeps_values) != 0;
}

namespace {

/// The row, or one of zeros beyond the end: its strings are empty.
template <class Row>
Row row_or_nothing(std::span<const Row> rows, std::uint32_t i) {
  return i < rows.size() ? rows[i] : Row{};
}

template <class Row>
std::span<const Row> part(std::span<const Row> rows, std::uint64_t first, std::uint64_t count) {
  if (first > rows.size()) return {};
  return rows.subspan(first, std::min<std::uint64_t>(count, rows.size() - first));
}

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find(by);
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

}  // namespace

MakeRow Index::make_of(std::uint32_t i) const {
  const auto all = rows<ResourceRow>(resources);
  return i < all.size() ? row_or_nothing(rows<MakeRow>(makes), all[i].make) : MakeRow{};
}
std::string Index::address(std::uint32_t i) const {
  const auto all = rows<ResourceRow>(resources);
  return i < all.size() ? whole_name(all[i].address) : std::string();
}
std::string_view Index::region(std::uint32_t i) const {
  return text(make_of(i).region);
}

std::string_view Index::account(std::uint32_t i) const {
  return text(make_of(i).account);
}

std::string_view Index::type(std::uint32_t i) const {
  return text(make_of(i).type);
}
std::uint64_t Index::digest(std::uint32_t i) const {
  return row_or_nothing(rows<ResourceRow>(resources), i).digest;
}
std::uint32_t Index::source_of(std::uint32_t i) const {
  return make_of(i).source;
}

std::span<const std::uint32_t> Index::id_names(std::uint32_t i) const {
  const auto all = rows<ResourceRow>(resources);
  const auto id_rows = rows<std::uint32_t>(index::ids);
  if (i >= all.size()) return {};
  const std::size_t first = all[i].first_id, end = i + 1 < all.size() ? all[i + 1].first_id : id_rows.size();
  return first < end ? part(id_rows, first, end - first) : std::span<const std::uint32_t>();
}

std::vector<std::string> Index::ids(std::uint32_t i) const {
  std::vector<std::string> found;
  for (const auto id : id_names(i)) found.push_back(whole_name(id));
  return found;
}

std::vector<IndexedAttribute> Index::attributes(std::uint32_t i) const {
  std::vector<IndexedAttribute> found;
  const auto all = rows<ResourceRow>(resources);
  if (i >= all.size()) return found;
  const MakeRow make = make_of(i);
  const auto slot_rows = rows<std::uint64_t>(slots);
  const auto shared = part(slot_rows, make.first_slot, make.slot_count);
  const auto bits = part(slot_rows, all[i].first_slot, slots_of_bits(make.slot_count));
  const auto own = part(slot_rows, std::uint64_t{all[i].first_slot} + bits.size(), make.slot_count);
  std::size_t slot = 0, next_own = 0;
  for (const auto& described : part(rows<MakeAttribute>(make_attributes), make.first_attribute, make.attribute_count)) {
    IndexedAttribute& attribute = found.emplace_back();
    attribute.path = text(described.path);
    attribute.sensitive = (described.flags & attribute_sensitive) != 0;
    attribute.absent = (described.flags & attribute_absent) != 0;
    if (attribute.absent || slot >= shared.size() || slot / bits_a_slot >= bits.size()) continue;
    const bool differs = (bits[slot / bits_a_slot] >> (slot % bits_a_slot) & 1) != 0;
    if (differs && next_own >= own.size()) continue;
    const std::uint64_t value = differs ? own[next_own++] : shared[slot];
    ++slot;
    if ((value & slot_is_text) != 0)
      attribute.value = text(static_cast<std::uint32_t>(value));
    else
      attribute.hash = value;
  }
  return found;
}

Resource Index::resource(std::uint32_t i) const {
  const MakeRow make = make_of(i);
  Resource out;
  out.address = address(i);
  out.provider = text(make.provider);
  out.type = text(make.type);
  out.region = text(make.region);
  out.account = text(make.account);
  out.ignored = split(text(make.ignored), '\n');
  out.ids = ids(i);
  for (const auto& attribute : attributes(i))
    out.attributes.push_back(
        {std::string(attribute.path), attribute.hash, std::string(attribute.value), attribute.sensitive});
  return out;
}

FileExpectation Index::file(std::uint32_t i) const {
  FileExpectation out;
  const auto all = rows<FileRow>(files);
  if (i >= all.size()) return out;
  const FileRow& row = all[i];
  const auto optional = [&](std::uint32_t offset) {
    return offset == none ? std::optional<std::string>() : std::string(text(offset));
  };
  out.address = text(row.address);
  out.path = text(row.path);
  out.absent = (row.flags & file_absent) != 0;
  out.sensitive = (row.flags & file_sensitive) != 0;
  out.awaited = (row.flags & file_awaited) != 0;
  out.content = optional(row.content);
  if (row.mode != none) out.mode = row.mode & 07777;
  out.owner = optional(row.owner);
  out.group = optional(row.group);
  out.symlink_target = optional(row.symlink_target);
  out.absent_entries = split(text(row.absent_entries), '/');
  out.as_image = (row.flags & file_as_image) != 0;
  const auto in_containers = rows<ContainersRow>(file_containers);
  const auto in = std::lower_bound(in_containers.begin(), in_containers.end(), i,
                                   [](const ContainersRow& each, std::uint32_t file) { return each.file < file; });
  if (in != in_containers.end() && in->file == i)
    out.containers = ContainerSelector{std::string(text(in->pod_namespace)), std::string(text(in->pod)),
                                       std::string(text(in->name)), std::string(text(in->image))};
  return out;
}

std::uint32_t Index::owner_of_file(std::uint32_t i) const {
  const auto all = rows<FileRow>(files);
  return i < all.size() ? all[i].resource : none;
}

Skipped Index::skipped(std::uint32_t i) const {
  const SkippedRow row = row_or_nothing(rows<SkippedRow>(index::skipped), i);
  return {std::string(text(row.address)), std::string(text(row.why))};
}

std::uint32_t Index::source_of_skipped(std::uint32_t i) const {
  return row_or_nothing(rows<SkippedRow>(index::skipped), i).source;
}

Index::Source Index::source(std::uint32_t i) const {
  const SourceRow row = row_or_nothing(rows<SourceRow>(sources), i);
  Source out;
  out.spec = {std::string(text(row.name)), std::string(text(row.kind)), std::string(text(row.path))};
  for (const auto& line : split(text(row.revision), '\n'))
    if (const auto equals = line.find('='); equals != std::string::npos)
      out.revision[line.substr(0, equals)] = line.substr(equals + 1);
  out.resources = row.resources;
  out.files = row.files;
  out.skipped = row.skipped;
  return out;
}

std::vector<std::uint32_t> Index::find_address(std::string_view wanted) const {
  std::vector<std::uint32_t> found;
  const auto all = rows<ResourceRow>(resources);
  look_up(address_buckets, address_entries, wanted, [&](std::uint32_t i) {
    if (i < all.size() && is_name(all[i].address, wanted)) found.push_back(i);
  });
  return found;
}

void Index::find_id(std::string_view id, std::vector<std::uint32_t>& found) const {
  found.clear();
  look_up(id_buckets, id_entries, id, [&](std::uint32_t i) {
    if (!found.empty() && found.back() == i) return;
    const auto names_of = id_names(i);
    if (std::any_of(names_of.begin(), names_of.end(), [&](std::uint32_t name) { return is_name(name, id); }))
      found.push_back(i);
  });
}

void Index::find_path(std::string_view path, std::vector<std::uint32_t>& found) const {
  found.clear();
  const auto all = rows<FileRow>(files);
  look_up(path_buckets, path_entries, path, [&](std::uint32_t i) {
    if (i < all.size() && text(all[i].path) == path) found.push_back(i);
  });
}

namespace {

void sort_best_first(std::vector<Owner>& owners) {
  std::sort(owners.begin(), owners.end(), [](const Owner& a, const Owner& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.resource < b.resource;
  });
}

}  // namespace

std::vector<Owner> Index::owners_of_id(std::string_view id) const {
  std::vector<std::uint32_t> found;
  find_id(id, found);
  std::vector<Owner> owners;
  for (const auto row : found) {
    const auto whole = std::find_if(found.begin(), found.end(),
                                    [&](std::uint32_t other) { return is_part_of(type(row), type(other)); });
    const auto names = ids(row);
    const bool own = !names.empty() && names.front() == id;
    if (whole != found.end())
      owners.push_back({row, 2, "a part of " + std::string(type(*whole)) + ", under the same id"});
    else if (own)
      owners.push_back({row, 0, "this is its id"});
    else
      owners.push_back({row, 1, "one of its other names"});
  }
  sort_best_first(owners);
  return owners;
}

std::vector<Owner> Index::owners_of_path(std::string_view path) const {
  std::vector<Owner> owners;
  std::vector<std::uint32_t> found;
  find_path(path, found);
  const auto all = rows<FileRow>(files);
  for (const auto i : found) {
    const bool lists = text(all[i].absent_entries).empty();
    const auto in = file(i).containers;
    const std::string where = in ? ", in containers with " + in->text() : "";
    owners.push_back({all[i].resource,
                      in      ? 2u
                      : lists ? 0u
                              : 1u,
                      (lists ? "declares this path" : "declares what it must not hold") + where});
  }
  const auto slash = path.rfind('/');
  if (slash != std::string_view::npos && slash + 1 < path.size()) {
    const std::string name(path.substr(slash + 1));
    find_path(slash == 0 ? "/" : path.substr(0, slash), found);
    for (const auto i : found)
      for (const auto& pattern : split(text(all[i].absent_entries), '/'))
        if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) {
          owners.push_back({all[i].resource, 1, "declares that no " + pattern + " is here"});
          break;
        }
  }
  // Folders of the node that a container has, and what is below them. Who mounts all of it owns nothing of it.
  for (std::string_view folder = path; folder.size() > 1 && folder[0] == '/';
       folder = folder.substr(0, folder.rfind('/'))) {
    find_id(folder, found);
    for (const auto row : found)
      if (type(row) == "AWS::ECS::TaskDefinition")
        owners.push_back({row, folder == path ? 1u : 2u,
                          folder == path ? "mounts it into its containers"
                                         : "mounts " + std::string(folder) + " into its containers"});
  }
  sort_best_first(owners);
  return owners;
}

}  // namespace plumbline::baseline
