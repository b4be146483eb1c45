// The bytes of an index file, which writer.hpp makes and index.hpp reads: little-endian, fixed-width rows, read in
// place through mmap. Why they hold fingerprints: docs/decisions/0011-attribute-fingerprints.md.
//
//   Header | strings | names | resources | makes | make attributes | slots | ids | files | sources | skipped | three
//   hash tables
//
// A string is named by its offset in `strings`: a LEB128 length, then the bytes. Offset 0 is "".
//
// A name (an address, an id) is named by its offset in `names`: the LEB128 offset of the string that it begins with,
// then the rest as a string. Names of one kind of thing begin alike, and most of an ARN is its beginning.
//
// Resources of one make (a type, the same attributes, one region, …) share a row of `makes`, and mostly they share
// values too. So a resource holds only what differs from the first of its make.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace plumbline::baseline::index {

static_assert(std::endian::native == std::endian::little, "an index is read in place");

inline constexpr std::array<char, 8> magic = {'P', 'L', 'B', 'I', 'D', 'X', '\r', '\n'};
/// Of the layout, and of the rules for what is a secret: an index that was made by looser ones is not read, as it may
/// hold a secret. The second has one section more, `file_containers`, and is written only where that is not empty: who
/// does not know of files in containers would look for them on the node.
inline constexpr std::uint32_t version = 3;
inline constexpr std::uint32_t version_with_containers = 4;
inline constexpr std::uint32_t none = 0xFFFFFFFF;  ///< no string, no row

enum Section : std::uint32_t {
  strings,
  names,
  resources,        ///< ResourceRow
  makes,            ///< MakeRow
  make_attributes,  ///< MakeAttribute
  slots,            ///< std::uint64_t: see MakeRow and ResourceRow
  ids,              ///< std::uint32_t names
  files,            ///< FileRow
  sources,          ///< SourceRow
  skipped,          ///< SkippedRow
  address_buckets,  ///< std::uint32_t: bucket i's entries are [i], [i + 1)
  address_entries,  ///< TableEntry of resources
  id_buckets,
  id_entries,  ///< of resources
  path_buckets,
  path_entries,     ///< of files
  file_containers,  ///< ContainersRow, by file: those in containers
  section_count,
};

constexpr std::uint32_t sections_of(std::uint32_t of_version) {
  return of_version == version_with_containers ? section_count : file_containers;
}

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
  std::uint64_t seed;      ///< of the tables' hashes (XXH3), secret, so that nobody can choose colliding names
  std::uint64_t checksum;  ///< XXH3 of the whole file with this field as 0
  std::uint32_t flags;
  std::uint32_t reserved;
  std::array<Place, index::section_count> places;
};

/// Bytes of the header of a file with so many sections: the places of others are not in it.
constexpr std::uint64_t header_size(std::uint32_t count) {
  return offsetof(Header, places) + count * sizeof(Place);
}

inline constexpr std::uint32_t keeps_values = 1;  ///< texts of values, where they are short and not sensitive

struct ResourceRow {
  std::uint64_t digest;   ///< XXH3 of all that follows from the source: equal in two indexes = nothing changed
  std::uint32_t address;  ///< a name
  std::uint32_t make;
  /// Of as many bits as the make has slots, in whole slots; then come the resource's own slots, one a bit that is set.
  /// Where it is not set, the make's slot holds.
  std::uint32_t first_slot;
  std::uint32_t first_id;  ///< its ids end where those of the next row begin
};

/// What resources have in common.
struct MakeRow {
  std::uint32_t provider;
  std::uint32_t type;
  std::uint32_t region;
  std::uint32_t account;
  std::uint32_t ignored;  ///< paths, joined by '\n'
  std::uint32_t source;
  std::uint32_t first_attribute;  ///< in make_attributes
  std::uint32_t attribute_count;
  std::uint32_t first_slot;  ///< the values of its first resource
  std::uint32_t slot_count;  ///< attributes that are not absent
};

inline constexpr std::uint32_t attribute_sensitive = 1;
inline constexpr std::uint32_t attribute_absent = 2;  ///< has no slot

struct MakeAttribute {
  std::uint32_t path;
  std::uint32_t flags;
};

inline constexpr std::uint32_t bits_a_slot = 64;

/// Slots that the bits of so many slots take.
constexpr std::uint32_t slots_of_bits(std::uint32_t slot_count) {
  return (slot_count + bits_a_slot - 1) / bits_a_slot;
}

/// A slot with this bit is a string (its low half the offset): the canonical value itself. Without it, it is the
/// value's fingerprint less that bit.
inline constexpr std::uint64_t slot_is_text = std::uint64_t{1} << 63;

inline constexpr std::uint32_t file_absent = 1;
inline constexpr std::uint32_t file_sensitive = 2;
inline constexpr std::uint32_t file_awaited = 4;
inline constexpr std::uint32_t file_as_image = 8;

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

/// Which containers a file is in: strings of a ContainerSelector.
struct ContainersRow {
  std::uint32_t file;
  std::uint32_t pod_namespace;
  std::uint32_t pod;
  std::uint32_t name;
  std::uint32_t image;
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

static_assert(sizeof(Header) == 56 + 16 * section_count);
static_assert(sizeof(ResourceRow) == 24 && sizeof(MakeRow) == 40 && sizeof(FileRow) == 40 && sizeof(SourceRow) == 32 &&
              sizeof(ContainersRow) == 20);
static_assert(std::is_trivially_copyable_v<Header>);

}  // namespace plumbline::baseline::index
