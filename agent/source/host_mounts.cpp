#include "agent/source/host_mounts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace plumbline::agent {
namespace {

constexpr std::array local_types{"ext2",     "ext3",  "ext4",  "xfs",      "btrfs",   "f2fs",     "bcachefs",
                                 "zfs",      "tmpfs", "ramfs", "overlay",  "aufs",    "squashfs", "erofs",
                                 "devtmpfs", "vfat",  "jfs",   "reiserfs", "iso9660", "rootfs"};

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

std::vector<HostMount> read_mounts(const std::string& mountinfo) {
  std::vector<HostMount> mounts;
  std::ifstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    // "36 35 98:0 /below /mnt rw,noatime master:1 - ext3 /dev/root rw"; optional fields end with "-"
    std::istringstream fields(line);
    std::string number, parent, device, root, path, field, type;
    fields >> number >> parent >> device >> root >> path;
    while (fields >> field && field != "-") {
    }
    const auto known = device_of(device);
    if (known && fields >> type) mounts.push_back({*known, unescaped(path), type});
  }
  return mounts;
}

bool holds_programs(const HostMount& mount) {
  return std::find(local_types.begin(), local_types.end(), mount.type) != local_types.end();
}

}  // namespace plumbline::agent
