#include "agent/source/container_root.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/support/contained_process.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;

std::string read_fd(const Fd& found) {
  std::ifstream file("/proc/self/fd/" + std::to_string(found.get()));
  return {std::istreambuf_iterator<char>(file), {}};
}

class ContainerRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!contained_.why_not().empty()) GTEST_SKIP() << contained_.why_not();
    dir_.write("root/etc/app.conf", "inside");
    dir_.write("outside", "outside");
    auto opened = ContainerRoot::open("/proc", contained_.process(), contained_.root());
    ASSERT_TRUE(opened) << opened.error().message();
    root_ = *opened;
  }
  int error_of(const std::string& path) const {
    const auto look = root_->look();
    const Fd found = look.value().open(path);
    return found ? 0 : errno;
  }

  TempDir dir_;
  ContainedProcess contained_{[this] {
                                fs::create_directories(dir_ / "root/etc");
                                fs::create_directories(dir_ / "root/served");
                                fs::create_directories(dir_ / "root/data");
                                return dir_ / "root";
                              }(),
                              [this] {
                                ::mount("/proc", (dir_ / "root/served").c_str(), nullptr, MS_BIND | MS_REC, nullptr);
                                ::mount("tmpfs", (dir_ / "root/data").c_str(), "tmpfs", 0, nullptr);
                                std::ofstream(dir_ / "root/data/a") << "mounted";
                              }};
  std::shared_ptr<const ContainerRoot> root_;
};

TEST_F(ContainerRootTest, a_path_is_one_in_the_root) {
  const auto look = root_->look();
  ASSERT_TRUE(look) << look.error().message();
  EXPECT_EQ(read_fd(look->open("/etc/app.conf")), "inside");
  EXPECT_EQ(read_fd(look->open("/data/a")), "mounted") << "as its processes see it";
  EXPECT_EQ(error_of("/etc/none"), ENOENT);
}

TEST_F(ContainerRootTest, nothing_leads_out_of_it) {
  fs::create_symlink(dir_ / "outside", dir_ / "root/etc/out");
  fs::create_directory_symlink("/", dir_ / "root/top");
  fs::create_directory_symlink("../../../../..", dir_ / "root/up");
  const auto look = root_->look();
  const Fd link = look->open("/etc/out");
  struct stat status{};
  ASSERT_EQ(::fstat(link.get(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode)) << "the link itself";
  EXPECT_EQ(error_of("/top/outside"), ELOOP);
  EXPECT_EQ(error_of("/up" + dir_.path() + "/outside"), ELOOP);
  EXPECT_EQ(error_of("/../../../../../" + dir_.path() + "/outside"), ENOENT);
}

TEST_F(ContainerRootTest, what_may_let_us_wait_is_not_looked_at) {
  EXPECT_EQ(error_of("/served/1/root/etc"), EXDEV) << "nor a magic link";
  EXPECT_EQ(error_of("/served"), EXDEV);
}

TEST_F(ContainerRootTest, ends_with_its_process_whoever_has_the_number_then) {
  EXPECT_TRUE(root_->is_alive());
  auto other = contained_.process();
  ++other.start_ticks;
  const auto wrong = ContainerRoot::open("/proc", other, contained_.root());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::not_found);
  contained_.end();
  EXPECT_FALSE(root_->is_alive());
  ASSERT_FALSE(root_->look());
  EXPECT_EQ(root_->look().error().code, ErrorCode::not_found);
}

TEST_F(ContainerRootTest, keeps_nothing_of_the_file_system_busy) {
  {
    const auto look = root_->look();
  }
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = fs::read_symlink(entry.path(), gone).string();
    EXPECT_FALSE(target.starts_with(dir_.path())) << target;
  }
}

TEST_F(ContainerRootTest, a_root_that_the_runtime_did_not_make_is_refused) {
  fs::create_directories(dir_ / "root/fake/etc");
  const ContainedProcess elsewhere(dir_ / "root/fake");
  ASSERT_EQ(elsewhere.why_not(), "");
  const auto opened = ContainerRoot::open("/proc", elsewhere.process(), contained_.root());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().why.find("another root"), std::string::npos) << opened.error().message();
}

TEST_F(ContainerRootTest, the_hosts_root_is_no_containers) {
  ContainerRoot::Process self;
  self.pid = static_cast<std::uint32_t>(::getpid());
  const auto wrong = ContainerRoot::open("/proc", self, "/");
  ASSERT_FALSE(wrong) << "its start is another one";
  EXPECT_EQ(wrong.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace plumbline::agent
