#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace plumbline {

/// A directory (0700) that nobody else uses, removed with all that is in it. Where it could not be made, path() is ""
/// and errno says why.
class ScratchDir {
 public:
  /// `pattern` ends in "XXXXXX": "/run/canary.XXXXXX".
  explicit ScratchDir(std::string pattern) : path_(std::move(pattern)) {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchDir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace plumbline
