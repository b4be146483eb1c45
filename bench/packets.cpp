// Small packets over loopback, as fast as one thread can: what a hook on each packet costs shows in them.
//
//   bench_packets udp|tcp COUNT     each packet is sent and read before the next one; prints one JSON line
//
// On loopback a packet passes both hooks: it goes out, and it comes in. Of TCP its acknowledgements do, too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Ends {
  int from = -1, to = -1;
};

Ends connected(int kind) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  Ends ends;
  const int bound = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  if (bound < 0 || ::bind(bound, any, length) != 0 || ::getsockname(bound, any, &length) != 0) die("bind");
  if (kind == SOCK_STREAM && ::listen(bound, 1) != 0) die("listen");
  ends.from = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  if (::connect(ends.from, any, length) != 0) die("connect");
  ends.to = kind == SOCK_STREAM ? ::accept(bound, nullptr, nullptr) : bound;
  const int on = 1;
  if (kind == SOCK_STREAM) ::setsockopt(ends.from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return ends;
}

double cpu_ns() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_packets udp|tcp COUNT\n");
    return 64;
  }
  const Ends ends = connected(std::strcmp(argv[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM);
  const long count = std::atol(argv[2]);
  char text[64] = {};
  double before = 0;
  auto began = std::chrono::steady_clock::now();
  for (long i = -count / 10; i < count; ++i) {
    if (i == 0) {  // warm by now
      before = cpu_ns();
      began = std::chrono::steady_clock::now();
    }
    if (::send(ends.from, text, sizeof text, 0) != sizeof text) die("send");
    if (::recv(ends.to, text, sizeof text, MSG_WAITALL) != sizeof text) die("receive");
  }
  const double wall = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count();
  std::printf("{\"wall_ns\": %.1f, \"cpu_ns\": %.1f}\n", wall / static_cast<double>(count),
              (cpu_ns() - before) / static_cast<double>(count));
  return 0;
}
