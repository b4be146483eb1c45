#include "agent/source/mount_table.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

/// A thread in a mount namespace of its own, in which nobody else mounts.
class MountTableTest : public ::testing::Test {
 protected:
  void run(const std::function<void(MountTable&)>& test) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    std::thread([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      auto table = MountTable::open("/proc/thread-self/mountinfo");
      ASSERT_TRUE(table) << table.error().message();
      test(*table);
    }).join();
  }
  void mount_something() { ASSERT_EQ(::mount("none", dir_.path().c_str(), "tmpfs", 0, nullptr), 0); }

  TempDir dir_;
};

TEST_F(MountTableTest, each_change_is_told_once) {
  run([&](MountTable& table) {
    EXPECT_FALSE(table.moved());
    mount_something();
    EXPECT_TRUE(table.moved());
    EXPECT_FALSE(table.moved());
    EXPECT_EQ(::umount(dir_.path().c_str()), 0);
    EXPECT_TRUE(table.moved());
  });
}

// Adding and arming each ask the file; the flag of a mount before them is gone by the time that epoll_wait looks.
TEST_F(MountTableTest, a_mount_before_the_waiter_is_armed_is_told) {
  run([&](MountTable& table) {
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{EPOLLIN | EPOLLPRI | EPOLLERR | EPOLLET, {}};
    mount_something();
    ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, table.wake_fd(), &event), 0);
    ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, table.wake_fd(), &event), 0);
    epoll_event woken{};
    ASSERT_EQ(::epoll_wait(epoll.get(), &woken, 1, 0), 1);
    EXPECT_EQ(woken.events & (EPOLLERR | EPOLLPRI), 0u) << "the kernel tells twice now: one file is enough";
    EXPECT_TRUE(table.moved());
    mount_something();
    ASSERT_EQ(::epoll_wait(epoll.get(), &woken, 1, -1), 1);
    EXPECT_NE(woken.events & (EPOLLERR | EPOLLPRI), 0u);
  });
}

TEST(MountTable, what_cannot_be_opened_is_an_error) {
  const auto table = MountTable::open("/nonexistent/mountinfo");
  ASSERT_FALSE(table);
  EXPECT_NE(table.error().message().find("/nonexistent/mountinfo"), std::string::npos);
}

}  // namespace
}  // namespace plumbline::agent
