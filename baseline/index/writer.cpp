#include "baseline/index/writer.hpp"

#include <sys/random.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "baseline/index/format.hpp"
#include "baseline/index/makes.hpp"
#include "baseline/index/section_file.hpp"
#include "baseline/index/seen_strings.hpp"
#include "baseline/index/tables.hpp"

namespace plumbline::baseline {

using namespace index;

namespace {

constexpr std::size_t longest_shared = 64;     ///< bytes of a string that is worth looking up
constexpr std::size_t shortest_beginning = 8;  ///< of a name, for which a place of its own pays off
constexpr std::uint32_t seen_once = 0;         ///< a beginning that no other name had so far: not written

/// Behind the last of `signs`; 0 where there is none. Not find_last_of(), which calls memchr() for each byte.
template <char... signs>
std::size_t end_of_last(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && ((text[end - 1] != signs) && ...)) --end;
  return end;
}

/// Behind which names of other things go on differently: the key of an instance, or the last part of an address.
std::size_t end_of_address_beginning(std::string_view address) {
  return address.ends_with(']') ? end_of_last<'['>(address) : end_of_last<'/', '.', ':'>(address);
}

/// Of an id: the last part of an ARN or an URL.
std::size_t end_of_id_beginning(std::string_view id) {
  return end_of_last<'/', ':'>(id);
}

}  // namespace

struct IndexWriter::Impl {
  std::string target, folder;
  std::array<SectionFile, section_count> sections;
  std::uint64_t key_id = 0;
  IndexOptions options;
  std::uint64_t seed = 0;
  SeenStrings seen;
  Makes known_makes;
  std::string content;              ///< of the resource at hand: what its digest covers
  std::vector<std::uint64_t> bits;  ///< of its slots, and its own slots
  std::vector<HashedRow> addresses, ids, paths;
  std::vector<HashedRow> owners;  ///< of files: hash of the owner's address, file
  std::vector<FileRow> files;
  std::uint32_t resource_count = 0;
  std::map<std::string, std::string> revision;
  SourceRow source{};
  SourceSpec spec;
  bool in_source = false;
  std::uint32_t source_count = 0, make_count = 0, make_attribute_count = 0;
  std::uint64_t slot_count = 0, id_count = 0;
  bool too_large = false;

  template <class Row>
  void put(Section section, const Row& row) {
    sections[section].append_row(row);
  }

  std::uint64_t hash_of(std::string_view text) const { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

  void digest(std::string_view text) {
    const std::uint64_t size = text.size();
    content.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
  }

  std::uint32_t string(std::string_view text) {
    if (text.empty()) return 0;
    const bool shared = text.size() <= longest_shared;
    const std::uint64_t hash = shared ? hash_of(text) : 0;
    if (shared)
      if (const auto known = seen.find(hash); known != none && known != seen_once) return known;
    const std::uint32_t offset = place_in(strings);
    put_text(strings, text);
    if (shared) seen.remember(hash, offset);
    return offset;
  }

  /// An address or an id, which begins as others do up to `beginning`.
  std::uint32_t name(std::string_view text, std::size_t beginning) {
    std::uint32_t begins_with = 0;
    if (beginning >= shortest_beginning) {
      const std::uint64_t hash = hash_of(text.substr(0, beginning));
      const std::uint32_t known = seen.find(hash);
      if (known == none) seen.remember(hash, seen_once);
      if (known == seen_once) {
        begins_with = place_in(strings);
        put_text(strings, text.substr(0, beginning));
        seen.remember(hash, begins_with);
      } else if (known != none) {
        begins_with = known;
      }
    }
    const std::uint32_t offset = place_in(names);
    put_number(names, begins_with);
    put_text(names, begins_with == 0 ? text : text.substr(beginning));
    return offset;
  }

  /// Where the next row of such a section begins; notes when that is too far away.
  std::uint32_t place_in(Section section) {
    constexpr std::uint64_t farthest = none - 1;
    if (sections[section].size() > farthest) too_large = true;
    return static_cast<std::uint32_t>(std::min(sections[section].size(), farthest));
  }

  void put_number(Section section, std::size_t number) {
    std::array<std::byte, 10> bytes;
    std::size_t used = 0;
    for (;; number >>= 7) {
      bytes[used++] = static_cast<std::byte>((number & 0x7F) | (number >= 0x80 ? 0x80 : 0));
      if (number < 0x80) break;
    }
    sections[section].append(std::span(bytes).first(used));
  }

  void put_text(Section section, std::string_view text) {
    put_number(section, text.size());
    sections[section].append(std::as_bytes(std::span(text)));
  }

  std::uint32_t optional(const std::optional<std::string>& text) { return text ? string(*text) : none; }

  /// Text that is kept is its own fingerprint: what a live value is compared with.
  std::uint64_t slot(const Attribute& attribute) {
    const bool is_text = options.values && !attribute.value.empty();
    return is_text ? slot_is_text | string(attribute.value) : attribute.hash & ~slot_is_text;
  }

  void put_make(Make& make, const Resource& resource) {
    make.row = make_count++;
    put(makes, MakeRow{string(make.provider), string(make.type), string(make.region), string(make.account),
                       string(make.ignored), make.source, make_attribute_count,
                       static_cast<std::uint32_t>(make.attributes.size()), static_cast<std::uint32_t>(slot_count),
                       make.slot_count});
    for (std::size_t i = 0; i < make.attributes.size(); ++i) {
      put(make_attributes, MakeAttribute{string(make.attributes[i].path), make.attributes[i].flags});
      if ((make.attributes[i].flags & attribute_absent) == 0) put(slots, slot(resource.attributes[i]));
    }
    make_attribute_count += static_cast<std::uint32_t>(make.attributes.size());
    slot_count += make.slot_count;
  }

  /// What differs from the make's first resource.
  void put_slots(const Make& make, const Resource& resource) {
    bits.assign(slots_of_bits(make.slot_count), 0);
    for (std::size_t i = 0, at = 0; i < make.attributes.size(); ++i) {
      if ((make.attributes[i].flags & attribute_absent) != 0) continue;
      const Attribute& attribute = resource.attributes[i];
      if (attribute.hash != make.attributes[i].hash) {
        bits[at / bits_a_slot] |= std::uint64_t{1} << (at % bits_a_slot);
        bits.push_back(slot(attribute));
      }
      ++at;
    }
    sections[slots].append(std::as_bytes(std::span(bits)));
    slot_count += bits.size();
  }

  void put_ids(const Resource& resource) {
    constexpr std::size_t most = 0xFFFF;
    const std::size_t count = std::min(resource.ids.size(), most);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& id = resource.ids[i];
      put(index::ids, name(id, end_of_id_beginning(id)));
      ids.push_back({hash_of(id), resource_count});
      digest(id);
    }
    id_count += count;
  }

  /// Of files: the first resource of that address, whichever came first.
  void find_owners() {
    if (owners.empty()) return;
    std::unordered_map<std::uint64_t, std::uint32_t> rows;
    for (const auto& owner : owners) rows.emplace(owner.hash(), none);
    for (const auto& address : addresses)
      if (const auto wanted = rows.find(address.hash()); wanted != rows.end() && wanted->second == none)
        wanted->second = address.row;
    for (const auto& owner : owners) files[owner.row].resource = rows[owner.hash()];
  }

  /// Lets go of the rows then: memory is at its peak.
  void write_table_of(std::vector<HashedRow>& rows, Section buckets, Section entries) {
    write_table(rows, sections[buckets], sections[entries]);
    rows = {};
  }

  void end_source() {
    if (!in_source) return;
    in_source = false;
    std::string lines;
    for (const auto& [name, value] : revision) lines += name + "=" + value + "\n";
    source.revision = string(lines);
    put(sources, source);
    ++source_count;
  }

  Result<void> write_target();
};

IndexWriter::IndexWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IndexWriter::~IndexWriter() = default;

std::unique_ptr<IndexWriter> IndexWriter::create(const std::string& target, std::uint64_t key_id,
                                                 IndexOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->target = target;
  impl->key_id = key_id;
  impl->options = options;
  const auto slash = target.rfind('/');
  impl->folder = slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash);
  for (auto& section : impl->sections) section = SectionFile(impl->folder);
  impl->seed = options.seed;
  if (impl->seed == 0 && ::getrandom(&impl->seed, sizeof impl->seed, 0) != sizeof impl->seed)
    impl->seed = std::random_device()();
  impl->sections[strings].append_row(std::byte{0});  // offset 0: ""
  return std::unique_ptr<IndexWriter>(new IndexWriter(std::move(impl)));
}

void IndexWriter::begin_source(const SourceSpec& spec) {
  impl_->end_source();
  impl_->in_source = true;
  impl_->revision.clear();
  impl_->source = {};
  impl_->source.name = impl_->string(spec.name);
  impl_->source.kind = impl_->string(spec.kind);
  impl_->source.path = impl_->string(spec.path);
}

void IndexWriter::revision(const std::string& name, const std::string& value) {
  impl_->revision[name] = value;
}

void IndexWriter::resource(const Resource& resource) {
  Impl& w = *impl_;
  std::string ignored;
  for (const auto& path : resource.ignored) ignored += path + "\n";
  const auto [make, is_new] = w.known_makes.of(resource, ignored, w.source_count);
  if (is_new) w.put_make(make, resource);

  ResourceRow row{};
  row.address = w.name(resource.address, end_of_address_beginning(resource.address));
  row.make = make.row;
  row.first_slot = static_cast<std::uint32_t>(w.slot_count);
  row.first_id = static_cast<std::uint32_t>(w.id_count);
  w.content.assign(reinterpret_cast<const char*>(&make.digest), sizeof make.digest);
  std::size_t at = w.content.size();
  w.content.resize(at + resource.attributes.size() * sizeof(Fingerprint));
  for (const auto& attribute : resource.attributes) {
    std::memcpy(w.content.data() + at, &attribute.hash, sizeof attribute.hash);
    at += sizeof attribute.hash;
  }
  w.put_slots(make, resource);
  w.put_ids(resource);
  row.digest = XXH3_64bits(w.content.data(), w.content.size());

  if (w.slot_count >= none || w.id_count >= none || w.resource_count + 1 == none) w.too_large = true;
  w.addresses.push_back({w.hash_of(resource.address), w.resource_count});
  w.put(resources, row);
  ++w.resource_count;
  ++w.source.resources;
}

void IndexWriter::file(FileExpectation file) {
  Impl& w = *impl_;
  std::string patterns;
  for (const auto& pattern : file.absent_entries) patterns += (patterns.empty() ? "" : "/") + pattern;
  FileRow row{};
  row.resource = none;  // known when all addresses are
  row.path = w.string(file.path);
  row.content = w.optional(file.content);
  row.mode = file.mode.value_or(none);
  row.owner = w.optional(file.owner);
  row.group = w.optional(file.group);
  row.symlink_target = w.optional(file.symlink_target);
  row.absent_entries = w.string(patterns);
  row.flags = (file.absent ? file_absent : 0) | (file.sensitive ? file_sensitive : 0) |
              (file.awaited ? file_awaited : 0) | (file.as_image ? file_as_image : 0);
  if (const auto& in = file.containers)
    w.put(file_containers, ContainersRow{static_cast<std::uint32_t>(w.files.size()), w.string(in->pod_namespace),
                                         w.string(in->pod), w.string(in->name), w.string(in->image)});
  row.address = w.string(file.address);
  w.paths.push_back({w.hash_of(file.path), static_cast<std::uint32_t>(w.files.size())});
  w.owners.push_back({w.hash_of(file.address), static_cast<std::uint32_t>(w.files.size())});
  w.files.push_back(row);
  ++w.source.files;
}

void IndexWriter::skip(std::string address, std::string why) {
  Impl& w = *impl_;
  w.put(skipped, SkippedRow{w.string(address), w.string(why), w.source_count, 0});
  ++w.source.skipped;
}

Result<void> IndexWriter::finish() {
  Impl& w = *impl_;
  w.end_source();
  w.find_owners();
  w.write_table_of(w.addresses, address_buckets, address_entries);
  for (const auto& file : w.files) w.put(files, file);
  w.write_table_of(w.ids, id_buckets, id_entries);
  w.write_table_of(w.paths, path_buckets, path_entries);
  if (w.too_large)
    return invalid("write the index " + w.target, "more than 4 GiB of names or of values",
                   "compile the sources into several indexes");
  return w.write_target();
}

Result<void> IndexWriter::Impl::write_target() {
  Header header{};
  header.magic = magic;
  header.version = sections[file_containers].size() > 0 ? version_with_containers : version;
  header.section_count = sections_of(header.version);
  header.key_id = key_id;
  header.seed = seed;
  header.flags = options.values ? keeps_values : 0;
  std::uint64_t at = header_size(header.section_count);
  for (std::uint32_t i = 0; i < header.section_count; ++i) {
    if (auto state = sections[i].state(); !state) return state.error();
    at = (at + 7) / 8 * 8;
    header.places[i] = {at, sections[i].size()};
    at += sections[i].size();
  }
  header.file_size = at;
  return write_whole(target, folder, header, sections, options.synced);
}

}  // namespace plumbline::baseline
