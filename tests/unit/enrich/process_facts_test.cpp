#include "agent/enrich/process_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;

/// The kernel side's table, in memory.
class Table : public ProcessSource {
 public:
  std::vector<process_key> list_processes() const override { return {known}; }
  std::optional<process> find_process(const process_key& key) const override {
    return key.tgid == known.tgid && key.start_boot_ns == known.start_boot_ns ? std::optional(entry) : std::nullopt;
  }
  std::optional<image> find_image(const image_key&) const override { return picture; }
  process_key known{};
  process entry{};
  std::optional<image> picture;
};

TEST(ProcessFacts, turns_components_around) {
  EXPECT_EQ(path_of_components("vi\0bin\0usr\0", 11), "/usr/bin/vi");
  EXPECT_EQ(path_of_components("", 0), "");
  EXPECT_EQ(path_of_components("no_end", 6), "/no_end");
}

TEST(ProcessFacts, splits_argv_with_empty_and_unended_pieces) {
  EXPECT_THAT(split_argv("vi\0\0a b\0cut", 11), ElementsAre("vi", "", "a b", "cut"));
}

TEST(ProcessFacts, reads_itself_from_proc) {
  const auto facts = read_proc("/proc", static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->key.tgid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(facts->parent.tgid, static_cast<std::uint32_t>(::getppid()));
  EXPECT_EQ(facts->exe, std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(facts->uid, ::getuid());
  EXPECT_FALSE(facts->argv.empty());
  EXPECT_TRUE(is_running("/proc", facts->key));
}

TEST(ProcessFacts, does_not_take_a_reused_pid_for_the_process) {
  process_key key{};
  key.tgid = static_cast<std::uint32_t>(::getpid());
  key.start_boot_ns = 1;
  EXPECT_FALSE(read_proc("/proc", key));
}

TEST(ProcessFacts, survives_a_name_with_parentheses_and_spaces) {
  const TempDir proc;
  proc.write("7/stat", "7 (a) b (c)) S 3 7 7 34816 -1 4194304 1 1 0 0 0 0 0 0 20 0 1 0 500 1 1\n");
  const auto facts = read_proc(proc.path(), 7);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->comm, "a) b (c)");
  EXPECT_EQ(facts->parent.tgid, 3u);
  EXPECT_EQ(facts->key.start_boot_ns, 5'000'000'000u);
  EXPECT_EQ(facts->tty, "pts/0");
}

TEST(ProcessFacts, takes_garbage_in_proc_as_nothing) {
  const TempDir proc;
  proc.write("7/stat", "7 (cut");
  EXPECT_FALSE(read_proc(proc.path(), 7));
}

TEST(ProcessFacts, names_a_process_that_is_gone_from_the_table) {
  Table table;
  table.known.tgid = 4'000'000;
  table.known.start_boot_ns = 77;
  std::strcpy(table.entry.comm, "grandchild");
  table.entry.exit_boot_ns = 78;
  image picture{};
  std::memcpy(picture.path, "sh\0bin\0", 7);
  picture.path_len = 7;
  std::memcpy(picture.argv, "sh\0-c\0", 6);
  picture.argv_len = 6;
  table.picture = picture;
  const auto facts = ProcessTable(table, "/proc").find(table.known);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->exe, "/bin/sh");
  EXPECT_THAT(facts->argv, ElementsAre("sh", "-c"));
  EXPECT_FALSE(is_running("/proc", facts->key));
}

TEST(ProcessFacts, keeps_what_ran_before_the_agent_and_ended_since) {
  const TempDir proc;
  proc.write("7/stat", "7 (bash) S 3 7 7 34816 -1 4194304 1 1 0 0 0 0 0 0 20 0 1 0 500 1 1\n");
  proc.write("7/cmdline", std::string("bash\0-l\0", 8) + std::string(600, 'x'));
  std::filesystem::create_symlink("/bin/bash", proc.path() + "/7/exe");
  Table table;
  table.known.tgid = 7;
  table.known.start_boot_ns = 5'000'000'123;
  table.entry.image.exec_boot_ns = table.known.start_boot_ns;
  table.entry.image.tgid = 7;
  ProcessTable processes(table, proc.path());
  processes.remember_running();
  std::filesystem::remove_all(proc.path() + "/7");
  table.entry.exit_boot_ns = 9'000'000'000;
  auto facts = processes.find(table.known);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->exe, "/bin/bash");
  ASSERT_EQ(facts->argv.size(), 3u);
  EXPECT_EQ(facts->argv[2], std::string(503, 'x'));
  EXPECT_TRUE(facts->argv_cut);
  // A child that executed nothing of its own shares the image.
  table.known.tgid = 8;
  facts = processes.find(table.known);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->exe, "/bin/bash");
}

TEST(ProcessFacts, bounds_lengths_that_a_broken_table_claims) {
  Table table;
  table.known.tgid = 1;
  image picture{};
  picture.path_len = 65535;
  picture.argv_len = 65535;
  table.picture = picture;
  EXPECT_TRUE(ProcessTable(table, "/proc").find(table.known));
}

}  // namespace
}  // namespace plumbline::agent
