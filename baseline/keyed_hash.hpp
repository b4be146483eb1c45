#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "include/util/hex.hpp"
#include "include/util/result.hpp"

namespace plumbline::baseline {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(std::string_view bytes);
using plumbline::to_hex;

/// Reads the 32 secret bytes at `path`; `not_found` where there is no file. The caller clears what it gets. Refuses a
/// file that others may read.
Result<std::array<std::byte, 32>> load_key(const std::string& path);

/// The same, but makes them (random, 0600, fsync, atomically) where there is no file.
Result<std::array<std::byte, 32>> load_or_create_key(const std::string& path);

/// HMAC-SHA-256 under the key of this install, so that a fingerprint of a secret cannot be guessed elsewhere.
/// Immutable after construction, thread-safe.
class KeyedHash {
 public:
  explicit KeyedHash(const std::array<std::byte, 32>& key);
  ~KeyedHash();  // clears the key
  KeyedHash(const KeyedHash&) = delete;
  KeyedHash& operator=(const KeyedHash&) = delete;
  KeyedHash(KeyedHash&&) noexcept;

  /// Of load_key().
  static Result<KeyedHash> load(const std::string& path);
  /// Of load_or_create_key().
  static Result<KeyedHash> load_or_create(const std::string& path);

  /// "hmac-sha256:<64 hex>" over the 32 bytes of a SHA-256 digest.
  std::string of_digest(const Sha256& digest) const;

 private:
  std::array<std::byte, 32> key_;
};

}  // namespace plumbline::baseline
