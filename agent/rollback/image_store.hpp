// Images of files on this node's disk, encrypted: the last that matched, for rollback, and what a rollback overwrote.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/rollback/file_image.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// Not thread-safe. One file an image, named by a digest of its id, so that no path shows; AES-256-GCM under a key of
/// its own, which HKDF-SHA-256 (RFC 5869) makes of the install's. Where the store is full, the image that was put
/// longest ago goes.
class ImageStore {
 public:
  struct Limits {
    std::uint64_t bytes = 64ull << 20;  ///< on disk, of all images together
  };

  /// Makes `folder` (0700) where it is missing. `install_key`: 32 secret bytes; the caller clears them.
  static Result<ImageStore> open(const std::string& folder, const std::array<std::byte, 32>& install_key,
                                 Limits limits);
  ImageStore(ImageStore&&) noexcept;
  ImageStore& operator=(ImageStore&&) = delete;
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;
  ~ImageStore();  // clears the key

  /// Keeps `image` under `id`, in place of an earlier one; durable when it returns. `unavailable`: it alone is larger
  /// than the store, or the disk is full.
  Result<void> put(const std::string& id, const FileImage& image);
  /// `not_found`: it was never kept, or made room for others. `corrupt`: it is damaged, or another install key made it.
  Result<FileImage> get(const std::string& id) const;
  void remove(const std::string& id);
  /// Removes all that were put before `before`; how many.
  std::size_t remove_older(WallNs before);

  bool has(const std::string& id) const { return sizes_.contains(name_of(id)); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Entry {
    std::uint64_t size = 0;
    WallNs put_at = 0;
  };
  ImageStore(std::string folder, Limits limits) : folder_(std::move(folder)), limits_(limits) {}
  static std::string name_of(const std::string& id);
  void note(const std::string& name, Entry entry);
  void drop(const std::string& name);

  std::string folder_;
  Limits limits_;
  std::array<unsigned char, 32> key_{};
  std::map<std::string, Entry> sizes_;               // by name
  std::set<std::pair<WallNs, std::string>> by_age_;  // of the same
  std::uint64_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace plumbline::agent
