#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace plumbline {

/// Tells whoever started this process how it fares, as sd_notify(3) says: one datagram of NAME=VALUE lines ("READY=1",
/// "WATCHDOG=1", "STOPPING=1") to the socket that NOTIFY_SOCKET names, '@' for an abstract one. Returns whether it was
/// sent; false too where nobody wants to know. Any thread; never blocks for long: a full socket loses the line.
inline bool tell_service_manager(std::string_view lines) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return false;
  sockaddr_un to{};
  const std::size_t size = std::strlen(path);
  if (size < 2 || size >= sizeof to.sun_path) return false;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path, size);
  if (path[0] == '@') to.sun_path[0] = '\0';
  const int out = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (out < 0) return false;
  const auto sent = ::sendto(out, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
                             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  ::close(out);
  return sent == static_cast<ssize_t>(lines.size());
}

}  // namespace plumbline
