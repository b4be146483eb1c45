// The marks of one path, for as long as this object lives.
#pragma once

#include <fcntl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/kernel.hpp"

namespace plumbline::hook_matrix {

using agent::Kernel;

class Watched {
 public:
  Watched(Kernel& kernel, const std::string& path) : kernel_(kernel) {
    const auto registered = kernel.stat(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!registered) {
      trouble_ = registered.error().message();
      return;
    }
    if (registered->composed) trouble_ = "stat() did not reach the registering hook";
    for (const auto& inode : registered->inodes) {
      if (const auto slot = kernel.mark(inode, 0))
        marks_.push_back({inode.key, *slot});
      else
        trouble_ = slot.error().message();
    }
  }
  ~Watched() {
    for (const auto& [key, slot] : marks_) kernel_.unmark(key);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  const std::string& trouble() const { return trouble_; }

  /// The actor of the last change; nullopt where nothing changed.
  std::optional<mark_actor> actor() const {
    for (const auto& [key, slot] : marks_) {
      if (kernel_.pending(slot) == kernel_.handled(slot)) continue;
      if (const auto mark = kernel_.read_mark(key)) return mark->last;
    }
    return std::nullopt;
  }

 private:
  Kernel& kernel_;
  std::vector<std::pair<mark_key, std::uint32_t>> marks_;
  std::string trouble_;
};

}  // namespace plumbline::hook_matrix
