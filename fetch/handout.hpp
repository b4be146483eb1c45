// What a collector hands a node: which baselines are the node's, as signed list and as compiled indexes.
//
//   GET /v1/baselines/for/NODE      the list, an envelope of signed_text.hpp around handout_json()
//   GET /v1/baselines/index/SHA256  the bytes of one index, by ranges (RFC 9110, section 14)
//
// The list names each index by its digest, so what is fetched and what is kept on disk are as good as the signature.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/baseline.hpp"
#include "baseline/keyed_hash.hpp"
#include "fetch/signed_text.hpp"

namespace plumbline::fetch {

inline constexpr std::string_view handout_type = "application/vnd.plumbline.handout+json";
inline constexpr std::size_t max_handout_bytes = std::size_t{32} << 20;  ///< a list, in its envelope
inline constexpr std::chrono::minutes issue_period{10};
inline constexpr std::size_t max_handed = 20'000;                         ///< baselines of one node
inline constexpr std::uint64_t max_index_bytes = std::uint64_t{4} << 30;  ///< of one of them
inline constexpr std::size_t index_piece = std::size_t{4} << 20;          ///< bytes of one answer at most

struct HandedEntry {
  baseline::SourceSpec spec;  ///< `path` is where the collector read it
  std::string sha256;         ///< of the index, 64 lower-case hex digits
  std::uint64_t size = 0;     ///< of the index in bytes
  std::string error;          ///< why the collector has no newer one; "" = it is up to date
  /// Of one that is kept elsewhere (`path` is a location), so that a node knows its tool by who has that very version:
  std::string endpoint{};  ///< SourceConfig::endpoint
  std::string region{};    ///< SourceConfig::region
  std::string etag{};      ///< of what the index was made of; "" = the store gave none
  bool operator==(const HandedEntry&) const = default;
};

struct Handout {
  std::string node;            ///< whose it is: one node's list is none of another
  std::uint64_t sequence = 0;  ///< grows with every change, so that an older list is seen to be one
  std::int64_t issued_at = 0;  ///< wall time in s: a list is signed anew every issue_period, so one that is held back
                               ///< is seen to be old
  std::vector<HandedEntry> baselines;
  std::vector<std::string> missing;  ///< what the collector should have and has not read yet: names of baselines, or
                                     ///< of patterns, whose matches "<name>.…" may be missing
  std::vector<std::string> unknown;  ///< names of a kind that this version does not know; only read
};

/// Whether Handout::missing tells of this name.
bool is_missing(const std::vector<std::string>& missing, std::string_view name);

std::string handout_json(const Handout& handout);

/// Foreign bytes, although signed. `corrupt` with a JSON pointer where they are no handout.
Result<Handout> parse_handout(std::string_view json);

/// What a node needs to use a collector's baselines: the key that tells the collector's signature, and the key of the
/// fingerprints (baseline::KeyedHash), which is one for all nodes of a collector. Cleared when it goes.
struct NodeKey {
  Ed25519Key verify{};
  std::array<std::byte, 32> hash{};
  NodeKey() = default;
  NodeKey(const NodeKey&) = default;
  NodeKey& operator=(const NodeKey&) = default;
  ~NodeKey();
};

/// A file of three lines: "plumbline node key 1", "verify BASE64", "hash BASE64". Refuses one that others may read.
Result<NodeKey> read_node_key(const std::string& path);

/// Writes it whole (rename, 0600), unless the file holds it already.
Result<void> write_node_key(const std::string& path, const NodeKey& key);

}  // namespace plumbline::fetch
