// From the start of a write(2) to a managed file to its finding on the agent's stream (GET /v1/stream), N times, one at
// a time. Prints one JSON line: {"p50_us": …, "p99_us": …, "max_us": …, "changes": N}.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "include/util/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;

class Stream {
 public:
  explicit Stream(const char* socket_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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

  /// Reads until `mark` has come by; what came before it is forgotten.
  void await(const std::string& mark) {
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

  [[noreturn]] static void die(const char* what) {
    std::perror(what);
    std::exit(1);
  }

 private:
  plumbline::Fd fd_;
  std::string buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_change_latency AGENT_SOCKET MANAGED_FILE CHANGES\n");
    return 64;
  }
  const int changes = std::atoi(argv[3]);
  Stream stream(argv[1]);
  const plumbline::Fd file(::open(argv[2], O_WRONLY | O_CLOEXEC));
  if (!file) Stream::die(argv[2]);
  std::vector<double> micros;
  for (int i = 0; i < changes; ++i) {
    // Every content is new, and so is its digest: what is awaited can be of this write only.
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%019d\n", i);
    const auto start = Clock::now();
    if (::pwrite(file.get(), text, static_cast<std::size_t>(size), 0) != size) Stream::die("write");
    stream.await("event: finding");
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    stream.await("\n\n");
  }
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double part) {
    return micros[static_cast<std::size_t>(part * static_cast<double>(micros.size() - 1))];
  };
  std::printf("{\"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f, \"changes\": %d}\n", at(0.5), at(0.99),
              micros.back(), changes);
}
