#include "baseline/path_glob.hpp"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace plumbline::baseline {
namespace {

constexpr std::string_view wildcards = "*?[";

std::string unescaped(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '\\' && i + 1 < part.size()) ++i;
    out += part[i];
  }
  return out;
}

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

/// Looks at files and folders, and keeps the first that could not be looked at.
class Looker {
 public:
  std::vector<std::string> entries_of(const std::string& folder) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
    if (open == nullptr) {
      note("read " + folder, errno);
      return names;
    }
    for (;;) {
      errno = 0;
      const auto* entry = ::readdir(open.get());
      if (entry == nullptr) break;
      names.emplace_back(entry->d_name);
    }
    if (errno != 0) note("read " + folder, errno);
    return names;
  }
  /// S_IFDIR, S_IFREG, …; 0 where nothing is there.
  mode_t type_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) return status.st_mode & S_IFMT;
    note("look at " + path, errno);
    return 0;
  }
  /// "cannot read /srv/x: Permission denied"; "" where all was seen.
  const std::string& unseen() const { return unseen_; }

 private:
  void note(const std::string& what, int error) {
    // A name too long for the file system, and links that lead nowhere, are not there either.
    const bool is_nothing = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
    if (is_nothing || !unseen_.empty()) return;
    unseen_ = "cannot " + what + ": " + std::generic_category().message(error);
  }

  std::string unseen_;
};

std::string join(const std::string& folder, const std::string& name) {
  return folder == "/" ? folder + name : folder + "/" + name;
}

}  // namespace

bool is_pattern(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\') {
      ++i;
      continue;
    }
    if (wildcards.find(path[i]) != std::string_view::npos) return true;
  }
  return false;
}

Result<Matches> match_pattern(const std::string& pattern) {
  std::string unseen;
  auto found = match_pattern(pattern, unseen);
  if (found && !unseen.empty())
    return Error{ErrorCode::unavailable, "find the sources " + pattern, unseen,
                 "let it be read, or write a narrower pattern"};
  return found;
}

Result<Matches> match_pattern(const std::string& pattern, std::string& unseen) {
  Matches found;
  Looker looker;
  std::vector<std::string> at{"/"};
  bool wild = false;
  const auto parts = components(pattern);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const bool pattern_here = is_pattern(parts[i]);
    wild = wild || pattern_here;
    std::vector<std::string> next;
    for (const auto& folder : at) {
      if (wild) found.folders.push_back(folder);
      std::vector<std::string> names{unescaped(parts[i])};
      if (pattern_here) names = looker.entries_of(folder);
      for (const auto& name : names) {
        if (pattern_here && ::fnmatch(std::string(parts[i]).c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
        std::string path = join(folder, name);
        const mode_t type = wild ? looker.type_of(path) : S_IFDIR;
        if (wild && last ? type != 0 && type != S_IFDIR : type == S_IFDIR) next.push_back(std::move(path));
      }
      if (next.size() + found.folders.size() > max_matches)
        return invalid("find the sources " + pattern, "more than " + std::to_string(max_matches) + " match it",
                       "write a narrower pattern");
    }
    at = std::move(next);
  }
  unseen = looker.unseen();
  std::sort(at.begin(), at.end());
  found.files = std::move(at);
  return found;
}

bool matches_pattern(const std::string& pattern, const std::string& path) {
  return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

std::string name_of_match(std::string_view pattern, std::string_view path) {
  const auto of_pattern = components(pattern);
  auto of_path = components(path);
  std::string name;
  bool wild = false;
  for (std::size_t i = 0; i < of_path.size(); ++i) {
    wild = wild || (i < of_pattern.size() && is_pattern(of_pattern[i]));
    if (!wild) continue;
    if (!name.empty()) name += '.';
    for (const char c : of_path[i]) {
      const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      name += fine ? c : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : '-';
    }
  }
  return name;
}

SourceSpec match_of(SourceSpec pattern, const std::string& path) {
  pattern.name += "." + name_of_match(pattern.path, path);
  pattern.path = path;
  return pattern;
}

}  // namespace plumbline::baseline
