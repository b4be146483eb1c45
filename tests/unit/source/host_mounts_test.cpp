#include "agent/source/host_mounts.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

TEST(HostMounts, lines_are_read_as_proc_5_writes_them) {
  const TempDir dir;
  const auto mounts = read_mounts(dir.write(
      "mountinfo",
      "36 35 98:0 /below /mnt\\0402 rw,noatime master:1 propagate_from:2 - ext4 /dev/root rw,errors=continue\n"
      "37 35 0:54 / /back\\134slash rw - overlay overlay rw\n"
      "no mount at all\n"
      "38 35 0:x / /odd rw - tmpfs tmpfs rw\n"
      "39 35 0:55 / /cut rw shared:1\n"
      "40 35 0:56 / /end\\ rw - fuse.s3fs s3fs rw"));
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].path, "/mnt 2");
  EXPECT_EQ(mounts[0].device, (std::pair{98u, 0u}));
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[0].id, 36u);
  EXPECT_EQ(mounts[0].root, "/below");
  EXPECT_EQ(mounts[0].options, "rw,errors=continue");
  EXPECT_EQ(mounts[1].path, "/back\\slash");
  EXPECT_EQ(mounts[2].path, "/end\\");
  EXPECT_EQ(local_mounts(mounts).size(), 2u) << "the server of the third may be a process that waits for us";
}

TEST(HostMounts, what_somebody_serves_is_not_walked_through) {
  const auto mount = [](const char* path, const char* type) { return HostMount{{0, 1}, path, type}; };
  const std::vector<HostMount> all = {mount("/", "ext4"),          mount("/proc", "proc"),    mount("/srv", "nfs4"),
                                      mount("/srv/x/img", "xfs"),  mount("/srvs", "xfs"),     mount("/sys", "sysfs"),
                                      mount("/sys/fs/x", "tmpfs"), mount("/data", "xfs"),     mount("/data", "fuse.s3"),
                                      mount("/net", "autofs"),     mount("/net/a/b", "ext4"), mount("/back", "fuse.s3"),
                                      mount("/back", "ext4")};
  std::vector<std::string> paths;
  for (const auto& local : local_mounts(all)) paths.push_back(local.path);
  EXPECT_THAT(paths, ::testing::ElementsAre("/", "/srvs", "/sys/fs/x", "/back"));
  EXPECT_TRUE(is_local(all, "/usr/lib"));
  EXPECT_TRUE(is_local(all, "/srvs/a"));
  EXPECT_FALSE(is_local(all, "/srv"));
  EXPECT_FALSE(is_local(all, "/data/lib"));
}

TEST(HostMounts, in_a_pod_the_hosts_files_are_below_its_first_process) {
  const TempDir proc;
  EXPECT_EQ(host_root(proc.path()), "") << "nothing is known of the host";
  std::filesystem::create_directory(proc / "1");
  std::filesystem::create_directory_symlink("/usr", proc / "1/root");
  EXPECT_EQ(host_root(proc.path()), proc / "1/root");
  std::filesystem::remove(proc / "1/root");
  std::filesystem::create_directory_symlink("/", proc / "1/root");
  EXPECT_EQ(host_root(proc.path()), "");
}

TEST(HostMounts, what_cannot_be_read_is_empty) {
  EXPECT_TRUE(read_mounts("/nonexistent/mountinfo").empty());
  EXPECT_FALSE(read_mounts("/proc/self/mountinfo").empty());
}

}  // namespace
}  // namespace plumbline::agent
