// Listening sockets by hand, because Asio can neither give a Unix socket its mode before it is reachable nor tell a
// stale one from a live one. Private to http/.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "include/util/fd.hpp"
#include "include/util/result.hpp"

namespace plumbline::http::detail {

struct BoundTcp {
  Fd fd;
  int family = 0;
  std::uint16_t port = 0;
  std::string loopback_host;  ///< "127.0.0.1", "[::1]", …; "" where it is not a loopback address
};
Result<BoundTcp> bind_tcp(const std::string& host, std::uint16_t port);

struct BoundUnix {
  Fd fd;
  ::dev_t device = 0;  ///< of the file, to know later whether it is still ours
  ::ino_t inode = 0;
};
Result<BoundUnix> bind_unix(const std::string& path, unsigned mode);

}  // namespace plumbline::http::detail
