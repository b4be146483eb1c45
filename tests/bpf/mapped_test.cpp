// Files that real processes map to execute them, told by a real kernel; in children, since the agent's own libraries
// are not told.
#include "agent/source/mapped_files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "agent/source/file_place.hpp"
#include "include/util/fd.hpp"
#include "include/util/file_time.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t size = 8192;

class MappedFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    auto opened = open_mapped_files();
    ASSERT_TRUE(opened) << opened.error().message();
    files_ = std::move(*opened);
  }

  /// In a child: `act` is given the open file; then it waits until it is asked to end.
  class Child {
   public:
    template <class Act>
    Child(const std::string& path, const Act& act) {
      int ready[2], end[2];
      if (::pipe(ready) != 0 || ::pipe(end) != 0) return;
      pid = ::fork();
      if (pid == 0) {
        ::close(end[1]);
        act(::open(path.c_str(), O_RDONLY));
        char byte = 0;
        if (::write(ready[1], &byte, 1) == 1 && ::read(end[0], &byte, 1) == 0) ::_exit(0);
        ::_exit(1);
      }
      ::close(ready[1]);
      ::close(end[0]);
      end_ = Fd(end[1]);
      char byte = 0;
      EXPECT_EQ(::read(ready[0], &byte, 1), 1);
      ::close(ready[0]);
    }
    ~Child() {
      end_.reset();
      ::waitpid(pid, nullptr, 0);
    }
    pid_t pid = -1;

   private:
    Fd end_;
  };
  static void map(int fd, int protection) { ::mmap(nullptr, size, protection, MAP_PRIVATE, fd, 0); }
  static void map_to_execute(int fd) { map(fd, PROT_READ | PROT_EXEC); }

  /// Of one child alone: others on this machine map files too.
  std::vector<mapped_record> told_of(const Child& child) {
    std::vector<mapped_record> records;
    files_->consume([&](const mapped_record& record) {
      if (record.tgid == static_cast<std::uint32_t>(child.pid)) records.push_back(record);
    });
    return records;
  }
  static struct stat status_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status;
  }

  const TempDir dir_;
  std::unique_ptr<MappedFiles> files_;
};

TEST_F(MappedFilesTest, a_file_is_told_by_whoever_maps_it_first_and_can_be_had_there) {
  const auto path = dir_.write("odd", std::string(size, 'x'));
  const Child first(path, map_to_execute);
  const auto told = told_of(first);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].key.inode.ino, status_of(path).st_ino);
  EXPECT_EQ(told[0].key.ctime_ns, static_cast<std::uint64_t>(ns_of(status_of(path).st_ctim)));
  EXPECT_EQ(told[0].end - told[0].start, size);
  const Fd file = open_mapped("/proc/" + std::to_string(first.pid), told[0].start, told[0].end);
  ASSERT_TRUE(file);
  struct stat status{};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_ino, status_of(path).st_ino);
  EXPECT_THAT(told_of(Child(path, map_to_execute)), IsEmpty()) << "the usual mapping costs a look-up and no more";
}

TEST_F(MappedFilesTest, what_changed_or_was_not_looked_at_is_told_again) {
  const auto path = dir_.write("odd", std::string(size, 'x'));
  mapped_key key{};
  {
    const Child child(path, map_to_execute);
    const auto told = told_of(child);
    ASSERT_THAT(told, SizeIs(1));
    key = told[0].key;
  }
  files_->tell_again(key);
  EXPECT_THAT(told_of(Child(path, map_to_execute)), SizeIs(1));
  ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
  while (static_cast<std::uint64_t>(ns_of(status_of(path).st_ctim)) == key.ctime_ns) ::chmod(path.c_str(), 0755);
  EXPECT_THAT(told_of(Child(path, map_to_execute)), SizeIs(1)) << "it may be another file by now";
  EXPECT_THAT(told_of(Child(path, map_to_execute)), IsEmpty());
  files_->tell_all_again();
  EXPECT_THAT(told_of(Child(path, map_to_execute)), SizeIs(1));
}

TEST_F(MappedFilesTest, what_is_read_or_has_no_file_is_not_told) {
  const auto path = dir_.write("odd", std::string(size, 'x'));
  EXPECT_THAT(told_of(Child(path, [](int fd) { map(fd, PROT_READ); })), IsEmpty());
  EXPECT_THAT(told_of(Child(
                  path, [](int) { ::mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); })),
              IsEmpty());
  EXPECT_THAT(told_of(Child(path,
                            [](int fd) {
                              void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
                              ::mprotect(at, size, PROT_READ | PROT_EXEC);
                            })),
              SizeIs(std::string(files_->hook()) == "fentry" ? 1 : 0))
      << "some loaders map first and say later what for";
}

}  // namespace
}  // namespace plumbline::agent
