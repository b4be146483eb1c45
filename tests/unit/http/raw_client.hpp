// A client that sends exactly the bytes it is told to: what a well-behaved one cannot test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <string_view>

#include "include/util/fd.hpp"

namespace plumbline::http::test {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// Reads until what came (since the last take) holds `text`; false at the end of the connection or after 20 s.
  bool read_until(std::string_view text) {
    while (received_.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }

  /// Everything up to the end of the connection.
  std::string read_all() {
    while (read_some()) {
    }
    return take();
  }

  /// One whole response with Content-Length, taken out of what was received; "" where none came.
  std::string response(bool head_only = false) {
    if (!read_until("\r\n\r\n")) return "";
    const std::size_t head = received_.find("\r\n\r\n") + 4;
    std::size_t length = 0;
    if (const auto at = received_.find("Content-Length: "); at < head && !head_only)
      length = std::stoul(received_.substr(at + 16));
    while (received_.size() < head + length)
      if (!read_some()) return "";
    std::string whole = received_.substr(0, head + length);
    received_.erase(0, head + length);
    return whole;
  }

  std::string take() { return std::move(received_); }
  bool at_end() { return received_.empty() && !read_some(); }

 private:
  bool read_some() {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 20'000) <= 0) return false;
    char bytes[16384];
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  Fd fd_;
  bool connected_ = false;
  std::string received_;
};

}  // namespace plumbline::http::test
