// What the hooks of DNS cost whoever sends and receives by UDP. Needs a kernel that takes fentry programs, and port 53.
//
//   bench_dns_cost COUNT ROUNDS     datagrams of each kind a round; prints one JSON line
//
// In turn without the hooks and with them: datagrams of others, to and from sockets that have a peer and that have
// none, and answers of DNS, each of which is copied.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/source/dns_answers.hpp"

namespace {

using plumbline::agent::DnsAnswers;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Both ends of one kind, with what is sent from one to the other.
struct Kind {
  const char* name;
  std::uint16_t port;  ///< of the sender; 0 = any
  bool is_connected;   ///< the receiver
  int from = -1, to = -1;
  sockaddr_in receiver{};
  std::vector<double> without{}, with{};  // ns a datagram

  void open() {
    auto sender = loopback(port);
    socklen_t length = sizeof sender;
    from = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    receiver = loopback(0);
    if (::bind(from, reinterpret_cast<sockaddr*>(&sender), length) != 0 ||
        ::getsockname(from, reinterpret_cast<sockaddr*>(&sender), &length) != 0 ||
        ::bind(to, reinterpret_cast<sockaddr*>(&receiver), length) != 0 ||
        ::getsockname(to, reinterpret_cast<sockaddr*>(&receiver), &length) != 0)
      die("bind");
    if (is_connected && ::connect(to, reinterpret_cast<sockaddr*>(&sender), length) != 0) die("connect");
  }

  /// `hooks`: nullptr = there are none. What they copied is taken from them outside the time that is measured.
  double measure(long count, DnsAnswers* hooks) const {
    // An answer to a question for "a.": its header, the question, one address (RFC 1035, section 4).
    static const std::string answer("\0\1\x81\x80\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1",
                                    35);
    constexpr long most = 128;  // before the ring is half full
    std::chrono::nanoseconds spent{};
    std::array<char, 512> got{};
    sockaddr_in who{};
    for (long done = 0; done < count; done += most) {
      const auto began = std::chrono::steady_clock::now();
      for (long i = 0; i < most; ++i) {
        socklen_t length = sizeof who;
        if (::sendto(from, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&receiver),
                     sizeof receiver) != static_cast<ssize_t>(answer.size()))
          die("send");
        if (::recvfrom(to, got.data(), got.size(), 0, reinterpret_cast<sockaddr*>(&who), &length) !=
            static_cast<ssize_t>(answer.size()))
          die("receive");
      }
      spent += std::chrono::steady_clock::now() - began;
      if (hooks != nullptr) hooks->consume([](const dns_record&) {});
    }
    return static_cast<double>(spent.count()) / static_cast<double>(count);
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One member of the JSON object: the least of all rounds, and the ratio of the two of each round.
void print(const Kind& kind) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < kind.with.size(); ++i) ratios.push_back(kind.with[i] / kind.without[i]);
  std::printf("\"%s\": {\"without_ns\": %.0f, \"with_ns\": %.0f, \"ratio\": %.3f}", kind.name,
              *std::min_element(kind.without.begin(), kind.without.end()),
              *std::min_element(kind.with.begin(), kind.with.end()), median(ratios));
}

}  // namespace

int main(int argc, char** argv) {
  const long count = argc == 3 ? std::atol(argv[1]) / 128 * 128 : 0, rounds = argc == 3 ? std::atol(argv[2]) : 0;
  if (count < 128 || rounds < 1) {
    std::fprintf(stderr, "usage: bench_dns_cost COUNT ROUNDS   (at least 128 datagrams and one round)\n");
    return 64;
  }
  std::array kinds{Kind{"others", 0, false}, Kind{"others_connected", 0, true}, Kind{"answers", 53, true}};
  for (auto& kind : kinds) kind.open();
  for (long round = 0; round < rounds; ++round) {
    for (auto& kind : kinds) kind.without.push_back(kind.measure(count, nullptr));
    const auto hooks = plumbline::agent::open_dns_answers();
    if (!hooks) {
      std::fprintf(stderr, "%s\n", hooks.error().message().c_str());
      return 77;
    }
    for (auto& kind : kinds) kind.with.push_back(kind.measure(count, hooks->get()));
    if ((*hooks)->read_counters().answers < static_cast<std::uint64_t>(count)) {
      std::fprintf(stderr, "answers were not copied, so this measures nothing\n");
      return 1;
    }
  }
  std::printf("{");
  for (const auto& kind : kinds) {
    if (&kind != kinds.data()) std::printf(", ");
    print(kind);
  }
  std::printf("}\n");
  return 0;
}
