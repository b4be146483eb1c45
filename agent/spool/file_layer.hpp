// The operating system as the spool sees it. Tests put a layer in its place that loses what was not synced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::agent {

/// One open file; closed by its destructor. Not thread-safe but for reads, which may run beside one writer.
/// Errors are io_error()'s: a full disk is `unavailable`.
class File {
 public:
  virtual ~File() = default;
  /// Fills `out` from `offset`; fewer bytes only where the file ends.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// Writes all of `bytes`. On an error any part of them may have reached the file.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Content and size are durable on return. After an error, what was written since the last success counts as lost,
  /// even if a later sync() succeeds: Linux marks the failed pages clean.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Grows the file to `size` with real blocks behind it.
  virtual Result<void> allocate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

/// Held until destroyed, or until the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode { existing, create };  ///< create: makes the file (mode 0600) where it is missing

/// Thread-safe. Creating, renaming and removing are durable only after sync_directory().
class FileLayer {
 public:
  virtual ~FileLayer() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Makes the directory and its missing parents with mode 0700; one that exists is left as it is.
  virtual Result<void> make_directory(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  ///< names, sorted
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> sync_directory(const std::string& path) = 0;
  /// An exclusive lock on `path`, made where it is missing; `unavailable` where another process has it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

FileLayer& real_files();

}  // namespace plumbline::agent
