#include "agent/source/host_mounts.hpp"

#include <gmock/gmock.h>

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
  EXPECT_EQ(mounts[1].path, "/back\\slash");
  EXPECT_EQ(mounts[2].path, "/end\\");
  EXPECT_TRUE(holds_programs(mounts[0]));
  EXPECT_TRUE(holds_programs(mounts[1]));
  EXPECT_FALSE(holds_programs(mounts[2])) << "its server may be a process that waits for us";
}

TEST(HostMounts, what_cannot_be_read_is_empty) {
  EXPECT_TRUE(read_mounts("/nonexistent/mountinfo").empty());
  EXPECT_FALSE(read_mounts("/proc/self/mountinfo").empty());
}

}  // namespace
}  // namespace plumbline::agent
