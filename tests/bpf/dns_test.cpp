// Answers of DNS from a real kernel: to glibc's own resolver and to sockets as others use them, from a server of the
// test's own at port 53.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include "agent/begun_connections.hpp"
#include "include/util/fd.hpp"
#include "tests/unit/support/client_hello.hpp"
#include "tests/unit/support/dns_message.hpp"

namespace plumbline::agent {
namespace {

using test::dns_a;
using test::DnsMessage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string host = "ec2.eu-west-1.amazonaws.com";

sockaddr_in6 loopback(bool is_ipv6, std::uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  if (is_ipv6) return six;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memcpy(&six, &four, sizeof four);
  return six;
}
const sockaddr* address_of(const sockaddr_in6& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}
socklen_t size_of(const sockaddr_in6& address) {
  return address.sin6_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

/// Answers each question with 127.0.0.1, until it ends.
class Server {
 public:
  Server(bool is_ipv6, std::uint16_t port)
      : socket_(::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto own = loopback(is_ipv6, port);
    is_there_ = ::bind(socket_.get(), address_of(own), size_of(own)) == 0;
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::shutdown(socket_.get(), SHUT_RD);
    thread_.join();
  }
  bool is_there() const { return is_there_; }

 private:
  void serve() const {
    std::string question(512, '\0');
    sockaddr_in6 from{};
    socklen_t length = sizeof from;
    for (ssize_t size = 0; (size = ::recvfrom(socket_.get(), question.data(), question.size(), 0,
                                              reinterpret_cast<sockaddr*>(&from), &length)) > 0;
         length = sizeof from) {
      std::string answer =
          DnsMessage(host).add(DnsMessage::pointer(12), dns_a, 60, std::string("\x7f\0\0\1", 4)).bytes();
      answer.replace(0, 2, question, 0, 2);
      ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  Fd socket_;
  bool is_there_ = false;
  std::thread thread_;
};

std::uint32_t own_network() {
  struct stat status{};
  return ::stat("/proc/self/ns/net", &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

class DnsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_dns_answers();
    if (!opened && opened.error().why.find("Operation not permitted") != std::string::npos)
      GTEST_SKIP() << "this kernel takes no fentry programs; tests/vm runs this on some that do";
    ASSERT_TRUE(opened) << opened.error().message();
    answers_ = std::move(*opened);
  }
  template <class Act>
  static pid_t in_child(const Act& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      act();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return child;
  }
  /// Asks a server in a child and takes its answer so; what was told of the child.
  template <class Receive>
  std::vector<std::string> asked(bool is_ipv6, std::uint16_t port, bool connects, const Receive& receive) {
    return told_of(in_child([&] {
      const int fd = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
      const auto to = loopback(is_ipv6, port);
      if (connects && ::connect(fd, address_of(to), size_of(to)) != 0) ::_exit(2);
      if (::sendto(fd, "??............", 14, 0, connects ? nullptr : address_of(to), connects ? 0 : size_of(to)) != 14)
        ::_exit(3);
      std::string buffer(1232, '\0');
      if (!receive(fd, buffer)) ::_exit(4);
    }));
  }
  std::vector<std::string> told_of(pid_t pid) {
    std::vector<std::string> names;
    answers_->consume([&](const dns_record& record) {
      if (record.tgid != static_cast<std::uint32_t>(pid)) return;
      EXPECT_EQ(record.net_ns, own_network());
      EXPECT_EQ(record.kept, record.length);
      const auto answer = dns_answer({record.data, record.kept});
      names.push_back(answer ? answer->name + " " + std::to_string(answer->addresses[0][12]) : "?");
    });
    return names;
  }
  static bool by_recv(int fd, std::string& buffer) { return ::recv(fd, buffer.data(), buffer.size(), 0) > 12; }
  static bool by_recvfrom(int fd, std::string& buffer) {
    sockaddr_in6 from{};
    socklen_t length = sizeof from;
    return ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length) > 12;
  }
  static bool by_recvmsg(int fd, std::string& buffer) {
    sockaddr_in6 from{};
    iovec one{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &one;
    message.msg_iovlen = 1;
    return ::recvmsg(fd, &message, 0) > 12;
  }
  static bool in_two_pieces(int fd, std::string& buffer) {
    iovec two[2] = {{buffer.data(), 20}, {buffer.data() + 20, buffer.size() - 20}};
    msghdr message{};
    message.msg_iov = two;
    message.msg_iovlen = 2;
    return ::recvmsg(fd, &message, 0) > 20;
  }

  std::unique_ptr<DnsAnswers> answers_;
};

const std::string answer = host + " 127";

TEST_F(DnsTest, are_told_however_a_program_receives_them) {
  for (const bool is_ipv6 : {false, true}) {
    const Server server(is_ipv6, 53);
    if (!server.is_there() && is_ipv6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) continue;
    ASSERT_TRUE(server.is_there()) << std::strerror(errno);
    EXPECT_THAT(asked(is_ipv6, 53, true, by_recv), ElementsAre(answer)) << is_ipv6;
    EXPECT_THAT(asked(is_ipv6, 53, true, by_recvfrom), ElementsAre(answer)) << is_ipv6;
    EXPECT_THAT(asked(is_ipv6, 53, false, by_recvfrom), ElementsAre(answer)) << is_ipv6;
    EXPECT_THAT(asked(is_ipv6, 53, false, by_recvmsg), ElementsAre(answer)) << is_ipv6;
  }
}

TEST_F(DnsTest, of_glibcs_own_resolver_are_told) {
  const Server server(false, 53);
  ASSERT_TRUE(server.is_there()) << std::strerror(errno);
  const pid_t child = in_child([] {
    struct __res_state state{};
    state.options = RES_RECURSE | RES_INIT | RES_IGNTC;
    state.nscount = state.retry = 1;
    state.retrans = 5;
    const auto to = loopback(false, 53);
    std::memcpy(&state.nsaddr_list[0], &to, sizeof state.nsaddr_list[0]);
    unsigned char buffer[512];
    if (res_nquery(&state, host.c_str(), 1, 1, buffer, sizeof buffer) <= 12) ::_exit(2);
  });
  EXPECT_THAT(told_of(child), ElementsAre(answer));
}

TEST_F(DnsTest, what_comes_from_elsewhere_is_not) {
  const Server server(false, 5353);
  ASSERT_TRUE(server.is_there()) << std::strerror(errno);
  for (const bool connects : {false, true}) EXPECT_THAT(asked(false, 5353, connects, by_recvfrom), IsEmpty());
}

// A neighbour may send what it likes from a port 53 of its own.
TEST_F(DnsTest, what_nobody_asked_for_is_not) {
  for (const bool is_ipv6 : {false, true}) {
    const Server server(is_ipv6, 53);
    if (!server.is_there() && is_ipv6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) continue;
    ASSERT_TRUE(server.is_there()) << std::strerror(errno);
    const pid_t child = in_child([&] {
      // Another socket asks in its name: the server answers to where the question came from.
      const int fd = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
      const int other = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
      const int one = 1;
      const auto own = loopback(is_ipv6, 5354), to = loopback(is_ipv6, 53);
      for (const int each : {other, fd}) {  // the one that was bound last receives
        ::setsockopt(each, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (::bind(each, address_of(own), size_of(own)) != 0) ::_exit(2);
      }
      if (::sendto(other, "??............", 14, 0, address_of(to), size_of(to)) != 14) ::_exit(3);
      std::string buffer(1232, '\0');
      const timeval limit{5, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      if (!by_recvfrom(fd, buffer)) ::_exit(4);
    });
    EXPECT_THAT(told_of(child), IsEmpty()) << is_ipv6;
  }
}

TEST_F(DnsTest, one_in_pieces_is_counted) {
  const Server server(false, 53);
  ASSERT_TRUE(server.is_there()) << std::strerror(errno);
  const auto before = answers_->read_counters().unreadable;
  EXPECT_THAT(asked(false, 53, true, in_two_pieces), IsEmpty());
  EXPECT_EQ(answers_->read_counters().unreadable, before + 1);
}

// All of it: a name is asked for, its address is connected to, and nobody is named in the ClientHello.
TEST_F(DnsTest, name_a_connection_that_names_nobody) {
  const SystemClock clock;
  auto hellos = open_hellos(-1);
  ASSERT_TRUE(hellos) << hellos.error().message();
  std::vector<std::string> told;
  pid_t child = 0;
  BegunConnections connections(
      std::move(*hellos), std::move(answers_), {{0}, {}},
      [&](const mark_actor& actor, const UnseenHost& unseen) {
        if (actor.tgid != static_cast<std::uint32_t>(child)) return;
        told.push_back(unseen.named.service + (unseen.by == HostBy::dns ? " by dns" : " by sni"));
      },
      clock);
  const Server server(false, 53);
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto at = loopback(false, 0);
  socklen_t length = size_of(at);
  ASSERT_EQ(::bind(listener.get(), address_of(at), length), 0);
  ASSERT_EQ(::listen(listener.get(), 16), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length), 0);
  const std::string nameless = test::hello(nullptr), named = test::hello("sts.amazonaws.com");
  child = in_child([&] {
    const int asks = ::socket(AF_INET, SOCK_DGRAM, 0);
    const auto dns = loopback(false, 53);
    std::string buffer(512, '\0');
    if (::connect(asks, address_of(dns), size_of(dns)) != 0 || ::send(asks, "??............", 14, 0) != 14 ||
        !by_recv(asks, buffer))
      ::_exit(2);
    for (const auto& hello : {std::cref(nameless), std::cref(named)}) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(fd, address_of(at), size_of(at)) != 0) ::_exit(3);
      if (::send(fd, hello.get().data(), hello.get().size(), 0) <= 0) ::_exit(4);
    }
  });
  connections.take();
  connections.expire(INT64_MAX / 2);
  EXPECT_THAT(told, ElementsAre("ec2 by dns", "sts by sni"));
  EXPECT_GE(connections.counts().named_by_dns, 1u);
}

}  // namespace
}  // namespace plumbline::agent
