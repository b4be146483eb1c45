#include "include/util/fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <type_traits>

namespace plumbline {
namespace {

int open_one() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}
bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

static_assert(!std::is_copy_constructible_v<Fd> && !std::is_copy_assignable_v<Fd>);
static_assert(std::is_nothrow_move_constructible_v<Fd> && std::is_nothrow_move_assignable_v<Fd>);

TEST(Fd, ClosesWhatItOwns) {
  const int raw = open_one();
  {
    const Fd fd(raw);
    EXPECT_TRUE(fd);
    EXPECT_EQ(fd.get(), raw);
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(Fd, OwnsNothingByDefault) {
  const Fd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(Fd, MovesLeaveOneOwner) {
  Fd first(open_one());
  const int raw = first.get();
  Fd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): a moved-from Fd is specified to be empty
  EXPECT_EQ(second.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(Fd, MoveAssignmentClosesTheOld) {
  Fd target(open_one());
  const int old = target.get();
  Fd source(open_one());
  const int kept = source.get();
  target = std::move(source);
  EXPECT_FALSE(is_open(old));
  EXPECT_EQ(target.get(), kept);
  EXPECT_TRUE(is_open(kept));
}

TEST(Fd, SelfMoveKeepsIt) {
  Fd fd(open_one());
  Fd& same = fd;
  fd = std::move(same);
  ASSERT_TRUE(fd);
  EXPECT_TRUE(is_open(fd.get()));
}

TEST(Fd, ReleaseHandsOver) {
  Fd fd(open_one());
  const int raw = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

TEST(Fd, ResetTwiceClosesOnce) {
  Fd fd(open_one());
  const int raw = fd.get();
  fd.reset();
  EXPECT_FALSE(is_open(raw));
  const Fd other(open_one());  // takes the number that was freed
  fd.reset();
  EXPECT_TRUE(is_open(other.get()));
}

}  // namespace
}  // namespace plumbline
