#include "baseline/index/writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <unordered_map>
#include <vector>

#include "baseline/index/format.hpp"
#include "baseline/index/section_file.hpp"
#include "baseline/index/tables.hpp"

namespace plumbline::baseline {

using namespace index;

namespace {

/// Strings that come again and again (types, regions, "true") are kept once. A table that grows to a bound and forgets:
/// what it forgot is written once more, which costs bytes and nothing else.
class SeenStrings {
 public:
  SeenStrings() : seen_(1 << 8) {}
  /// Where `text` stands, or none; `hash` is its own.
  std::uint32_t find(std::uint64_t hash) const {
    const Seen& seen = seen_[hash & (seen_.size() - 1)];
    return seen.hash == hash ? seen.offset : none;
  }
  void remember(std::uint64_t hash, std::uint32_t offset) {
    if (++remembered_ > seen_.size() / 2 && seen_.size() < most) {
      std::vector<Seen> larger(seen_.size() * 2);
      for (const auto& seen : seen_)
        if (seen.offset != none) larger[seen.hash & (larger.size() - 1)] = seen;
      seen_ = std::move(larger);
    }
    seen_[hash & (seen_.size() - 1)] = {hash, offset};
  }

 private:
  static constexpr std::size_t most = 1 << 14;  // 256 KiB: what misses the cache costs more than a string written twice
  struct Seen {
    std::uint64_t hash = 0;
    std::uint32_t offset = none;
  };
  std::vector<Seen> seen_;
  std::size_t remembered_ = 0;
};

constexpr std::size_t longest_shared = 64;  ///< bytes of a string that is worth looking up

}  // namespace

struct IndexWriter::Impl {
  std::string target, folder;
  std::array<SectionFile, section_count> sections;
  std::uint64_t key_id = 0;
  bool synced = true;
  std::uint64_t seed = 0;
  SeenStrings seen;
  std::unordered_map<std::uint64_t, std::uint32_t> shape_of;  ///< by hash of the shape's attributes
  std::vector<ShapeAttribute> shape;                          ///< of the resource at hand
  std::string content;                                        ///< of the resource at hand: what its digest covers
  std::vector<HashedRow> addresses, ids, paths;
  std::vector<HashedRow> owners;  ///< of files: hash of the owner's address, file
  std::vector<FileRow> files;
  std::uint32_t resource_count = 0;
  std::map<std::string, std::string> revision;
  SourceRow source{};
  SourceSpec spec;
  bool in_source = false;
  std::uint32_t source_count = 0, shape_count = 0, shape_attribute_count = 0;
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
      if (const auto known = seen.find(hash); known != none) return known;
    const std::uint64_t offset = sections[strings].size();
    if (offset + text.size() + 10 >= none) {
      too_large = true;
      return 0;
    }
    std::array<std::byte, 10> length;
    std::size_t used = 0;
    for (std::size_t left = text.size();; left >>= 7) {
      length[used++] = static_cast<std::byte>((left & 0x7F) | (left >= 0x80 ? 0x80 : 0));
      if (left < 0x80) break;
    }
    sections[strings].append(std::span(length).first(used));
    sections[strings].append(std::as_bytes(std::span(text)));
    if (shared) seen.remember(hash, static_cast<std::uint32_t>(offset));
    return static_cast<std::uint32_t>(offset);
  }

  std::uint32_t optional(const std::optional<std::string>& text) { return text ? string(*text) : none; }

  std::uint32_t shape_row() {
    const std::uint64_t hash = XXH3_64bits(shape.data(), shape.size() * sizeof(ShapeAttribute));
    const auto [known, fresh] = shape_of.try_emplace(hash, shape_count);
    if (!fresh) return known->second;
    put(shapes, ShapeRow{shape_attribute_count, static_cast<std::uint32_t>(shape.size())});
    for (const auto& attribute : shape) put(shape_attributes, attribute);
    shape_attribute_count += static_cast<std::uint32_t>(shape.size());
    return shape_count++;
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

std::unique_ptr<IndexWriter> IndexWriter::create(const std::string& target, std::uint64_t key_id, bool synced) {
  auto impl = std::make_unique<Impl>();
  impl->target = target;
  impl->key_id = key_id;
  impl->synced = synced;
  const auto slash = target.rfind('/');
  impl->folder = slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash);
  for (auto& section : impl->sections) section = SectionFile(impl->folder);
  std::random_device random;
  impl->seed = std::uint64_t{random()} << 32 | random();
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
  ResourceRow row{};
  row.address = w.string(resource.address);
  row.provider = w.string(resource.provider);
  row.type = w.string(resource.type);
  row.region = w.string(resource.region);
  row.account = w.string(resource.account);
  std::string ignored;
  for (const auto& path : resource.ignored) ignored += path + "\n";
  row.ignored = w.string(ignored);
  row.first_slot = static_cast<std::uint32_t>(w.slot_count);
  row.first_id = static_cast<std::uint32_t>(w.id_count);
  row.source = static_cast<std::uint16_t>(w.source_count);

  w.content.clear();
  for (const std::string_view text :
       {std::string_view(resource.provider), std::string_view(resource.type), std::string_view(resource.region),
        std::string_view(resource.account), std::string_view(ignored)})
    w.digest(text);

  w.shape.clear();
  for (const auto& attribute : resource.attributes) {
    const bool absent = attribute.hash == 0 && attribute.value.empty();
    w.shape.push_back(
        {w.string(attribute.path), (attribute.sensitive ? attribute_sensitive : 0) | (absent ? attribute_absent : 0)});
    w.digest(attribute.path);
    w.content.append(reinterpret_cast<const char*>(&attribute.hash), sizeof attribute.hash);
    if (absent) continue;
    // Text that is kept is its own fingerprint: what a live value is compared with.
    w.put(slots, attribute.value.empty() ? attribute.hash & ~slot_is_text : slot_is_text | w.string(attribute.value));
    ++w.slot_count;
  }
  row.shape = w.shape_row();

  const std::size_t id_count = std::min<std::size_t>(resource.ids.size(), 0xFFFF);
  for (std::size_t i = 0; i < id_count; ++i) {
    w.put(ids, w.string(resource.ids[i]));
    w.ids.push_back({w.hash_of(resource.ids[i]), w.resource_count});
    w.digest(resource.ids[i]);
  }
  row.id_count = static_cast<std::uint16_t>(id_count);
  w.id_count += id_count;
  if (w.slot_count >= none || w.id_count >= none || w.source_count > 0xFFFF || w.resource_count + 1 == none)
    w.too_large = true;

  row.digest = XXH3_64bits(w.content.data(), w.content.size());
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
  row.flags = (file.absent ? file_absent : 0) | (file.sensitive ? file_sensitive : 0) | (file.awaited ? file_awaited : 0);
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
  write_table(w.addresses, w.sections[address_buckets], w.sections[address_entries]);
  for (const auto& owner : w.owners) {
    const auto known = std::lower_bound(w.addresses.begin(), w.addresses.end(), owner.hash(),
                                        [](const HashedRow& row, std::uint64_t hash) { return row.hash() < hash; });
    if (known != w.addresses.end() && known->hash() == owner.hash()) w.files[owner.row].resource = known->row;
  }
  for (const auto& file : w.files) w.put(files, file);
  write_table(w.ids, w.sections[id_buckets], w.sections[id_entries]);
  write_table(w.paths, w.sections[path_buckets], w.sections[path_entries]);
  if (w.too_large)
    return invalid("write the index " + w.target, "more than 4 GiB of names and values, or 65,535 sources",
                   "compile the sources into several indexes");
  return w.write_target();
}

Result<void> IndexWriter::Impl::write_target() {
  Header header{};
  header.magic = magic;
  header.version = version;
  header.section_count = section_count;
  header.key_id = key_id;
  header.seed = seed;
  std::uint64_t at = sizeof(Header);
  for (std::uint32_t i = 0; i < section_count; ++i) {
    if (auto state = sections[i].state(); !state) return state.error();
    at = (at + 7) / 8 * 8;
    header.places[i] = {at, sections[i].size()};
    at += sections[i].size();
  }
  header.file_size = at;
  return write_whole(target, folder, header, sections, synced);
}

}  // namespace plumbline::baseline
