// The two secret keys of what is handed out.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "fetch/handout.hpp"
#include "include/util/result.hpp"

namespace plumbline::collector {

/// Cleared when it goes.
struct ShelfKeys {
  std::array<std::byte, 32> hash{};  ///< of the fingerprints (baseline::KeyedHash)
  fetch::Ed25519Key signing{};       ///< the private one
  ShelfKeys() = default;
  ShelfKeys(const ShelfKeys&) = default;
  ShelfKeys& operator=(const ShelfKeys&) = default;
  ~ShelfKeys();

  /// What nodes need of them.
  fetch::NodeKey for_nodes() const;
};

/// hash.key and signing.key of the folder; made (0600) where they are missing, and the folder (0700) too.
Result<ShelfKeys> make_shelf_keys(const std::string& folder);

/// The same files as somebody gave them to us. `not_found`, `permission` (anybody may read them), `corrupt`.
Result<ShelfKeys> read_shelf_keys(const std::string& folder);

/// `permission`: everybody on this machine may read the file. Group's is let be: kubelet gives Secrets to one.
Result<void> check_given_key(const std::string& path);

}  // namespace plumbline::collector
