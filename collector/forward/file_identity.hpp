// Whether a file that a connection was made with is still the same one.
#pragma once

#include <sys/stat.h>

#include <string>

namespace plumbline::collector {

/// Which file this is, and of when: another one under its name, or other content, is another text. "" = it is not
/// there.
inline std::string identity_of(const std::string& path) {
  struct stat status{};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_ino) + "." + std::to_string(status.st_size) + "." +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
}

}  // namespace plumbline::collector
