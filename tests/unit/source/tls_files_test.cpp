#include "agent/source/tls_files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/unit/source/counting_capture.hpp"
#include "tests/unit/source/elf_builder.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using test::CountingCapture;
using test::library;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TlsFilesTest : public ::testing::Test {
 protected:
  bool look(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return files_.look(file.get(), path);
  }

  /// How many files were looked at for the first time.
  int look_below(const std::string& path, bool watch = false) {
    const auto before = files_.counters().looked.load();
    files_.look_below(Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY)), {path, {}, {}, watch}, {});
    return static_cast<int>(files_.counters().looked - before);
  }

  const TempDir dir_;
  CountingCapture capture_;
  TlsFiles files_{capture_, {2, 10, 3, {}, 4096, false}};
};

TEST_F(TlsFilesTest, a_file_is_hooked_once_whatever_its_name) {
  const auto path = dir_.write("no-library", library());
  EXPECT_TRUE(look(path));
  EXPECT_TRUE(look(path));
  ASSERT_EQ(::link(path.c_str(), (dir_ / "another-name").c_str()), 0);  // moves the change time
  EXPECT_TRUE(look(dir_ / "another-name"));
  EXPECT_EQ(capture_.live, 1) << "hooked twice, it would tell all twice";
  EXPECT_THAT(files_.rows(), SizeIs(1));
  EXPECT_EQ(files_.rows()[0].stack, "openssl");
}

TEST_F(TlsFilesTest, the_agents_own_program_is_none_of_them) {
  const auto before = files_.counters().looked.load();
  EXPECT_FALSE(look("/proc/self/exe"));
  EXPECT_EQ(files_.counters().looked, before);
}

TEST_F(TlsFilesTest, one_container_takes_no_others_places) {
  const std::string memory = dir_ / "memory", other = dir_ / "other";
  ::mkdir(memory.c_str(), 0755);
  ::mkdir(other.c_str(), 0755);
  for (const auto& at : {memory, other})
    if (::mount("none", at.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "mounting needs root";
  TlsFiles files(capture_, {10, 10, 10, {}, 4096, false, 1});
  const auto look_at = [&](const std::string& path) {
    std::ofstream(path) << library();
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return files.look(file.get(), path);
  };
  EXPECT_TRUE(look_at(memory + "/a"));
  EXPECT_FALSE(look_at(memory + "/b"));
  EXPECT_TRUE(look_at(other + "/c"));
  std::vector<std::string> errors;
  for (const auto& row : files.rows())
    if (!row.error.empty()) errors.push_back(row.error);
  EXPECT_THAT(errors, ElementsAre(HasSubstr("files of one container")));
  ::unlink((memory + "/a").c_str());
  EXPECT_TRUE(look_at(memory + "/d")) << "what is deleted makes room";
  files.unhook_all();
  for (const auto& at : {memory, other}) ::umount2(at.c_str(), MNT_DETACH);
}

TEST_F(TlsFilesTest, nothing_is_known_of_a_file_at_which_the_looking_was_ended) {
  const auto path = dir_.write("libssl.so.3", library());
  std::stop_source stop;
  stop.request_stop();
  files_.set_stop(stop.get_token());
  EXPECT_FALSE(look(path));
  EXPECT_THAT(files_.rows(), IsEmpty()) << "it is not told as one that cannot be hooked";
  files_.set_stop({});
  EXPECT_TRUE(look(path)) << "nor as one without TLS";
}

TEST_F(TlsFilesTest, what_was_replaced_is_another_file) {
  const auto path = dir_.write("libssl.so.3", library());
  EXPECT_TRUE(look(path));
  ASSERT_EQ(::unlink(path.c_str()), 0);
  dir_.write("libssl.so.3", library("SSL_read"));
  EXPECT_TRUE(look(path));
  EXPECT_EQ(capture_.live, 2) << "whoever still maps the former one is seen too";
}

TEST_F(TlsFilesTest, a_folder_is_looked_through_without_leaving_it) {
  dir_.write("usr/lib/libssl.so", library());
  dir_.write("usr/lib/python/_ssl.so", library("something"));
  dir_.write("usr/share/readme", std::string(8192, 'x'));
  const auto outside = dir_.write("outside/libgnutls.so", library("gnutls_record_send"));
  ASSERT_EQ(::symlink(outside.c_str(), (dir_ / "usr/lib/link.so").c_str()), 0);
  ASSERT_EQ(::symlink((dir_ / "outside").c_str(), (dir_ / "usr/lib/folder").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / "usr/lib/fifo").c_str(), 0600), 0);
  EXPECT_EQ(look_below(dir_ / "usr"), 3);
  EXPECT_EQ(look_below(dir_ / "usr"), 0) << "each is looked at once";
  ASSERT_THAT(files_.rows(), SizeIs(1));
  EXPECT_EQ(files_.rows()[0].path, dir_ / "usr/lib/libssl.so");
}

TEST_F(TlsFilesTest, bounds_are_told) {
  for (int i = 0; i < 3; ++i) look(dir_.write("lib" + std::to_string(i), library()));
  EXPECT_EQ(capture_.live, 2);
  EXPECT_EQ(files_.counters().refused, 1u);
  std::string errors;
  for (const auto& row : files_.rows()) errors += row.error;
  EXPECT_THAT(errors, HasSubstr("all 2 places"));
  for (int i = 0; i < 5; ++i) look(dir_.write("text" + std::to_string(i), std::string(8192, 'x')));
  EXPECT_EQ(files_.counters().forgotten, 3u);
}

TEST_F(TlsFilesTest, what_cannot_be_hooked_is_told) {
  capture_.refuse = true;
  EXPECT_FALSE(look(dir_.write("libssl.so", library())));
  std::string cut = library();
  cut.resize(cut.size() - 1);
  EXPECT_FALSE(look(dir_.write("libcut.so", cut)));
  std::vector<std::string> errors;
  for (const auto& row : files_.rows()) errors.push_back(row.error);
  EXPECT_THAT(errors, ::testing::UnorderedElementsAre(HasSubstr("not permitted"), HasSubstr("cut short")));
}

TEST_F(TlsFilesTest, all_hooks_end_at_once) {
  look(dir_.write("a", library()));
  look(dir_.write("b", library("SSL_read")));
  ASSERT_EQ(capture_.live, 2);
  files_.unhook_all();
  EXPECT_EQ(capture_.live, 0);
  EXPECT_THAT(files_.rows(), IsEmpty());
}

// One inode under two devices: a container sees the file of a layer through its overlay.
TEST_F(TlsFilesTest, a_layers_file_in_an_overlay_is_the_same_file) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const auto path = dir_.write("lower/libssl.so", library());
  for (const char* folder : {"upper", "work", "merged"}) std::filesystem::create_directory(dir_ / folder);
  const std::string options =
      "lowerdir=" + (dir_ / "lower") + ",upperdir=" + (dir_ / "upper") + ",workdir=" + (dir_ / "work");
  if (::mount("overlay", (dir_ / "merged").c_str(), "overlay", 0, options.c_str()) != 0)
    GTEST_SKIP() << "no overlay can be mounted on this file system: " << std::strerror(errno);
  EXPECT_TRUE(look(path));
  EXPECT_TRUE(look(dir_ / "merged/libssl.so"));
  EXPECT_EQ(capture_.live, 1);
  ::umount2((dir_ / "merged").c_str(), MNT_DETACH);
}

TEST_F(TlsFilesTest, of_a_process_all_that_it_has_mapped_is_looked_at) {
  if (::geteuid() != 0) GTEST_SKIP() << "map_files needs root";
  TlsFiles files(capture_, {100, 1000, 1000, {}});
  files.look_at_process("/proc/self");
  EXPECT_GE(files.counters().looked, 3u) << "this program, libc and libstdc++";
}

TEST_F(TlsFilesTest, also_by_who_may_not_follow_the_kernels_links_of_mappings) {
  if (::geteuid() != 0) GTEST_SKIP() << "other users' processes need root";
  TlsFiles files(capture_, {100, 1000, 1000, {}});
  std::thread([&] {  // capabilities are a thread's own
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> has{};
    ASSERT_EQ(::syscall(SYS_capget, &header, has.data()), 0);
    has[0].effective &= ~(1u << CAP_SYS_ADMIN);
    has[1].effective &= ~(1u << (CAP_CHECKPOINT_RESTORE - 32));
    ASSERT_EQ(::syscall(SYS_capset, &header, has.data()), 0);
    files.look_at_process("/proc/self");
  })
      .join();
  EXPECT_GE(files.counters().looked, 2u) << "libc and libstdc++";
}

TEST_F(TlsFilesTest, where_return_probes_do_harm_what_needs_them_is_refused) {
  TlsFiles careful{capture_, {2, 10, 3, "they kill"}};
  const auto path = dir_.write("libssl.so.3", library());
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(careful.look(file.get(), path));
  ASSERT_THAT(careful.rows(), SizeIs(1));
  EXPECT_EQ(careful.rows()[0].error, "they kill");
  EXPECT_EQ(capture_.live, 0);
}

TEST_F(TlsFilesTest, what_comes_into_a_watched_folder_is_looked_at_when_it_comes) {
  dir_.write("usr/lib/tls/libssl.so.3", library());
  dir_.write("usr/lib/other/readme", "");
  look_below(dir_ / "usr/lib", true);
  ASSERT_EQ(capture_.live, 1);
  const auto follow_all = [&] {
    for (const auto& change : files_.read_changes()) files_.follow(change);
  };
  // As a package manager replaces a library: another file beside it, then a rename.
  const auto fresh = dir_.write("elsewhere/fresh", library("SSL_read"));
  ASSERT_EQ(::rename(fresh.c_str(), (dir_ / "usr/lib/tls/libssl.so.3").c_str()), 0);
  follow_all();
  EXPECT_EQ(capture_.live, 2);
  dir_.write("usr/lib/top.so", library("SSL_read"));
  dir_.write("usr/lib/other/none.so", library("SSL_read"));
  ASSERT_EQ(::symlink((dir_ / "usr/lib/other/none.so").c_str(), (dir_ / "usr/lib/tls/link.so").c_str()), 0);
  follow_all();
  EXPECT_EQ(files_.counters().came, 2u) << "the folder without one is not watched";
  EXPECT_EQ(capture_.live, 2) << "the former library made room";
}

TEST_F(TlsFilesTest, only_what_is_wanted_is_looked_at) {
  dir_.write("usr/lib/libssl.so.3", library());
  dir_.write("usr/lib/libother.so", library("SSL_read"));
  files_.look_below(Fd(::open((dir_ / "usr").c_str(), O_RDONLY | O_DIRECTORY)),
                    {"", {}, [](std::string_view name) { return name.starts_with("libssl"); }, false}, {});
  EXPECT_EQ(capture_.live, 1);
  EXPECT_EQ(files_.counters().looked, 1u);
}

TEST_F(TlsFilesTest, a_pipe_or_device_that_comes_is_not_opened) {
  dir_.write("usr/lib/tls/libssl.so.3", library());
  look_below(dir_ / "usr/lib", true);
  std::filesystem::create_directory(dir_ / "elsewhere");
  ASSERT_EQ(::mkfifo((dir_ / "elsewhere/x").c_str(), 0600), 0);
  const std::string pipe = dir_ / "usr/lib/tls/libwatchdog.so";
  ASSERT_EQ(::rename((dir_ / "elsewhere/x").c_str(), pipe.c_str()), 0);
  const Fd reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK)), writer(::open(pipe.c_str(), O_WRONLY | O_NONBLOCK));
  const Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(inotify.get(), pipe.c_str(), IN_OPEN), 0);
  for (const auto& change : files_.read_changes()) files_.follow(change);
  std::array<char, 4096> events;
  EXPECT_EQ(::read(inotify.get(), events.data(), events.size()), -1) << "somebody opened it";
  EXPECT_EQ(files_.counters().came, 1u);
}

/// A file system of memory of the test's own, at a folder.
class MemoryMount {
 public:
  explicit MemoryMount(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, nullptr) == 0;
  }
  ~MemoryMount() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  MemoryMount(const MemoryMount&) = delete;
  MemoryMount& operator=(const MemoryMount&) = delete;
  bool unmount() {
    mounted_ = ::umount(path_.c_str()) != 0;
    return !mounted_;
  }

 private:
  const std::string path_;
  bool mounted_ = false;
};

// In file systems of memory numbers of inodes begin at 1, and two files are made within one tick of the clock.
TEST_F(TlsFilesTest, files_that_are_alike_on_two_file_systems_of_memory_are_two) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const MemoryMount a(dir_ / "a"), b(dir_ / "b");
  const std::string harmless(library().size(), 'x');
  struct stat first{}, second{};
  std::string paths[2];
  for (int i = 0;
       second.st_ino == 0 || first.st_ino != second.st_ino || first.st_ctim.tv_nsec != second.st_ctim.tv_nsec; ++i) {
    paths[0] = dir_.write("a/" + std::to_string(i), harmless);
    paths[1] = dir_.write("b/" + std::to_string(i), library());
    ASSERT_EQ(::stat(paths[0].c_str(), &first) + ::stat(paths[1].c_str(), &second), 0);
  }
  EXPECT_FALSE(look(paths[0]));
  EXPECT_TRUE(look(paths[1]));
}

TEST_F(TlsFilesTest, a_refused_file_keeps_no_mount) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  MemoryMount disk(dir_ / "disk");
  const auto path = dir_.write("disk/libssl.so.3", library());
  capture_.refuse = true;
  EXPECT_FALSE(look(path));
  EXPECT_TRUE(disk.unmount()) << std::strerror(errno);
}

// Somebody pulls a disk whose programs ran once.
TEST_F(TlsFilesTest, what_is_hooked_can_be_unmounted) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  TlsFiles files{capture_, {2, 10, 3, {}}};
  MemoryMount disk(dir_ / "disk");
  const auto path = dir_.write("disk/libssl.so.3", library());
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(files.look(file.get(), path));
  }
  EXPECT_TRUE(disk.unmount()) << std::strerror(errno);
  EXPECT_TRUE(files.forget_devices({status.st_dev}));
  EXPECT_EQ(capture_.live, 0);
}

// The kernel refuses an execution that the gate holds where we have no descriptor for it.
TEST_F(TlsFilesTest, descriptors_are_left_for_all_else) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 200;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_FALSE(look(dir_.write("libssl.so.3", library())));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_THAT(files_.rows(), SizeIs(1));
  EXPECT_THAT(files_.rows()[0].error, HasSubstr("LimitNOFILE"));
}

TEST_F(TlsFilesTest, where_changes_were_not_told_all_that_is_hooked_is_compared) {
  const auto changed = dir_.write("a", library()), same = dir_.write("b", library("SSL_read"));
  EXPECT_TRUE(look(changed) && look(same));
  dir_.write("a", library("SSL_read_ex"));
  (void)files_.read_changes();  // lost
  files_.follow({});
  EXPECT_EQ(capture_.live, 2);
  EXPECT_THAT(capture_.order, ElementsAre("a", "b", "a"));
}

TEST_F(TlsFilesTest, who_waits_gets_a_turn_after_each_entry) {
  for (int i = 0; i < 10; ++i) dir_.write("d/" + std::to_string(i), "");
  int turns = 0;
  files_.look_below(Fd(::open((dir_ / "d").c_str(), O_RDONLY | O_DIRECTORY)),
                    {"", [&] { ++turns; }, [](std::string_view) { return false; }, false}, {});
  EXPECT_EQ(turns, 10);
}

TEST_F(TlsFilesTest, places_of_deleted_files_are_free_again) {
  for (const char* name : {"a", "b"}) EXPECT_TRUE(look(dir_.write(name, library())));
  const auto third = dir_.write("c", library("SSL_read"));
  ASSERT_EQ(::unlink((dir_ / "a").c_str()), 0);
  EXPECT_TRUE(look(third));
  EXPECT_EQ(capture_.live, 2);
}

TEST_F(TlsFilesTest, what_is_refused_takes_no_more_memory_than_it_may) {
  capture_.refuse = true;
  TlsFiles few{capture_, {2, 3, 100, {}}};
  for (int i = 0; i < 10; ++i) {
    const auto path = dir_.write(std::to_string(i), library());
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(few.look(file.get(), path));
  }
  EXPECT_THAT(few.rows(), SizeIs(3));
  EXPECT_EQ(few.counters().refused, 10u);
}

}  // namespace
}  // namespace plumbline::agent
