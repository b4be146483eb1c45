#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "baseline/builder.hpp"

namespace plumbline::baseline {

struct IndexOptions {
  bool synced = true;  ///< without it the file may not outlive a power cut: then its checksum tells
  bool values = true;  ///< keeps short values that are not sensitive as texts, for diffs; else of all the fingerprint
  std::uint64_t seed =
      0;  ///< of the tables' hashes, a secret of whoever writes; 0: drawn. One seed, one input: one file
};

/// Compiles what readers tell into an index file. Sections grow in unnamed files beside the target, so memory stays at
/// some tens of bytes a resource however large the source is. Used by one thread.
///
/// begin_source(), then what a reader tells, for each source; then finish(), which puts the file in place whole
/// (rename; mode 0600) or leaves what was there before. What is not synced and replaces nothing is written in place.
class IndexWriter final : public Builder {
 public:
  /// `target`: the file to write. Its folder must exist and, for what is large, take unnamed files (O_TMPFILE).
  /// `key_id` tells the key of the fingerprints that resources will bring.
  static std::unique_ptr<IndexWriter> create(const std::string& target, std::uint64_t key_id,
                                             IndexOptions options = {});
  ~IndexWriter() override;

  void begin_source(const SourceSpec& spec);
  void revision(const std::string& name, const std::string& value) override;
  void resource(const Resource& resource) override;
  void file(FileExpectation file) override;
  void skip(std::string address, std::string why) override;

  /// Errors: the disk's, or an index that outgrows its 32-bit offsets (4 GiB of strings or names, 2^32 slots).
  Result<void> finish();

 private:
  struct Impl;
  explicit IndexWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plumbline::baseline
