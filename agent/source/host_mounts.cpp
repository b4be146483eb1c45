#include "agent/source/host_mounts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

namespace plumbline::agent {
namespace {

constexpr std::array local_types{"ext2",     "ext3",  "ext4",  "xfs",      "btrfs",   "f2fs",     "bcachefs",
                                 "zfs",      "tmpfs", "ramfs", "overlay",  "aufs",    "squashfs", "erofs",
                                 "devtmpfs", "vfat",  "jfs",   "reiserfs", "iso9660", "rootfs"};

/// The kernel's own, which hold no programs: what is mounted below them is reached all the same.
constexpr std::array kernel_types{"proc",    "sysfs",   "cgroup", "cgroup2",  "devpts",    "securityfs",
                                  "debugfs", "tracefs", "bpf",    "mqueue",   "hugetlbfs", "configfs",
                                  "pstore",  "fusectl", "nsfs",   "efivarfs", "selinuxfs"};

template <std::size_t N>
bool is_one_of(const std::array<const char*, N>& types, const std::string& type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

/// The last one mounted at each path, which hides the others.
std::map<std::string, std::size_t> topmost(const std::vector<HostMount>& mounts) {
  std::map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < mounts.size(); ++i) last[mounts[i].path] = i;
  return last;
}

/// Where something is mounted that somebody serves.
std::vector<std::string> served_paths(const std::vector<HostMount>& mounts) {
  std::vector<std::string> paths;
  for (const auto& [path, i] : topmost(mounts))
    if (!is_one_of(local_types, mounts[i].type) && !is_one_of(kernel_types, mounts[i].type)) paths.push_back(path);
  return paths;
}

bool is_below(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return path.starts_with(folder) &&
           (folder.ends_with('/') || path.size() == folder.size() || path[folder.size()] == '/');
  });
}

/// The kernel writes blanks, line ends and backslashes as \ and three octal digits (fs/proc_namespace.c, mangle()).
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && is_octal(i + 1) && is_octal(i + 2) && is_octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> device_of(const std::string& text) {
  std::uint32_t major = 0, minor = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return std::pair{major, minor};
}

}  // namespace

std::string host_process(const std::string& proc_root) {
  std::error_code none;
  return proc_root + (std::filesystem::is_directory(proc_root + "/1/root", none) ? "/1" : "/self");
}

std::string host_root(const std::string& proc_root) {
  std::error_code none;
  const std::string root = host_process(proc_root) + "/root";
  return !std::filesystem::is_directory(root, none) || std::filesystem::equivalent(root, "/", none) ? "" : root;
}

std::vector<HostMount> read_mounts(const std::string& mountinfo) {
  std::vector<HostMount> mounts;
  std::ifstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // "36 35 98:0 /below /mnt rw,noatime master:1 - ext3 /dev/root rw"; optional fields end with "-"
    std::istringstream fields(line);
    std::uint64_t id = 0;
    std::string parent, device, root, path, field, type, source, options;
    fields >> id >> parent >> device >> root >> path;
    while (fields >> field && field != "-") {
    }
    const auto known = device_of(device);
    if (!known || !(fields >> type)) continue;
    fields >> source >> options;
    mounts.push_back({*known, unescaped(path), type, id, unescaped(root), unescaped(options)});
  }
  return mounts;
}

std::vector<HostMount> local_mounts(const std::vector<HostMount>& mounts) {
  const auto served = served_paths(mounts);
  const auto top = topmost(mounts);
  std::vector<HostMount> local;
  for (std::size_t i = 0; i < mounts.size(); ++i)
    if (is_one_of(local_types, mounts[i].type) && top.at(mounts[i].path) == i && !is_below(mounts[i].path, served))
      local.push_back(mounts[i]);
  return local;
}

bool is_local(const HostMount& mount) {
  return is_one_of(local_types, mount.type);
}

bool may_hold_programs(const HostMount& mount) {
  return !is_one_of(kernel_types, mount.type);
}

bool is_local(const std::vector<HostMount>& mounts, const std::string& path) {
  return !is_below(path, served_paths(mounts));
}

}  // namespace plumbline::agent
