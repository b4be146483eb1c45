#include "http/listen.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

namespace plumbline::http::detail {
namespace {

std::string loopback_name(const addrinfo& info) {
  char text[INET6_ADDRSTRLEN] = "";
  if (info.ai_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(info.ai_addr)->sin_addr;
    if ((ntohl(address.s_addr) >> 24) != 127) return "";
    ::inet_ntop(AF_INET, &address, text, sizeof text);
    return text;
  }
  const auto& address = reinterpret_cast<const sockaddr_in6*>(info.ai_addr)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&address) ? "[::1]" : "";
}

}  // namespace

Result<BoundTcp> bind_tcp(const std::string& host, std::uint16_t port) {
  const std::string what = "listen on " + host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  std::string bare = host;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  if (const int rc = ::getaddrinfo(bare.c_str(), std::to_string(port).c_str(), &hints, &found); rc != 0)
    return invalid(what, ::gai_strerror(rc), "give a numeric address of this machine, for example 127.0.0.1");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);

  BoundTcp bound;
  bound.family = found->ai_family;
  bound.loopback_host = loopback_name(*found);
  bound.fd = Fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound.fd) return io_error(what, errno);
  const int on = 1;
  ::setsockopt(bound.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (found->ai_family == AF_INET6) ::setsockopt(bound.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(bound.fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(bound.fd.get(), SOMAXCONN) != 0) {
    const int error = errno;
    return io_error(what, error,
                    error == EADDRINUSE ? "another process has this port: stop it, or choose another port" : "");
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(bound.fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  bound.port = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                                   : reinterpret_cast<sockaddr_in&>(address).sin_port);
  return bound;
}

Result<BoundUnix> bind_unix(const std::string& path, unsigned mode) {
  const std::string what = "listen on the socket " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return invalid(what, "its path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes",
                   "choose a shorter path");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  struct stat before{};
  if (::lstat(path.c_str(), &before) == 0) {
    if (!S_ISSOCK(before.st_mode))
      return invalid(what, "something that is not a socket is there", "remove it, or choose another path");
    const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool refused = probe && ::connect(probe.get(), generic, sizeof address) != 0 && errno == ECONNREFUSED;
    if (!refused)
      return Error{ErrorCode::unavailable, what, "another process answers on it",
                   "stop that process, or choose another path"};
    if (::unlink(path.c_str()) != 0) return io_error("remove the stale socket " + path, errno);
  }

  BoundUnix bound;
  bound.fd = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound.fd) return io_error(what, errno);
  // The file is made with the mode of the socket's own inode (less the umask): narrow from its first moment.
  ::fchmod(bound.fd.get(), mode);
  if (::bind(bound.fd.get(), generic, sizeof address) != 0) {
    const int error = errno;
    return io_error(what, error, error == ENOENT ? "make its directory first" : "");
  }
  struct stat made{};
  if (::chmod(path.c_str(), mode) != 0 || ::listen(bound.fd.get(), SOMAXCONN) != 0 ||
      ::lstat(path.c_str(), &made) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return io_error(what, error);
  }
  bound.device = made.st_dev;
  bound.inode = made.st_ino;
  return bound;
}

}  // namespace plumbline::http::detail
