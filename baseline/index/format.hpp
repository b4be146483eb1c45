// The bytes of an index file (docs/reference/index.md): little-endian, fixed-width rows, read in place through mmap.
//
//   Header | strings | resources | slots | shapes | shape attributes | ids | files | sources | skipped | three hash
//   tables
//
// A string is named by its offset in `strings`: a LEB128 length, then the bytes. Offset 0 is "".
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace plumbline::baseline::index {

static_assert(std::endian::native == std::endian::little, "an index is read in place");

inline constexpr std::array<char, 8> magic = {'P', 'L', 'B', 'I', 'D', 'X', '\r', '\n'};
inline constexpr std::uint32_t version = 1;
inline constexpr std::uint32_t none = 0xFFFFFFFF;  ///< no string, no row

enum Section : std::uint32_t {
  strings,
  resources,         ///< ResourceRow
  slots,             ///< std::uint64_t, one a declared attribute that is not absent
  shapes,            ///< ShapeRow
  shape_attributes,  ///< ShapeAttribute
  ids,               ///< std::uint32_t strings
  files,             ///< FileRow
  sources,           ///< SourceRow
  skipped,           ///< SkippedRow
  address_buckets,   ///< std::uint32_t: bucket i's entries are [i], [i + 1)
  address_entries,   ///< TableEntry of resources
  id_buckets,
  id_entries,  ///< of resources
  path_buckets,
  path_entries,  ///< of files
  section_count,
};

struct Place {
  std::uint64_t offset;  ///< from the file's first byte, a multiple of 8
  std::uint64_t size;    ///< in bytes
};

struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t section_count;
  std::uint64_t file_size;
  std::uint64_t key_id;    ///< tells the key of the fingerprints, and nothing about it
  std::uint64_t seed;      ///< of the tables' hashes (XXH3), random, so that nobody can choose colliding names
  std::uint64_t checksum;  ///< XXH3 of the whole file with this field as 0
  std::array<Place, index::section_count> places;
};

struct ResourceRow {
  std::uint64_t digest;  ///< XXH3 of all that follows from the source: equal in two indexes = nothing changed
  std::uint32_t address;
  std::uint32_t provider;
  std::uint32_t type;
  std::uint32_t region;
  std::uint32_t account;
  std::uint32_t ignored;  ///< paths, joined by '\n'
  std::uint32_t shape;
  std::uint32_t first_slot;
  std::uint32_t first_id;
  std::uint16_t id_count;
  std::uint16_t source;
};

/// The list of attributes that resources of one make share.
struct ShapeRow {
  std::uint32_t first;  ///< in shape_attributes
  std::uint32_t count;
};

inline constexpr std::uint32_t attribute_sensitive = 1;
inline constexpr std::uint32_t attribute_absent = 2;  ///< has no slot

struct ShapeAttribute {
  std::uint32_t path;
  std::uint32_t flags;
};

/// A slot with this bit is a string (its low half the offset): the canonical value itself. Without it, it is the
/// value's fingerprint less that bit.
inline constexpr std::uint64_t slot_is_text = std::uint64_t{1} << 63;

inline constexpr std::uint32_t file_absent = 1;
inline constexpr std::uint32_t file_sensitive = 2;
inline constexpr std::uint32_t file_awaited = 4;

struct FileRow {
  std::uint32_t resource;
  std::uint32_t path;
  std::uint32_t content;         ///< or none
  std::uint32_t mode;            ///< or none
  std::uint32_t owner;           ///< or none
  std::uint32_t group;           ///< or none
  std::uint32_t symlink_target;  ///< or none
  std::uint32_t absent_entries;  ///< patterns, joined by '/'
  std::uint32_t flags;
  std::uint32_t address;  ///< of the owning resource, also where that is not in the index
};

struct SourceRow {
  std::uint32_t name;
  std::uint32_t kind;
  std::uint32_t path;
  std::uint32_t revision;  ///< "name=value" lines, sorted
  std::uint32_t resources;
  std::uint32_t files;
  std::uint32_t skipped;
  std::uint32_t reserved;
};

struct SkippedRow {
  std::uint32_t address;
  std::uint32_t why;
  std::uint32_t source;
  std::uint32_t reserved;
};

struct TableEntry {
  std::uint32_t hash;  ///< low half; the high half's first bits chose the bucket
  std::uint32_t row;
};

static_assert(sizeof(Header) == 48 + 16 * section_count);
static_assert(sizeof(ResourceRow) == 48 && sizeof(FileRow) == 40 && sizeof(SourceRow) == 32);
static_assert(std::is_trivially_copyable_v<Header>);

}  // namespace plumbline::baseline::index
