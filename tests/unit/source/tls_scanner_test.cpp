#include "agent/source/tls_scanner.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "include/util/file_time.hpp"
#include "tests/unit/source/counting_capture.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using test::library;
using ::testing::SizeIs;

/// Keeps what it is asked to tell again, in place of the kernel.
class AskedMappedFiles final : public MappedFiles {
 public:
  int ring_fd() const override { return -1; }
  void consume(const Sample&) override {}
  void tell_again(const mapped_key& key) override { last = key.inode.ino; }
  void tell_all_again() override { ++all; }
  mapped_counters read_counters() const override { return {}; }
  const char* hook() const override { return "fentry"; }
  std::atomic<std::uint64_t> last{0};  ///< the number of an inode
  std::atomic<int> all{0};
};

/// Over a host of the test's own: its root, its /proc.
class TlsScannerTest : public ::testing::Test {
 protected:
  TlsScannerTest() { std::filesystem::create_directory(dir_ / "proc"); }

  void make_scanner(std::size_t max_waiting = 100) {
    scanner_ = std::make_unique<TlsScanner>(
        files_, TlsScanner::Options{dir_ / "host", {"/usr/lib", "/not-there"}, dir_ / "proc", max_waiting});
  }
  void start() {
    scanner_->start();
    wait([&] { return scanner_->counters().first_pass_done.load(); });
  }
  /// A process that executes `exe` below `root`, which is a folder of the test's.
  void run(std::uint32_t pid, const std::string& exe, const std::string& root) {
    const std::string folder = dir_ / ("proc/" + std::to_string(pid));
    std::filesystem::create_directory(folder);
    std::filesystem::create_symlink(exe, folder + "/exe");
    std::filesystem::create_directory_symlink(root, folder + "/root");
    dir_.write("proc/" + std::to_string(pid) + "/ns/mnt", "");  // its number is the namespace's
  }
  /// It has mapped a file at 0x1000 to 0x3000. What the kernel side tells of it.
  mapped_record map(std::uint32_t pid, const std::string& path) {
    const std::string folder = dir_ / ("proc/" + std::to_string(pid) + "/map_files");
    std::filesystem::create_directories(folder);
    std::filesystem::create_symlink(path, folder + "/1000-3000");
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    mapped_record record{};
    record.key.inode.ino = status.st_ino;
    record.key.ctime_ns = static_cast<std::uint64_t>(ns_of(status.st_ctim));
    record.start = 0x1000;
    record.end = 0x3000;
    record.tgid = pid;
    return record;
  }
  static void wait(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<std::string> hooked() const {
    std::vector<std::string> paths;
    for (const auto& row : files_.rows()) paths.push_back(row.path);
    return paths;
  }

  const TempDir dir_;
  test::CountingCapture capture_;
  TlsFiles files_{capture_, {100, 1000, 200'000, {}, 4096, false}};  // names of mounts of its own say nothing
  AskedMappedFiles mapped_;
  std::unique_ptr<TlsScanner> scanner_;
};

TEST_F(TlsScannerTest, what_runs_and_what_is_installed_is_looked_at_first) {
  dir_.write("host/usr/lib/libssl.so", library());
  run(7, dir_.write("bin/static", library("SSL_read")), dir_ / "host");
  make_scanner();
  start();
  EXPECT_THAT(hooked(),
              ::testing::UnorderedElementsAre(::testing::EndsWith("/usr/lib/libssl.so"), dir_ / "bin/static"));
}

TEST_F(TlsScannerTest, a_container_that_starts_has_its_libraries_looked_through_once) {
  make_scanner();
  start();
  dir_.write("image/usr/lib/libssl.so", library());
  dir_.write("image/opt/app/libgnutls.so", library("gnutls_record_recv"));
  const auto shell = dir_.write("image/bin/sh", std::string(8192, 'x'));
  run(8, shell, dir_ / "image");
  scanner_->on_executed(8, 4711);
  wait([&] { return capture_.live == 2; });
  run(9, shell, dir_ / "image");
  scanner_->on_executed(9, 4711);
  wait([&] { return scanner_->counters().executions == 2; });
  scanner_->stop();
  EXPECT_EQ(scanner_->counters().late, 0u) << "they are linked to none of it";
  EXPECT_EQ(scanner_->counters().roots, 1u);
}

// The kernel's numbers of namespaces are used again.
TEST_F(TlsScannerTest, the_next_container_in_a_namespace_of_the_same_number_is_another) {
  make_scanner();
  start();
  for (const std::string image : {"first", "second"}) {
    dir_.write(image + "/usr/lib/libssl.so", library());
    const std::uint32_t pid = image == "first" ? 8 : 9;
    run(pid, dir_.write(image + "/bin/sh", std::string(8192, 'x')), dir_ / image);
    scanner_->on_executed(pid, 4711);
  }
  wait([&] { return capture_.live == 2; });
}

// Its root may have tens of thousands of files, and the next container's first call comes within milliseconds.
TEST_F(TlsScannerTest, what_starts_goes_before_the_libraries_of_who_started_before) {
  make_scanner();
  start();
  dir_.write("first/usr/lib/liba.so", library());
  dir_.write("first/usr/lib/libb.so", library("SSL_write_ex"));
  const auto two = dir_.write("second/bin/two", library("SSL_read_ex"));
  capture_.on_hook = [&](const std::string& name) {
    if (name != "two" && capture_.order.size() == 2) {
      run(9, two, dir_ / "second");
      scanner_->on_executed(9, 4712);
    }
  };
  run(8, dir_.write("first/bin/one", library("SSL_read")), dir_ / "first");
  scanner_->on_executed(8, 4711);
  wait([&] { return scanner_->counters().roots == 2; });
  scanner_->stop();
  EXPECT_THAT(capture_.order,
              ::testing::ElementsAre("one", ::testing::StartsWith("lib"), "two", ::testing::StartsWith("lib")));
}

// A link that a container put there leads nowhere else.
TEST_F(TlsScannerTest, a_containers_links_do_not_lead_out_of_it) {
  make_scanner();
  start();
  dir_.write("secret/libssl.so", library());
  std::filesystem::create_directories(dir_ / "image/usr");
  std::filesystem::create_directory_symlink(dir_ / "secret", dir_ / "image/usr/lib");
  run(8, dir_.write("image/bin/sh", std::string(8192, 'x')), dir_ / "image");
  scanner_->on_executed(8, 4711);
  wait([&] { return scanner_->counters().roots == 1; });
  EXPECT_EQ(capture_.live, 0);
}

// Python loads libssl by a module that the interpreter is not linked to.
TEST_F(TlsScannerTest, who_is_held_goes_on_once_likely_files_of_its_root_were_looked_at) {
  make_scanner();
  start();
  dir_.write("image/usr/lib/libfirst.so", library("SSL_read"));
  dir_.write("image/usr/lib/python3/_ssl.cpython-312.so", library());
  const auto python = dir_.write("image/bin/python", std::string(8192, 'x'));
  run(8, "/not/yet", dir_ / "image");
  std::atomic<bool> is_done = false;
  std::vector<std::string> hooked_then;
  scanner_->on_executing(Fd(::open(python.c_str(), O_RDONLY | O_CLOEXEC)), 8, [&](bool was_looked_at) {
    EXPECT_TRUE(was_looked_at);
    hooked_then = capture_.order;
    is_done = true;
  });
  wait([&] { return is_done.load() && capture_.live == 2; });
  scanner_->stop();
  EXPECT_THAT(hooked_then, ::testing::ElementsAre("_ssl.cpython-312.so"));
}

TEST_F(TlsScannerTest, what_the_libraries_of_a_program_are_linked_to_is_looked_at) {
  make_scanner();
  start();
  dir_.write("image/usr/lib/libssl.so.3", library());
  dir_.write("image/usr/lib/libcurl.so.4", test::linked_to("libssl.so.3"));
  run(8, dir_.write("image/bin/curl", test::linked_to("libcurl.so.4")), dir_ / "image");
  capture_.on_hook = [&](const std::string&) { EXPECT_EQ(scanner_->counters().executions, 0u) << "it is later"; };
  scanner_->on_executed(8, 4711);
  wait([&] { return capture_.live == 1 && scanner_->counters().late == 1; });
}

TEST_F(TlsScannerTest, the_likely_files_of_a_layer_that_came_are_looked_at_when_something_is_mounted) {
  dir_.write("host/usr/lib/old/libssl.so", library());
  dir_.write("proc/1/mountinfo", "");
  std::filesystem::create_directory(dir_ / "proc/1/root");
  make_scanner();
  start();
  EXPECT_EQ(capture_.live, 1);
  dir_.write("host/usr/lib/layer/libssl.so.3", library("SSL_read"));
  dir_.write("host/usr/lib/layer/libother.so", library("SSL_write_ex"));
  dir_.write("proc/1/mountinfo", "40 1 0:56 / /merged rw - overlay overlay rw\n");
  scanner_->on_mounted();
  wait([&] { return scanner_->counters().layers == 1; });
  EXPECT_THAT(capture_.order, ::testing::ElementsAre("libssl.so", "libssl.so.3"));
  scanner_->stop();
}

TEST_F(TlsScannerTest, hooks_through_an_overlay_that_is_unmounted_end) {
  const auto shared = dir_.write("image/usr/lib/libssl.so", library());
  struct stat status{};
  ASSERT_EQ(::stat(shared.c_str(), &status), 0);
  const auto device = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::filesystem::create_directory(dir_ / "proc/1");
  std::filesystem::create_directory(dir_ / "proc/1/root");
  dir_.write("proc/1/mountinfo", "40 1 " + device + " / /merged rw - overlay overlay rw\n");
  make_scanner();
  scanner_->set_mapped(&mapped_);
  start();
  run(8, dir_.write("image/bin/sh", std::string(8192, 'x')), dir_ / "image");
  scanner_->on_executed(8, 4711);
  wait([&] { return capture_.live == 1; });
  std::filesystem::remove_all(dir_ / "proc/8");  // it ended
  EXPECT_EQ(mapped_.all, 0);
  dir_.write("proc/1/mountinfo", "");
  scanner_->on_mounted();
  wait([&] { return capture_.live == 0; });
  wait([&] { return mapped_.all == 1; });  // who maps it elsewhere is told again
}

TEST_F(TlsScannerTest, a_root_that_is_unmounted_while_it_is_looked_through_is_let_go) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  std::filesystem::create_directory(dir_ / "image");
  ASSERT_EQ(::mount("none", (dir_ / "image").c_str(), "tmpfs", 0, nullptr), 0);
  dir_.write("image/usr/lib/liba.so", library());
  dir_.write("image/usr/lib/libb.so", library("SSL_read"));
  dir_.write("image/opt/app/program", library("SSL_write_ex"));
  struct stat status{};
  ASSERT_EQ(::stat((dir_ / "image").c_str(), &status), 0);
  const auto device = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::filesystem::create_directories(dir_ / "proc/1/root");
  dir_.write("proc/1/mountinfo", "40 1 " + device + " / /merged rw - overlay overlay rw\n");
  make_scanner();
  start();
  run(8, dir_.write("image/bin/sh", std::string(8192, 'x')), dir_ / "image");
  capture_.on_hook = [&](const std::string&) {
    if (capture_.order.size() > 1) return;
    std::filesystem::remove_all(dir_ / "proc/8");
    ::umount2((dir_ / "image").c_str(), MNT_DETACH);
    dir_.write("proc/1/mountinfo", "");
    scanner_->on_mounted();
  };
  scanner_->on_executed(8, 4711);
  wait([&] { return scanner_->counters().roots == 1; });
  wait([&] { return capture_.live == 0; });
  scanner_->stop();
  EXPECT_THAT(capture_.order, SizeIs(1));
}

TEST_F(TlsScannerTest, who_is_held_and_will_not_be_looked_at_is_told) {
  make_scanner(1);
  std::vector<bool> told;
  for (int i = 0; i < 2; ++i)
    scanner_->on_executing(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 8, [&](bool was) { told.push_back(was); });
  EXPECT_EQ(told, std::vector<bool>{false}) << "there is room for one";
  scanner_.reset();
  EXPECT_EQ(told, (std::vector<bool>{false, false}));
}

TEST_F(TlsScannerTest, a_library_elsewhere_is_hooked_when_somebody_maps_it_and_told_as_a_miss) {
  make_scanner();
  start();
  const auto path = dir_.write("odd/libssl.so", library());
  const auto record = map(30, path);
  scanner_->on_mapped(record);
  wait([&] { return scanner_->counters().mapped == 1; });
  EXPECT_THAT(hooked(), ::testing::ElementsAre(path));
  EXPECT_EQ(scanner_->counters().late, 1u) << "who mapped it may have called meanwhile";
  scanner_->on_mapped(record);
  wait([&] { return scanner_->counters().mapped == 2; });
  EXPECT_EQ(scanner_->counters().late, 1u) << "the second process is seen";
}

TEST_F(TlsScannerTest, a_mapped_file_that_cannot_be_had_is_told_by_its_next_mapping) {
  make_scanner(1);
  scanner_->set_mapped(&mapped_);
  auto gone = map(30, dir_.write("odd/libssl.so", library()));
  gone.tgid = 31;
  auto another = map(32, dir_.write("odd/another.so", library()));
  another.key.ctime_ns -= 1;  // somebody put another file there
  scanner_->on_mapped(gone);
  scanner_->on_mapped(another);
  EXPECT_EQ(mapped_.last, another.key.inode.ino) << "there is room for one";
  start();
  wait([&] { return scanner_->counters().mapped_missed == 2; });
  EXPECT_EQ(mapped_.last, gone.key.inode.ino);
  scanner_->on_mapped(another);
  wait([&] { return scanner_->counters().mapped_missed == 3; });
  EXPECT_EQ(mapped_.last, another.key.inode.ino);
  EXPECT_THAT(hooked(), ::testing::IsEmpty());
}

TEST_F(TlsScannerTest, executions_that_are_gone_or_too_many_are_counted) {
  make_scanner(2);
  for (std::uint32_t pid = 20; pid < 25; ++pid) scanner_->on_executed(pid, pid);
  EXPECT_EQ(scanner_->counters().dropped, 3u);
  start();
  wait([&] { return scanner_->counters().gone == 2; });
}

}  // namespace
}  // namespace plumbline::agent
