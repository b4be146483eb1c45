// Segments from a real kernel: a real client and a real server over loopback. The client is a child, since the agent's
// own connections are not looked at; the server is this process, whose end of the connection is nobody's client.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "agent/decode/plain_streams.hpp"
#include "agent/source/plain_http.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Piece {
  int direction = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::string data;
  mark_actor actor{};
};

const std::string request = "GET /latest HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void must(bool holds) {
  if (!holds) ::_exit(3);
}
void send_all(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto sent = ::send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    must(sent > 0);
    at += static_cast<std::size_t>(sent);
  }
}
void read_all(int fd, std::size_t size) {
  std::string room(std::min<std::size_t>(size, 1 << 20), '\0');
  while (size > 0) {
    const auto got = ::recv(fd, room.data(), std::min(room.size(), size), 0);
    must(got > 0);
    size -= static_cast<std::size_t>(got);
  }
}

class PlainHttpTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    auto opened = open_plain_http(-1);
    ASSERT_TRUE(opened) << opened.error().message();
    plain_ = std::move(*opened);
    listener_ = Fd(::socket(GetParam(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (GetParam() == AF_INET) {
      address_.v4.sin_family = AF_INET;
      address_.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      address_.v6.sin6_family = AF_INET6;
      address_.v6.sin6_addr = in6addr_loopback;
    }
    if (::bind(listener_.get(), &address_.any, sizeof address_) != 0) GTEST_SKIP() << "this node has no such loopback";
    ASSERT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t length = sizeof address_;
    ASSERT_EQ(::getsockname(listener_.get(), &address_.any, &length), 0);
  }
  plain_endpoint endpoint() const {
    plain_endpoint one{};
    if (GetParam() == AF_INET) {
      one.address[10] = one.address[11] = 0xFF;
      std::memcpy(one.address + 12, &address_.v4.sin_addr, 4);
    } else {
      std::memcpy(one.address, &address_.v6.sin6_addr, 16);
    }
    one.port = ntohs(GetParam() == AF_INET ? address_.v4.sin_port : address_.v6.sin6_port);
    return one;
  }
  /// `client` in a child with a connection to `serve`; returns the child.
  pid_t talk(const std::function<void(int fd)>& client, const std::function<void(int fd)>& serve) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::socket(GetParam(), SOCK_STREAM, 0);
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      must(::connect(fd, &address_.any, GetParam() == AF_INET ? sizeof address_.v4 : sizeof address_.v6) == 0);
      client(fd);
      ::close(fd);
      ::_exit(0);
    }
    {
      const Fd fd(::accept(listener_.get(), nullptr, nullptr));
      serve(fd.get());
      char end = 0;
      EXPECT_EQ(::recv(fd.get(), &end, 1, 0), 0);  // it closes first
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return child;
  }
  /// One after the other, in their order.
  std::vector<Piece> heard() {
    std::vector<Piece> pieces;
    PlainStreams streams({}, [&](const capture_record& record, std::span<const char> data) {
      pieces.push_back({record.direction, record.offset, record.length, {data.begin(), data.end()}, record.actor});
    });
    const PlainHttp::Sample take = [&](const plain_record& record, std::span<const char> data) {
      EXPECT_EQ(std::memcmp(&record.endpoint, &expected_, sizeof expected_), 0);
      streams.take(record, data);
    };
    plain_->consume(take);
    return pieces;
  }
  void listen_to_it() {
    expected_ = endpoint();
    ASSERT_TRUE(plain_->set_endpoints({expected_}));
  }
  static auto piece(int direction, std::uint64_t offset, std::size_t length, const std::string& begins) {
    return ::testing::AllOf(::testing::Field(&Piece::direction, direction), ::testing::Field(&Piece::offset, offset),
                            ::testing::Field(&Piece::length, length),
                            ::testing::Field(&Piece::data, StartsWith(begins)));
  }

  std::unique_ptr<PlainHttp> plain_;
  Fd listener_;
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6{};
  } address_;
  plain_endpoint expected_{};
};

void ask_twice(int fd) {
  for (int i = 0; i < 2; ++i) {
    send_all(fd, request);
    read_all(fd, answer.size());
  }
}
void answer_twice(int fd) {
  for (int i = 0; i < 2; ++i) {
    read_all(fd, request.size());
    send_all(fd, answer);
  }
}

TEST_P(PlainHttpTest, an_exchange_comes_whole_with_whoever_connected) {
  listen_to_it();
  const pid_t child = talk(ask_twice, answer_twice);
  const auto pieces = heard();
  EXPECT_THAT(pieces,
              ElementsAre(piece(PLAIN_OUT, 0, request.size(), request), piece(PLAIN_IN, 0, answer.size(), answer),
                          piece(PLAIN_OUT, request.size(), request.size(), request),
                          piece(PLAIN_IN, answer.size(), answer.size(), answer), piece(PLAIN_END, 0, 0, "")));
  ASSERT_FALSE(pieces.empty());
  EXPECT_EQ(pieces[0].actor.tgid, static_cast<std::uint32_t>(child));
  EXPECT_NE(pieces[0].actor.start_boot_ns, 0u);
  EXPECT_LT(pieces[0].actor.at_boot_ns, pieces[3].actor.at_boot_ns);
  const auto counters = plain_->read_counters();
  EXPECT_EQ(counters.connections, 1u);
  EXPECT_EQ(counters.records, 4u);
  EXPECT_EQ(counters.lost + counters.unreadable + counters.untracked, 0u);
}

TEST_P(PlainHttpTest, who_is_not_listened_to_is_not_heard) {
  talk(ask_twice, answer_twice);
  EXPECT_EQ(plain_->read_counters().connections, 0u);
  listen_to_it();
  ASSERT_TRUE(plain_->set_endpoints({}));
  talk(ask_twice, answer_twice);
  EXPECT_EQ(plain_->read_counters().connections, 0u);
  EXPECT_THAT(heard(), IsEmpty());
}

TEST_P(PlainHttpTest, what_is_no_http_is_given_up) {
  listen_to_it();
  talk([](int fd) { read_all(fd, 100); }, [](int fd) { send_all(fd, std::string(100, '2')); });
  talk([](int fd) { send_all(fd, std::string(100, '\x16')); }, [](int fd) { read_all(fd, 100); });
  EXPECT_THAT(heard(), IsEmpty());
  EXPECT_EQ(plain_->read_counters().connections, 2u);
}

TEST_P(PlainHttpTest, of_a_large_body_no_more_is_copied_than_names_a_call) {
  listen_to_it();
  const std::string head = "PUT /b HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n", body(4'000'000, 'b');
  talk(
      [&](int fd) {
        send_all(fd, head + body);
        read_all(fd, answer.size());
        ask_twice(fd);
      },
      [&](int fd) {
        read_all(fd, head.size() + body.size());
        send_all(fd, answer);
        answer_twice(fd);
      });
  const auto pieces = heard();
  std::uint64_t copied = 0;
  for (const auto& one : pieces) copied += one.direction == PLAIN_OUT ? one.data.size() : 0;
  EXPECT_EQ(copied, PLAIN_OUT_BUDGET + 2 * request.size());
  ASSERT_GE(pieces.size(), 6u);
  EXPECT_THAT(pieces.front().data, StartsWith(head));
  // The next request stands where it is, behind what was not copied.
  EXPECT_THAT(std::vector<Piece>(pieces.end() - 5, pieces.end() - 3),
              ElementsAre(piece(PLAIN_OUT, head.size() + body.size(), request.size(), request),
                          piece(PLAIN_IN, answer.size(), answer.size(), answer)));
  EXPECT_GT(plain_->read_counters().over_budget, 0u);
}

/// Sequence numbers begin anew every 4 GiB, and most of it is skipped.
TEST_P(PlainHttpTest, offsets_grow_beyond_the_sequence_numbers) {
  if (GetParam() != AF_INET) GTEST_SKIP() << "once is enough: it takes seconds";
  listen_to_it();
  constexpr std::uint64_t size = (std::uint64_t{5} << 30) + 17;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  const auto pass = [](std::uint64_t bytes, const std::function<void(std::size_t)>& step) {
    for (std::uint64_t left = bytes; left > 0; left -= std::min<std::uint64_t>(left, 1 << 20))
      step(static_cast<std::size_t>(std::min<std::uint64_t>(left, 1 << 20)));
  };
  talk(
      [&](int fd) {
        send_all(fd, request);
        read_all(fd, head.size());
        pass(size, [&](std::size_t some) { read_all(fd, some); });
        ask_twice(fd);
      },
      [&](int fd) {
        read_all(fd, request.size());
        send_all(fd, head);
        const std::string body(1 << 20, 'x');
        pass(size, [&](std::size_t some) { send_all(fd, body.substr(0, some)); });
        answer_twice(fd);
      });
  const auto pieces = heard();
  ASSERT_GE(pieces.size(), 6u);
  EXPECT_THAT(pieces[pieces.size() - 4], piece(PLAIN_IN, head.size() + size, answer.size(), answer));
}

TEST_P(PlainHttpTest, an_ignored_connection_is_copied_no_more) {
  listen_to_it();
  std::uint64_t number = 0;
  talk(
      [](int fd) {
        ask_twice(fd);
        ask_twice(fd);
      },
      [&](int fd) {
        answer_twice(fd);
        plain_->consume([&](const plain_record& record, std::span<const char>) { number = record.connection; });
        plain_->ignore(number);
        answer_twice(fd);
      });
  EXPECT_NE(number, 0u);
  // What was asked before it was ignored may have come; no answer did.
  const auto pieces = heard();
  EXPECT_TRUE(std::none_of(pieces.begin(), pieces.end(), [](const Piece& one) { return one.direction == PLAIN_IN; }));
  EXPECT_GT(plain_->read_counters().ignored, 0u);
}

INSTANTIATE_TEST_SUITE_P(Over, PlainHttpTest, ::testing::Values(AF_INET, AF_INET6),
                         [](const auto& family) { return family.param == AF_INET ? "ipv4" : "ipv6"; });

/// An IPv6 socket that talks IPv4, as those of Java do.
TEST(PlainHttpMapped, is_the_ipv4_endpoint) {
  if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
  auto plain = open_plain_http(-1);
  ASSERT_TRUE(plain) << plain.error().message();
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  plain_endpoint endpoint{};
  endpoint.address[10] = endpoint.address[11] = 0xFF;
  std::memcpy(endpoint.address + 12, &address.sin_addr, 4);
  endpoint.port = ntohs(address.sin_port);
  ASSERT_TRUE((*plain)->set_endpoints({endpoint}));
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) GTEST_SKIP() << "this node has no IPv6";
  const pid_t child = ::fork();
  if (child == 0) {
    sockaddr_in6 mapped{};
    mapped.sin6_family = AF_INET6;
    std::memcpy(&mapped.sin6_addr, endpoint.address, 16);
    mapped.sin6_port = address.sin_port;
    must(::connect(probe.get(), reinterpret_cast<sockaddr*>(&mapped), sizeof mapped) == 0);
    send_all(probe.get(), request);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::string got;
  (*plain)->consume([&](const plain_record& record, std::span<const char> data) {
    if (record.direction == PLAIN_OUT) got.assign(data.begin(), data.end());
  });
  EXPECT_EQ(got, request);
}

}  // namespace
}  // namespace plumbline::agent
