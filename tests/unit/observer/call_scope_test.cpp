#include "agent/call_scope.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t started = 70'005'000'000;  // 7000 ticks of 10 ms, and a half
const std::string stat_line = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 7000 1 1";

std::optional<bool> excludes(CallScope& scope, std::uint32_t tgid, std::uint64_t cgroup, std::uint64_t v1 = 0) {
  return scope.excludes({cgroup, v1}, tgid, started);
}

TEST(CallScope, a_cgroup_is_asked_for_once) {
  const TempDir proc;
  proc.write("7/cgroup", "0::/system.slice/nginx.service\n");
  proc.write("7/stat", stat_line);
  proc.write("8/cgroup", "0::/kubepods/burstable/pod1/c\n");
  proc.write("8/stat", stat_line);
  CallScope scope({"*/nginx.service"}, proc.path());
  EXPECT_EQ(excludes(scope, 7, 100), true);
  EXPECT_EQ(excludes(scope, 8, 200), false);
  proc.write("7/cgroup", "0::/elsewhere\n");
  proc.write("7/stat", stat_line);
  EXPECT_EQ(excludes(scope, 7, 100), true);
  EXPECT_EQ(excludes(scope, 9, 100), true) << "another process of that cgroup, which is gone";
}

TEST(CallScope, of_the_old_hierarchies_each_is_asked) {
  const TempDir proc;
  proc.write("7/cgroup", "5:pids:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n");
  proc.write("7/stat", stat_line);
  CallScope scope({"/docker/*"}, proc.path());
  EXPECT_EQ(excludes(scope, 7, 1, 300), true);
}

TEST(CallScope, who_is_gone_is_not_excluded_and_nothing_is_kept_of_it) {
  const TempDir proc;
  CallScope scope({"*"}, proc.path());
  EXPECT_EQ(excludes(scope, 7, 100), std::nullopt);
  proc.write("8/cgroup", "no line of cgroups\n");
  proc.write("8/stat", stat_line);
  EXPECT_EQ(excludes(scope, 8, 100), std::nullopt);
  proc.write("8/cgroup", "0::/a\n");
  proc.write("8/stat", stat_line);
  EXPECT_EQ(excludes(scope, 8, 100), true);
  EXPECT_EQ(scope.counts().unknown, 2u);
  EXPECT_EQ(scope.counts().excluded, 1u);
}

TEST(CallScope, another_process_of_the_same_number_says_nothing_of_the_cgroup) {
  const TempDir proc;
  proc.write("7/cgroup", "0::/a\n");
  proc.write("7/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 7001 1 1");
  CallScope scope({"/a"}, proc.path());
  EXPECT_EQ(excludes(scope, 7, 100), std::nullopt);
  proc.write("7/stat", stat_line);
  EXPECT_EQ(excludes(scope, 7, 100), true);
}

TEST(CallScope, what_lies_below_a_cgroup_is_it_too) {
  const TempDir proc;
  proc.write("7/cgroup", "0::/system.slice/proxy.service/worker/1\n");
  proc.write("8/cgroup", "0::/system.slice/proxy.service-of-others\n");
  proc.write("9/cgroup", "0::/\n");
  for (const char* pid : {"7", "8", "9"}) proc.write(pid + std::string("/stat"), stat_line);
  CallScope scope({"/system.slice/proxy.service"}, proc.path());
  EXPECT_EQ(excludes(scope, 7, 100), true);
  EXPECT_EQ(excludes(scope, 8, 200), false);
  EXPECT_EQ(excludes(scope, 9, 300), false);
}

TEST(CallScope, in_a_namespace_of_its_own_the_agent_reads_whole_paths) {
  const TempDir proc, cgroups;
  const std::string self = std::to_string(::getpid()) + "\n", pods = "kubepods.slice/burstable.slice/";
  cgroups.write("cgroup.controllers", "pids\n");
  cgroups.write("cgroup.procs", "1\n");
  cgroups.write(pods + "pod-a/agent/cgroup.procs", "1" + self);
  cgroups.write(pods + "pod-b/agent/cgroup.procs", self);
  proc.write("self/cgroup", "0::/\n");
  proc.write("7/cgroup", "0::/../../pod-c/proxy\n");
  proc.write("8/cgroup", "0::/../../../../system.slice/proxy.service\n");
  proc.write("9/cgroup", "0::/\n");
  proc.write("10/cgroup", "0::/../../../../../elsewhere\n");
  for (const char* pid : {"7", "8", "9", "10"}) proc.write(pid + std::string("/stat"), stat_line);
  CallScope scope({"/kubepods.slice/burstable.slice/pod-c", "/system.slice/*"}, proc.path(), cgroups.path());
  EXPECT_EQ(excludes(scope, 7, 100), true);
  EXPECT_EQ(excludes(scope, 8, 200), true);
  EXPECT_EQ(excludes(scope, 9, 300), false);
  EXPECT_EQ(excludes(scope, 10, 400), std::nullopt);
  CallScope own({"/kubepods.slice/burstable.slice/pod-b"}, proc.path(), cgroups.path());
  EXPECT_EQ(excludes(own, 9, 300), true);
}

TEST(CallScope, paths_that_cannot_be_placed_exclude_nobody) {
  const TempDir proc, cgroups;
  cgroups.write("cgroup.controllers", "pids\n");
  cgroups.write("cgroup.procs", "1\n");
  proc.write("self/cgroup", "0::/\n");
  proc.write("7/cgroup", "0::/../a\n");
  proc.write("7/stat", stat_line);
  CallScope scope({"*"}, proc.path(), cgroups.path());
  EXPECT_EQ(excludes(scope, 7, 100), std::nullopt);
  EXPECT_EQ(scope.counts().unknown, 1u);
  EXPECT_EQ(scope.counts().unplaced, 1u);
  // It is moved to where its place can be told: that is seen, though not at each request.
  proc.write("7/cgroup", "0::/a\n");
  proc.write("7/stat", stat_line);
  int asked = 1;
  while (excludes(scope, 7, 100) == std::nullopt) ASSERT_LT(++asked, 1000);
  EXPECT_GT(asked, 10);
}

TEST(CallScope, without_patterns_nobody_is_asked) {
  CallScope scope({}, "/nowhere");
  EXPECT_EQ(excludes(scope, 7, 100), false);
}

}  // namespace
}  // namespace plumbline::agent
