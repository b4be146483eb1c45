#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baseline/baseline.hpp"
#include "baseline/index/format.hpp"
#include "baseline/index/held_bytes.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

/// One attribute as an index holds it.
struct IndexedAttribute {
  std::string_view path;
  std::string_view value;  ///< canonical text; "" where only the fingerprint is kept, or it is absent
  Fingerprint hash = 0;    ///< 0 where `value` is kept, or it is absent; else without its highest bit
  bool sensitive = false;
  bool absent = false;
};

/// One of the resources that a path or cloud id belongs to. Rank 0 comes first: the thing itself; higher ones are its
/// parts and whoever else describes it.
struct Owner {
  std::uint32_t resource = 0;
  std::uint32_t rank = 0;
  std::string reason;
};

/// An index file, held in one piece. Everything that is returned as a view lives as long as the Index. Immutable and
/// thread-safe. Look-ups read a few cache lines and allocate only what they return.
class Index {
 public:
  /// Checks magic, version, size and checksum (of the whole file: about 0.1 s a GB). An index that was damaged or made
  /// by another version is an error that says to compile it again.
  static Result<Index> open(const std::string& path, Hold hold = Hold::mapped);

  std::uint32_t resource_count() const;
  std::uint32_t file_count() const;
  std::uint32_t source_count() const;
  std::uint32_t skipped_count() const;
  std::uint64_t bytes() const;
  std::string_view image() const;  ///< the file, whole
  std::uint64_t key_id() const;    ///< two indexes with one key id have comparable fingerprints
  bool has_values() const;         ///< whether short values are kept as texts; else of all only the fingerprint

  /// Row numbers beyond the counts give empty things, as offsets of a forged index do: never a crash.
  std::string address(std::uint32_t resource) const;
  std::string_view type(std::uint32_t resource) const;
  /// Resource::region and ::account.
  std::string_view region(std::uint32_t resource) const;
  std::string_view account(std::uint32_t resource) const;
  std::uint64_t digest(std::uint32_t resource) const;
  std::uint32_t source_of(std::uint32_t resource) const;
  std::vector<std::string> ids(std::uint32_t resource) const;
  std::vector<IndexedAttribute> attributes(std::uint32_t resource) const;
  /// The whole of it. Attributes carry what the index kept (IndexedAttribute).
  Resource resource(std::uint32_t resource) const;

  FileExpectation file(std::uint32_t file) const;
  std::uint32_t owner_of_file(std::uint32_t file) const;  ///< index::none where its address is not in the index
  Skipped skipped(std::uint32_t row) const;
  struct Source {
    SourceSpec spec;
    std::map<std::string, std::string> revision;
    std::uint32_t resources = 0, files = 0, skipped = 0;
  };
  Source source(std::uint32_t row) const;
  std::uint32_t source_of_skipped(std::uint32_t row) const;

  /// Resources of exactly this address (several where two sources name one alike).
  std::vector<std::uint32_t> find_address(std::string_view address) const;
  /// Resources that carry this id in any of its forms. `found` is cleared first; reused, it makes a look-up free of
  /// allocations.
  void find_id(std::string_view id, std::vector<std::uint32_t>& found) const;
  /// Files of exactly this path.
  void find_path(std::string_view path, std::vector<std::uint32_t>& found) const;

  /// Who owns a path (absolute) or cloud id, best first.
  std::vector<Owner> owners_of_path(std::string_view path) const;
  std::vector<Owner> owners_of_id(std::string_view id) const;

 private:
  Index() = default;
  template <class Row>
  std::span<const Row> rows(index::Section section) const;
  std::string_view text(std::uint32_t offset) const;
  /// A name's two parts.
  std::pair<std::string_view, std::string_view> name(std::uint32_t offset) const;
  std::string whole_name(std::uint32_t offset) const;
  bool is_name(std::uint32_t offset, std::string_view wanted) const;
  index::MakeRow make_of(std::uint32_t resource) const;
  std::span<const std::uint32_t> id_names(std::uint32_t resource) const;
  template <class Matches>
  void look_up(index::Section buckets, index::Section entries, std::string_view key, const Matches& matches) const;

  index::HeldBytes held_;
};

}  // namespace plumbline::baseline
