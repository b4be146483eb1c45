// From sources to an index file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/index/index.hpp"
#include "baseline/index/writer.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// Reads one source, in the way that its kind allows: a state file as a stream, everything else whole. Errors name the
/// file and the JSON pointer or line:column; what `out` was given before an error is void. `stop` ends a stream early.
Result<void> read_source(const SourceSpec& spec, const Keys& keys, Builder& out, const std::stop_token& stop = {});

/// What tells the key of an index's fingerprints without telling the key.
std::uint64_t key_id_of(const Keys& keys);

/// What makes an index of one source, under one key, the same bytes each time (IndexOptions::seed).
std::uint64_t seed_of(const Keys& keys);

/// The source's kind, from what the file looks like. Errors: it cannot be read, or looks like nothing we know.
Result<std::string> kind_of_file(const std::string& path);

/// Compiles sources, all or none, into the index at `target`.
Result<void> compile(std::span<const SourceSpec> sources, const Keys& keys, const std::string& target,
                     IndexOptions options = {});

/// What a node needs of an index of one source: its files, revision and what was skipped, without resources.
Baseline baseline_of(const Index& index);

enum class Change { added, removed, changed };

/// What became of one resource between two indexes.
struct ResourceChange {
  Change change = Change::changed;
  std::string address;
  std::uint32_t before = 0;  ///< row in the first index, where it is there
  std::uint32_t after = 0;   ///< row in the second
  /// Of a change: paths of attributes that differ, came or went, and "ids", "region", "account", "type", "provider",
  /// "ignored" or "files" where these do.
  std::vector<std::string> attributes;
};

/// Compares two indexes that were made under one key, by address; in the order of the second, then what is gone. Only
/// resources whose digests differ are looked into, so equal revisions cost one look-up a resource. An error where the
/// keys differ, or only one of them holds values: everything would differ.
Result<std::vector<ResourceChange>> compare_indexes(const Index& before, const Index& after);

}  // namespace plumbline::baseline
