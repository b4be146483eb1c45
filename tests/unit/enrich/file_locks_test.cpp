// The kernel's table of locks: recorded of Linux 6.18, and of a lock that a child of this test really has.
#include "agent/enrich/file_locks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/util/fd.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

const dev_t disk = gnu_dev_makedev(0xfe, 0);

TEST(FileLocks, the_writer_of_that_very_file) {
  constexpr std::string_view table =
      "1: POSIX  ADVISORY  READ  811 fe:00:131 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 812 fe:00:131 0 EOF\n"
      "3: POSIX  ADVISORY  WRITE 813 fe:01:131 0 EOF\n"
      "4: POSIX  ADVISORY  WRITE 0 fe:00:131 0 EOF\n"
      "5: OFDLCK ADVISORY  WRITE -1 fe:00:131 0 EOF\n"
      "6: POSIX  ADVISORY  WRITE 4711 fe:00:131 0 EOF\n"
      "6: -> POSIX  ADVISORY  WRITE 4712 fe:00:131 0 EOF\n"
      "7: POSIX  ADVISORY  WRITE 814 fe:00:1311 0 EOF\n";
  EXPECT_EQ(write_locker(table, disk, 131), 4711u);
  EXPECT_EQ(write_locker(table, disk, 132), std::nullopt);
  EXPECT_EQ(write_locker(table.substr(0, table.find("6:")), disk, 131), std::nullopt);
}

TEST(FileLocks, two_with_a_part_each_are_nobody) {
  EXPECT_EQ(write_locker("1: POSIX  ADVISORY  WRITE 7 fe:00:131 0 9\n2: POSIX  ADVISORY  WRITE 8 fe:00:131 10 EOF\n",
                         disk, 131),
            std::nullopt);
  EXPECT_EQ(write_locker("1: POSIX  ADVISORY  WRITE 7 fe:00:131 0 9\n2: POSIX  ADVISORY  WRITE 7 fe:00:131 10 EOF\n",
                         disk, 131),
            7u);
}

TEST(FileLocks, what_is_cut_or_no_table_says_nothing) {
  const std::string line = "1: POSIX  ADVISORY  WRITE 7 fe:00:131 0 EOF\n";
  for (std::size_t size = 0; size < line.find(" 0 EOF"); ++size)
    if (const auto found = write_locker(line.substr(0, size), disk, 131)) EXPECT_EQ(*found, 0u) << line.substr(0, size);
  EXPECT_EQ(write_locker("POSIX WRITE WRITE WRITE 99999999999999 zz:zz:zz", disk, 131), std::nullopt);
  EXPECT_EQ(write_locker("/nowhere", "/nowhere/else"), std::nullopt);
}

TEST(FileLocks, of_a_child_that_has_one) {
  const TempDir dir;
  dir.write("state", "{}");
  const std::string path = dir / "state";
  EXPECT_EQ(write_locker("/proc", path), std::nullopt);
  int told[2], go[2];
  ASSERT_EQ(::pipe(told) | ::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(path.c_str(), O_RDWR);
    struct flock lock{};
    lock.l_type = F_WRLCK;
    char word = ::fcntl(fd, F_SETLK, &lock) == 0 ? '1' : '0';
    if (::write(told[1], &word, 1) != 1 || ::read(go[0], &word, 1) != 1) ::_exit(1);
    ::_exit(0);
  }
  char word = 0;
  ASSERT_EQ(::read(told[0], &word, 1), 1);
  EXPECT_EQ(word, '1');
  EXPECT_EQ(write_locker("/proc", path), static_cast<std::uint32_t>(child));
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(write_locker("/proc", path), std::nullopt);
  for (const int fd : {told[0], told[1], go[0], go[1]}) ::close(fd);
}

}  // namespace
}  // namespace plumbline::agent
