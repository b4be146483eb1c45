#include "agent/call_scope.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t started = 70'005'000'000;  // 7000 ticks of 10 ms, and a half
const std::string stat_line = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 7000 1 1";

mark_actor actor(std::uint32_t tgid, std::uint64_t cgroup, std::uint64_t v1 = 0) {
  mark_actor actor{};
  actor.tgid = tgid;
  actor.cgroup_id = cgroup;
  actor.cgroup_v1_id = v1;
  actor.start_boot_ns = started;
  return actor;
}

TEST(CallScope, a_cgroup_is_asked_for_once) {
  const TempDir proc;
  proc.write("7/cgroup", "0::/system.slice/nginx.service\n");
  proc.write("7/stat", stat_line);
  proc.write("8/cgroup", "0::/kubepods/burstable/pod1/c\n");
  proc.write("8/stat", stat_line);
  CallScope scope({"*/nginx.service"}, proc.path());
  EXPECT_TRUE(scope.excludes(actor(7, 100)));
  EXPECT_FALSE(scope.excludes(actor(8, 200)));
  proc.write("7/cgroup", "0::/elsewhere\n");
  proc.write("7/stat", stat_line);
  EXPECT_TRUE(scope.excludes(actor(7, 100)));
  EXPECT_TRUE(scope.excludes(actor(9, 100))) << "another process of that cgroup, which is gone";
}

TEST(CallScope, of_the_old_hierarchies_each_is_asked) {
  const TempDir proc;
  proc.write("7/cgroup", "5:pids:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n");
  proc.write("7/stat", stat_line);
  CallScope scope({"/docker/*"}, proc.path());
  EXPECT_TRUE(scope.excludes(actor(7, 1, 300)));
}

TEST(CallScope, who_is_gone_is_not_excluded_and_nothing_is_kept_of_it) {
  const TempDir proc;
  CallScope scope({"*"}, proc.path());
  EXPECT_FALSE(scope.excludes(actor(7, 100)));
  proc.write("8/cgroup", "no line of cgroups\n");
  proc.write("8/stat", stat_line);
  EXPECT_FALSE(scope.excludes(actor(8, 100)));
  proc.write("8/cgroup", "0::/a\n");
  proc.write("8/stat", stat_line);
  EXPECT_TRUE(scope.excludes(actor(8, 100)));
}

TEST(CallScope, another_process_of_the_same_number_says_nothing_of_the_cgroup) {
  const TempDir proc;
  proc.write("7/cgroup", "0::/a\n");
  proc.write("7/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 7001 1 1");
  CallScope scope({"/a"}, proc.path());
  EXPECT_FALSE(scope.excludes(actor(7, 100)));
  proc.write("7/stat", stat_line);
  EXPECT_TRUE(scope.excludes(actor(7, 100)));
}

TEST(CallScope, without_patterns_nobody_is_asked) {
  CallScope scope({}, "/nowhere");
  EXPECT_FALSE(scope.excludes(actor(7, 100)));
}

}  // namespace
}  // namespace plumbline::agent
