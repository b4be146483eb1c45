#include "agent/enrich/users.hpp"
#include "include/util/file_time.hpp"

#include <sys/stat.h>

#include <charconv>
#include <fstream>

namespace plumbline::agent {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

void Users::refresh(Table& table, const std::string& path) {
  struct stat status{};
  const bool there = ::stat(path.c_str(), &status) == 0;
  const std::int64_t stamp = there ? ns_of(status.st_ctim) : 0;
  if (stamp == table.stamp) return;
  table = Table{};
  table.stamp = stamp;
  std::ifstream file(path);
  // passwd(5) and group(5): name:password:id:…
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    const auto third = second == std::string::npos ? second : line.find(':', second + 1);
    if (third == std::string::npos || line[0] == '#') continue;
    if (const auto id = number(std::string_view(line).substr(second + 1, third - second - 1))) {
      table.names.try_emplace(*id, line.substr(0, first));
      table.ids.try_emplace(line.substr(0, first), *id);
    }
  }
}

std::string Users::user(std::uint32_t uid) {
  refresh(users_, root_ + "/etc/passwd");
  const auto it = users_.names.find(uid);
  return it == users_.names.end() ? "" : it->second;
}

std::string Users::group(std::uint32_t gid) {
  refresh(groups_, root_ + "/etc/group");
  const auto it = groups_.names.find(gid);
  return it == groups_.names.end() ? "" : it->second;
}

std::optional<std::uint32_t> Users::uid_of(const std::string& name_or_number) {
  if (auto id = number(name_or_number)) return id;
  refresh(users_, root_ + "/etc/passwd");
  const auto it = users_.ids.find(name_or_number);
  return it == users_.ids.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::uint32_t> Users::gid_of(const std::string& name_or_number) {
  if (auto id = number(name_or_number)) return id;
  refresh(groups_, root_ + "/etc/group");
  const auto it = groups_.ids.find(name_or_number);
  return it == groups_.ids.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace plumbline::agent
