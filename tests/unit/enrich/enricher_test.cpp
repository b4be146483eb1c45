#include "agent/enrich/enricher.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <map>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FixedClock final : public Clock {
 public:
  WallNs wall() const override { return 1'000'000'000'000; }
  std::int64_t boot() const override { return 500'000'000'000; }
};

class Table : public ProcessSource {
 public:
  void add(std::uint32_t pid, std::uint32_t parent, const std::string& components, std::uint64_t exe_ino,
           bool init = false) {
    process p{};
    p.parent.tgid = parent;
    p.parent.start_boot_ns = parent * 10;
    p.image.exec_boot_ns = pid;
    p.exit_boot_ns = 1;
    p.pid_ns_init = init;
    processes[pid] = p;
    image i{};
    i.exe.ino = exe_ino;
    std::memcpy(i.path, components.data(), components.size());
    i.path_len = static_cast<__u16>(components.size());
    images[pid] = i;
  }
  std::vector<process_key> list_processes() const override { return {}; }
  std::optional<process> find_process(const process_key& key) const override {
    const auto it = processes.find(key.tgid);
    return it == processes.end() || key.start_boot_ns != key.tgid * 10ull ? std::nullopt : std::optional(it->second);
  }
  std::optional<image> find_image(const image_key& key) const override {
    const auto it = images.find(key.exec_boot_ns);
    return it == images.end() ? std::nullopt : std::optional(it->second);
  }
  std::map<std::uint32_t, process> processes;
  std::map<std::uint64_t, image> images;
};

class EnricherTest : public ::testing::Test {
 protected:
  EnricherTest() {
    table_.add(4000001, 4000002, std::string("vi\0bin\0", 7), 11);
    table_.add(4000002, 4000003, std::string("bash\0bin\0", 9), 12);
    table_.add(4000003, 0, std::string("init\0", 5), 13, true);
    raw_.at_boot_ns = 400'000'000'000;
    raw_.tgid = 4000001;
    raw_.start_boot_ns = 40000010;
    raw_.exe.ino = 11;
    raw_.login_uid = 0xffffffff;
    std::strcpy(raw_.comm, "vi");
  }
  Table table_;
  TempDir proc_, run_, cgroup_;
  Containers containers_{{cgroup_.path(), {run_.path()}}};
  Digests digests_{[](const std::string&, const std::string&) { return std::optional<OpenedExecutable>(); }};
  Users users_;
  FixedClock clock_;
  Enricher enricher_{table_, containers_, digests_, users_, clock_, proc_.path()};
  mark_actor raw_{};
  std::vector<std::string> missing_;
};

TEST_F(EnricherTest, names_process_and_lineage_up_to_init) {
  const auto actor = enricher_.actor(raw_, missing_);
  ASSERT_TRUE(actor.process);
  EXPECT_EQ(actor.process->exe, "/bin/vi");
  EXPECT_EQ(actor.process->user, "root");
  EXPECT_FALSE(actor.process->login_uid);
  ASSERT_EQ(actor.lineage.size(), 2u);
  EXPECT_EQ(actor.lineage[0].exe, "/bin/bash");
  EXPECT_TRUE(actor.lineage_complete);
  EXPECT_TRUE(actor.resolved);
}

TEST_F(EnricherTest, says_that_an_ancestor_is_not_known) {
  table_.processes.erase(4000003);
  const auto actor = enricher_.actor(raw_, missing_);
  EXPECT_FALSE(actor.lineage_complete);
  EXPECT_FALSE(actor.resolved);
  EXPECT_THAT(missing_, Contains(HasSubstr("lineage")));
}

TEST_F(EnricherTest, does_not_name_an_image_that_the_process_executed_later) {
  raw_.exe.ino = 99;
  const auto actor = enricher_.actor(raw_, missing_);
  EXPECT_THAT(actor.process->exe, IsEmpty());
  EXPECT_THAT(actor.process->argv, IsEmpty());
  EXPECT_EQ(actor.process->comm, "vi");
}

TEST_F(EnricherTest, says_that_the_process_had_left_the_table) {
  raw_.tgid = 4000009;
  const auto actor = enricher_.actor(raw_, missing_);
  ASSERT_TRUE(actor.process);
  EXPECT_EQ(actor.process->pid, 4000009u);
  EXPECT_FALSE(actor.resolved);
  EXPECT_THAT(missing_, Contains(HasSubstr("process table")));
}

TEST_F(EnricherTest, an_ancestor_is_what_it_was_when_it_forked) {
  // The shell forked vi, and executed a known tool only then.
  table_.add(4000002, 4000003, std::string("tofu\0bin\0", 9), 14);
  table_.processes[4000002].image.exec_boot_ns = 90'000'000;
  table_.images[90'000'000] = table_.images[4000002];
  auto actor = enricher_.actor(raw_, missing_);
  ASSERT_EQ(actor.lineage.size(), 2u);
  EXPECT_EQ(actor.lineage[0].exe, "") << "what it executes since is not what forked";
  // Where the kernel side noted the image that forked, it is named.
  table_.add(4000009, 0, std::string("bash\0bin\0", 9), 12);
  table_.processes[4000001].parent_image.exec_boot_ns = 4000009;
  EXPECT_EQ(enricher_.actor(raw_, missing_).lineage[0].exe, "/bin/bash");
}

TEST_F(EnricherTest, the_end_of_a_long_path_does_not_pass_for_a_path_from_the_root) {
  table_.images[4000001].path_cut = 1;
  table_.images[4000002].path_cut = 1;
  auto actor = enricher_.actor(raw_, missing_);
  EXPECT_EQ(actor.process->exe, "…/bin/vi");
  EXPECT_EQ(actor.lineage[0].exe, "…/bin/bash");
  EXPECT_THAT(missing_, Contains(HasSubstr("beginning of the executable's path")));
  missing_.clear();
  raw_.exe.ino = 99;  // another image ran: nothing of this one is told
  actor = enricher_.actor(raw_, missing_);
  EXPECT_EQ(actor.process->exe, "");
  EXPECT_THAT(missing_, Not(Contains(HasSubstr("beginning of"))));
}

TEST_F(EnricherTest, what_was_executed_in_the_moment_of_the_change_is_named) {
  table_.add(4000008, 0, std::string("sleep\0bin\0", 10), 15);
  raw_.image.exec_boot_ns = 4000001;
  table_.processes[4000001].image.exec_boot_ns = 4000008;  // it executed something else since
  EXPECT_EQ(enricher_.actor(raw_, missing_).process->exe, "/bin/vi");
}

TEST_F(EnricherTest, an_executable_written_just_before_it_ran_proves_nothing) {
  const auto exe = proc_.write("vi", "abc");
  Digests digests([&](const std::string&, const std::string& at) -> std::optional<OpenedExecutable> {
    if (at != "/bin/vi") return std::nullopt;
    OpenedExecutable opened;
    opened.fd = ::open(exe.c_str(), O_RDONLY | O_CLOEXEC);
    opened.key.ino = 11;
    opened.change_time_ns = 700'000'000'000;
    return opened;
  });
  table_.images[4000001].exe_ctime_ns = 700'000'000'000;  // by the wall, which is 500 s ahead of the boot clock
  for (const auto& [ran, proven] : {std::pair(201'000'000'000ull, true), std::pair(200'010'000'000ull, false)}) {
    Enricher enricher(table_, containers_, digests, users_, clock_, proc_.path());
    table_.processes[4000001].image.exec_boot_ns = ran;
    table_.images[ran] = table_.images[4000001];
    missing_.clear();
    EXPECT_EQ(enricher.actor(raw_, missing_).process->exe_sha256.empty(), !proven) << ran;
    if (!proven) EXPECT_THAT(missing_, Contains(HasSubstr("just before")));
  }
}

TEST_F(EnricherTest, an_empty_mark_is_an_unknown_actor) {
  const auto actor = enricher_.actor(mark_actor{}, missing_);
  EXPECT_FALSE(actor.process);
  EXPECT_THAT(actor.unknown_reason, HasSubstr("no actor"));
}

TEST(DigestsTest, takes_only_the_very_inode_that_ran) {
  const TempDir dir;
  const auto path = dir.write("exe", "abc");
  mark_key key{};
  key.ino = 5;
  const OpenExecutable open = [&](const std::string&, const std::string& at) -> std::optional<OpenedExecutable> {
    OpenedExecutable opened;
    opened.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    opened.key = key;
    opened.key.ino = at == "right" ? 5 : 6;
    opened.change_time_ns = 100;
    return opened;
  };
  Digests digests(open);
  constexpr auto abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(digests.of({key, 0, 100}, {{"wrong", "/", false}}), "");
  EXPECT_EQ(digests.unreadable(), 1u);
  EXPECT_EQ(digests.of({key, 0, 100}, {{"wrong", "/", false}, {"right", "/", false}}), abc);
  // Written since it ran, or nobody knows: no proof, except while the kernel keeps it from being written.
  EXPECT_EQ(digests.of({key, 0, 99}, {{"right", "/", false}}), "");
  EXPECT_EQ(digests.of({key, 0, 0}, {{"right", "/", false}}), "");
  EXPECT_EQ(digests.of({key, 0, 0}, {{"right", "/", true}}), abc);
}

TEST(UsersTest, reads_the_hosts_own_files_and_notices_their_change) {
  const TempDir root;
  root.write("etc/passwd", "root:x:0:0::/:/bin/sh\n# note\nbroken line\nweb:x:33:33::/:/bin/sh\nbad:x:x:0\n");
  root.write("etc/group", "www:x:33:\n");
  Users users(root.path());
  EXPECT_EQ(users.user(33), "web");
  EXPECT_EQ(users.group(33), "www");
  EXPECT_EQ(users.user(1), "");
  EXPECT_EQ(users.uid_of("web"), 33u);
  EXPECT_EQ(users.uid_of("77"), 77u);
  EXPECT_EQ(users.uid_of("nobody"), std::nullopt);
}

}  // namespace
}  // namespace plumbline::agent
