#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace plumbline::agent {

/// uid ↔ name from the host's own /etc/passwd and /etc/group, read again when they change. Not NSS: its plug-ins load
/// code and ask networks, which a privileged agent on the hot path must not. Not thread-safe.
class Users {
 public:
  explicit Users(std::string root = "") : root_(std::move(root)) {}

  std::string user(std::uint32_t uid);
  std::string group(std::uint32_t gid);
  std::optional<std::uint32_t> uid_of(const std::string& name_or_number);
  std::optional<std::uint32_t> gid_of(const std::string& name_or_number);

 private:
  struct Table {
    std::map<std::uint32_t, std::string> names;
    std::map<std::string, std::uint32_t> ids;
    std::int64_t stamp = -1;  ///< ctime of the file that was read
  };
  static void refresh(Table& table, const std::string& path);

  std::string root_;
  Table users_;
  Table groups_;
};

}  // namespace plumbline::agent
