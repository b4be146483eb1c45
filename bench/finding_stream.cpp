#include "bench/finding_stream.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace plumbline::bench {

void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

FindingStream::FindingStream(const char* socket_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
  const timeval patience{10, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string request = "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
  if (::write(fd_.get(), request.data(), request.size()) < 0) die("ask for the stream");
  await("\r\n\r\n");
}

void FindingStream::await(const std::string& mark) {
  for (;;) {
    if (const auto at = buffer_.find(mark); at != std::string::npos) {
      buffer_.erase(0, at + mark.size());
      return;
    }
    char chunk[65536];
    const ssize_t size = ::read(fd_.get(), chunk, sizeof chunk);
    if (size <= 0) die("read the stream");
    buffer_.append(chunk, static_cast<std::size_t>(size));
  }
}

}  // namespace plumbline::bench
