// The first message of TLS connections from a real kernel: real OpenSSL clients over loopback, in children, since the
// agent's own connections are not looked at.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/decode/client_hello.hpp"
#include "agent/source/hellos.hpp"
#include "include/util/fd.hpp"
#include "tests/unit/support/client_hello.hpp"

namespace plumbline::agent {
namespace {

using test::hello;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HelloTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_hellos(-1);
    if (!opened && opened.error().why.find("Operation not permitted") != std::string::npos)
      GTEST_SKIP() << "this kernel takes no fentry programs; tests/vm runs this on some that do";
    ASSERT_TRUE(opened) << opened.error().message();
    hellos_ = std::move(*opened);
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t length = sizeof address_;
    ASSERT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &length), 0);
  }

  static void must(bool sent) {
    if (!sent) ::_exit(3);
  }
  /// In a child, with a connection to the listener, which nobody answers.
  template <class Act>
  pid_t in_child(const Act& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) ::_exit(2);
      act(fd);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return child;
  }
  /// Of our children alone: others on this machine talk too.
  std::vector<std::string> told_of(pid_t pid) {
    std::vector<std::string> names;
    const Hellos::Sample take = [&](const hello_record& record) {
      if (record.actor.tgid != static_cast<std::uint32_t>(pid)) return;
      EXPECT_EQ(record.port, ntohs(address_.sin_port));
      names.push_back(server_name({record.data, record.kept}).value_or("?"));
    };
    hellos_->consume(take);
    return names;
  }

  std::unique_ptr<Hellos> hellos_;
  Fd listener_;
  sockaddr_in address_{};
};

TEST_F(HelloTest, tells_whom_a_client_wants_however_it_sends) {
  const std::string bytes = hello("ec2.eu-west-1.amazonaws.com");
  ASSERT_LT(bytes.size(), 2048u);
  const pid_t by_write = in_child([&](int fd) { must(::write(fd, bytes.data(), bytes.size()) > 0); });
  EXPECT_THAT(told_of(by_write), ElementsAre("ec2.eu-west-1.amazonaws.com"));
  const pid_t by_send = in_child([&](int fd) { ::send(fd, bytes.data(), bytes.size(), 0); });
  EXPECT_THAT(told_of(by_send), ElementsAre("ec2.eu-west-1.amazonaws.com"));
  const pid_t by_list = in_child([&](int fd) {
    iovec list[2] = {{const_cast<char*>(bytes.data()), bytes.size()}, {const_cast<char*>(bytes.data()), 5}};
    must(::writev(fd, list, 2) > 0);
  });
  EXPECT_THAT(told_of(by_list), ElementsAre("ec2.eu-west-1.amazonaws.com"));
}

TEST_F(HelloTest, what_is_no_beginning_of_tls_is_not_told) {
  const std::string bytes = hello("ec2.eu-west-1.amazonaws.com");
  const pid_t plain = in_child([&](int fd) {
    const std::string text = "GET / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\n\r\n";
    must(::write(fd, text.data(), text.size()) > 0);
    // Later on a connection anything may look like it.
    must(::write(fd, bytes.data(), bytes.size()) > 0);
  });
  EXPECT_THAT(told_of(plain), IsEmpty());
}

TEST_F(HelloTest, a_sender_s_bad_address_is_counted_and_harms_nobody) {
  const auto before = hellos_->read_counters().unreadable;
  in_child([&](int fd) { (void)::send(fd, reinterpret_cast<void*>(8), 200, 0); });
  EXPECT_GT(hellos_->read_counters().unreadable, before);
}

}  // namespace
}  // namespace plumbline::agent
