#include "agent/source/image_layers.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>
#include <filesystem>
#include <sstream>

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
constexpr int max_links = 40;  // MAXSYMLINKS, include/linux/namei.h
constexpr const char* what = "look for what the image holds";

Error unsupported(std::string why, std::string fix = {}) {
  return {ErrorCode::unsupported, what, std::move(why), std::move(fix)};
}

/// At the signs that no backslash stands before; overlayfs writes one before a comma or colon of a name.
std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size())
      (parts.back() += '\\') += text[++i];
    else if (text[i] == by)
      parts.emplace_back();
    else
      parts.back() += text[i];
  }
  return parts;
}

std::string without_backslashes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) plain += text[i] == '\\' && i + 1 < text.size() ? text[++i] : text[i];
  return plain;
}

void push_components(std::deque<std::string>& front, const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream all(path);
  for (std::string part; std::getline(all, part, '/');)
    if (!part.empty() && part != ".") parts.push_back(part);
  front.insert(front.begin(), parts.begin(), parts.end());
}

bool has_sys_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  return ::syscall(SYS_capget, &header, sets.data()) == 0 && (sets[0].effective >> CAP_SYS_ADMIN & 1) != 0;
}

}  // namespace

std::vector<std::string> layers_of(const std::string& options, const std::string& rootfs) {
  std::vector<std::string> lower;
  std::string upper;
  for (const auto& option : split(options, ',')) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = option.substr(0, equals), value = option.substr(equals + 1);
    if (key == "upperdir") upper = without_backslashes(value);
    if (key != "lowerdir" && key != "lowerdir+") continue;
    for (const auto& folder : key == "lowerdir" ? split(value, ':') : std::vector{value})
      if (!folder.empty()) lower.push_back(without_backslashes(folder));
  }
  const fs::path base = fs::path(upper.starts_with('/') ? upper : rootfs).parent_path().parent_path();
  for (auto& folder : lower)
    if (!folder.starts_with('/')) folder = (base / folder).string();
  return lower;
}

Result<ImageLayers> ImageLayers::open(const std::string& runtime, const HostMount& root, const std::string& rootfs) {
  if (root.type != "overlay")
    return unsupported("the container's root is of type " + root.type +
                           ", which does not keep what its image holds apart; only overlayfs does",
                       "declare sha256 instead of image");
  if (root.root != "/")
    return unsupported("the container's root is the folder " + root.root + " of an overlay that is not its own",
                       "declare sha256 instead of image");
  const auto folders = layers_of(root.options, rootfs);
  if (folders.empty()) return unsupported("the overlay's options name no lower layer");
  const auto mounts = read_mounts(runtime + "/mountinfo");
  std::vector<std::string> seen;
  for (const auto& folder : folders) {
    if (!is_local(mounts, folder))
      return unsupported("the layer " + folder + " is served by somebody who may let us wait");
    seen.push_back(runtime + "/root" + folder);
  }
  const bool by_user = root.options.find("userxattr") != std::string::npos;
  return open(seen, by_user || has_sys_admin());
}

Result<ImageLayers> ImageLayers::open(const std::vector<std::string>& folders, bool knows_opaque) {
  ImageLayers layers;
  layers.knows_opaque_ = knows_opaque;
  for (const auto& folder : folders) {
    Fd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return unsupported("its layer " + folder + " cannot be opened: " + errno_text(errno));
    layers.layers_.push_back({std::move(fd), true});
  }
  return layers;
}

ImageLayers::Opaque ImageLayers::opaque(int fd) const {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::getxattr(self.c_str(), name, &value, 1) == 1) return value == 'y' ? Opaque::yes : Opaque::no;
  }
  return knows_opaque_ ? Opaque::no : Opaque::unknown;
}

/// As overlayfs merges it: a folder of all layers that have one, down to what hides the rest.
Result<ImageLayers::Entry> ImageLayers::entry(const std::vector<Folder>& merged, const std::string& name) const {
  Entry result;
  bool certain = true;
  for (const auto& folder : merged) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    Fd fd(static_cast<int>(::syscall(SYS_openat2, folder.fd.get(), name.c_str(), &how, sizeof how)));
    if (!fd && errno == ENOENT) continue;
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0) return io_error(what, errno);
    const bool is_certain = certain && folder.is_certain;
    const bool is_whiteout = S_ISCHR(status.st_mode) && status.st_rdev == 0;
    if (!S_ISDIR(status.st_mode)) {
      if (!result.folders.empty()) break;
      result.other.is_certain = is_certain;
      if (!is_whiteout) result.other.file = std::move(fd);
      break;
    }
    const Opaque hides = opaque(fd.get());
    result.folders.push_back({std::move(fd), is_certain});
    if (hides == Opaque::yes) break;
    certain = certain && hides == Opaque::no;
  }
  return result;
}

Result<ImageLayers::Found> ImageLayers::find(const std::string& path) const {
  std::deque<std::string> rest;
  push_components(rest, path);
  std::vector<std::vector<Folder>> way;  // below the image's root
  int links = 0;
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      if (!way.empty()) way.pop_back();
      continue;
    }
    auto next = entry(way.empty() ? layers_ : way.back(), name);
    if (!next) return next.error();
    if (!next->folders.empty()) {
      way.push_back(std::move(next->folders));
      continue;
    }
    Found found = std::move(next->other);
    struct stat status{};
    if (rest.empty() || !found.file || ::fstat(found.file.get(), &status) != 0) return found;
    if (!S_ISLNK(status.st_mode)) return Found{{}, found.is_certain};
    if (!found.is_certain || ++links > max_links)
      return unsupported(found.is_certain ? "more than 40 symlinks on the way (a loop)"
                                          : "a symlink on the way may be hidden by a layer above");
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(found.file.get(), "", target, sizeof target);
    if (size <= 0) return io_error(what, errno);
    push_components(rest, std::string(target, static_cast<std::size_t>(size)));
    if (target[0] == '/') way.clear();
  }
  if (way.empty()) return unsupported("that is the image's root");
  return Found{Fd(::fcntl(way.back().front().fd.get(), F_DUPFD_CLOEXEC, 0)), way.back().front().is_certain};
}

}  // namespace plumbline::agent
