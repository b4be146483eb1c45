// Folders whose content is believed.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "include/util/result.hpp"

namespace plumbline {

/// Makes the folder (0700) where it is missing. Refuses one of which others than its owner, this user or root could
/// change what is found there. `called` and `setting` are for people: "state directory", "state_dir".
inline Result<void> make_own_folder(const std::string& path, const std::string& called, const std::string& setting) {
  std::error_code ignored;  // what is still missing, mkdir() says
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return io_error("make the " + called + " " + path, errno, "run as root, or set " + setting);
  const std::string what = "use the " + called + " " + path, other = "set " + setting + " to another";
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return io_error(what, errno, other);
  if (!S_ISDIR(status.st_mode)) return invalid(what, "it is not a directory", "set " + setting + " to one");
  // Not tightened in silence: what others may have put there (a key, drift that never was) would be believed.
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return invalid(what,
                   "it belongs to uid " + std::to_string(status.st_uid) + ", who could change what is found there",
                   "look what is in it, then chown -R " + std::to_string(::geteuid()) + " " + path + "; or " + other);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return invalid(what, "users other than its owner may write to it, and so change what is found there",
                   "look what is in it, then chmod go-w " + path + "; or " + other);
  return {};
}

/// Whether a file of this owner may hold a secret that we believe: ours, or root's.
inline bool is_own(const struct stat& status) {
  return status.st_uid == ::geteuid() || status.st_uid == 0;
}

}  // namespace plumbline
