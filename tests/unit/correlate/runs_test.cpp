// Who is a run of a baseline, and when.
#include "agent/correlate/runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "agent/correlate/runs_file.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

mark_actor actor(std::uint32_t pid, std::uint64_t at) {
  mark_actor made{};
  made.tgid = pid;
  made.start_boot_ns = 5;
  made.at_boot_ns = at;
  std::strncpy(made.comm, "tofu", sizeof made.comm - 1);
  return made;
}

process_key key(std::uint32_t pid, std::uint64_t start = 5) {
  process_key made{};
  made.tgid = pid;
  made.start_boot_ns = start;
  return made;
}

const std::vector<process_key> provider_of_tofu = {key(8), key(7), key(1)};

TEST(Runs, whoever_holds_the_lock_is_one_with_its_children_while_it_is_held) {
  Runs runs;
  runs.locked("net", actor(7, 100));
  EXPECT_THAT(runs.find("net", provider_of_tofu, 150),
              Optional(Field(&Runs::Found::says, HasSubstr("tofu (pid 7) holds the lock"))));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 99)) << "before it";
  EXPECT_FALSE(runs.find("dns", provider_of_tofu, 150)) << "another baseline";
  EXPECT_FALSE(runs.find("net", std::vector{key(9), key(1)}, 150)) << "somebody else";
  EXPECT_FALSE(runs.find("net", std::vector{key(7, 6)}, 150)) << "another process of that number";
  runs.unlocked("net", 200);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 200));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 201));
}

TEST(Runs, the_next_lock_ends_the_one_before) {
  Runs runs;
  runs.locked("net", actor(7, 100));
  runs.locked("net", actor(9, 200));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 201));
  EXPECT_TRUE(runs.find("net", std::vector{key(9)}, 201));
}

TEST(Runs, who_says_that_it_read_the_state_is_one_once_that_is_the_state) {
  Runs runs;
  EXPECT_FALSE(runs.had_state("net", actor(7, 100), "\"v1\"", false));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 150));
  runs.fetched("net", "\"v0\"");
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 150));
  runs.fetched("net", "\"v1\"");
  EXPECT_THAT(runs.find("net", provider_of_tofu, 150),
              Optional(Field(&Runs::Found::says, HasSubstr("read this baseline's state"))));
  EXPECT_TRUE(runs.had_state("net", actor(9, 200), "\"v1\"", true));
  EXPECT_THAT(runs.find("net", std::vector{key(9)}, 201), Optional(Field(&Runs::Found::says, HasSubstr("wrote"))));
  EXPECT_FALSE(runs.had_state("net", actor(11, 200), "", false));
  EXPECT_FALSE(runs.find("net", std::vector{key(11)}, 201)) << "a version that nobody knows proves nothing";
}

TEST(Runs, whose_version_is_in_force_wrote_it) {
  Runs runs;
  runs.had_state("net", actor(7, 100), "v2", true);
  EXPECT_FALSE(runs.wrote("net", key(7)));
  runs.fetched("net", "v2");
  EXPECT_TRUE(runs.wrote("net", key(7)));
  EXPECT_FALSE(runs.wrote("net", key(8)));
  runs.fetched("net", "v3");
  EXPECT_FALSE(runs.wrote("net", key(7))) << "somebody else did";
}

TEST(Runs, having_had_the_state_does_not_last_for_ever) {
  Runs runs({256, 4, 1000});
  runs.fetched("net", "v");
  runs.had_state("net", actor(7, 100), "v", false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 1100));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 1101));
}

TEST(Runs, what_is_not_proven_makes_no_room_for_itself) {
  Runs runs({8, 4, 1000});
  runs.locked("net", actor(7, 100));
  for (int i = 0; i < 100; ++i) runs.had_state("net", actor(9, 100), "guess" + std::to_string(i), false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 150));
  EXPECT_EQ(runs.size(), 5u);
  for (std::uint32_t pid = 20; pid < 40; ++pid) runs.had_state("net", actor(pid, 100), "guess", false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 150));
  EXPECT_LE(runs.size(), 8u);
  runs.fetched("net", "guess1");
  EXPECT_FALSE(runs.find("net", std::vector{key(9)}, 150)) << "nobody guesses a version";
}

TEST(Runs, who_was_one_stays_one_when_it_reads_again) {
  Runs runs;
  runs.fetched("net", "v1");
  runs.had_state("net", actor(7, 100), "v1", false);
  runs.fetched("net", "v2");
  runs.had_state("net", actor(7, 200), "v1", false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 150)) << "a call that is told late";
}

TEST(Runs, a_lock_elsewhere_counts_once_its_holder_had_the_state_and_as_long_as_it_holds_it) {
  Runs runs({256, 4, 1000});
  runs.fetched("net", "uid/1");
  runs.leased("net", actor(7, 100), true);
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 150)) << "anybody may say that";
  runs.had_state("net", actor(7, 200), "uid/1", false);
  EXPECT_THAT(runs.find("net", provider_of_tofu, 5000),
              Optional(Field(&Runs::Found::says, HasSubstr("holds the lock"))));
  runs.leased("net", actor(7, 6000), true);
  runs.leased("net", actor(9, 6000), false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 6001)) << "another one let go of what it may have said to have";
  runs.leased("net", actor(7, 7000), false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 7000));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 7001));
}

TEST(Runs, who_lets_go_of_the_lock_is_none_though_it_had_the_state) {
  Runs runs;
  runs.fetched("net", "uid/1");
  runs.had_state("net", actor(7, 100), "uid/1", false);
  runs.leased("net", actor(7, 150), true);
  runs.had_state("net", actor(7, 200), "uid/2", true);
  runs.leased("net", actor(7, 250), false);
  EXPECT_TRUE(runs.find("net", provider_of_tofu, 249)) << "a call that is told late";
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 251));
  runs.fetched("net", "uid/2");
  EXPECT_TRUE(runs.wrote("net", key(7)));
  EXPECT_FALSE(runs.find("net", provider_of_tofu, 251)) << "it wrote it while it held the lock";
}

TEST(Runs, are_bounded_and_forgotten_with_their_baseline) {
  Runs runs({2, 4, 1000});
  for (std::uint32_t pid = 7; pid < 10; ++pid) runs.locked("net" + std::to_string(pid), actor(pid, 100));
  EXPECT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs.forgotten(), 1u);
  EXPECT_FALSE(runs.find("net7", provider_of_tofu, 100));
  runs.forget("net8");
  EXPECT_EQ(runs.size(), 1u);
}

TEST(Runs, what_is_kept_of_them_is_what_was_there) {
  const TempDir dir;
  const std::string path = dir / "runs.json", boot(32, 'b');
  Runs before;
  before.fetched("net", "\"v1\"");
  before.had_state("net", actor(7, 100), "\"v1\"", false);
  before.had_state("net", actor(8, 100), "guess", false);
  before.locked("dns", actor(9, 200), {42, -1});
  before.did("net", "tofu:net/x.y", key(7));
  ASSERT_TRUE(write_runs(path, boot, before.keep()));
  EXPECT_THAT(std::string(std::istreambuf_iterator(std::ifstream(path).rdbuf()), {}), Not(HasSubstr("guess")));

  auto kept = read_runs(path, boot);
  ASSERT_TRUE(kept) << kept.error().message();
  Runs after;
  after.take_over(std::move(*kept), [](const process_key& process) { return process.tgid != 9; });
  EXPECT_TRUE(after.find("net", provider_of_tofu, 150));
  EXPECT_FALSE(after.find("net", std::vector{key(8)}, 150)) << "nobody had proven that";
  EXPECT_FALSE(after.find("dns", std::vector{key(9)}, 250)) << "it has ended";
  EXPECT_FALSE(after.find("net", provider_of_tofu, 100 + 3'600'000'000'001)) << "not for longer than before";
  ASSERT_TRUE(after.who_did("net", "tofu:net/x.y"));
  EXPECT_EQ(after.who_did("net", "tofu:net/x.y")->tgid, 7u);
  after.take_over(before.keep(), [](const process_key&) { return true; });
  EXPECT_TRUE(after.holds("dns", {42, -1}));
  EXPECT_FALSE(after.holds("dns", {42, 0})) << "the same number, another file";

  EXPECT_THAT(read_runs(path, std::string(32, 'c'))->runs, ::testing::IsEmpty());
  for (const char* text : {"", "[]", R"({"version":2,"runs":[],"did":[]})", R"({"version":1,"runs":{},"did":[]})"}) {
    dir.write("runs.json", text);
    EXPECT_EQ(read_runs(path, boot).error().code, ErrorCode::corrupt) << text;
  }
  dir.write("runs.json",
            R"({"version":1,"boot_id":")" + boot +
                R"(","runs":[3,{"baseline":"net"},{"baseline":"net","pid":-1,"start":"1"}],"did":[[],{}]})");
  EXPECT_THAT(read_runs(path, boot)->runs, ::testing::IsEmpty());
  EXPECT_EQ(read_runs(dir / "none", boot).error().code, ErrorCode::not_found);
}

TEST(Runs, a_lock_elsewhere_that_may_have_been_let_go_of_unseen_counts_no_longer) {
  constexpr std::int64_t lasts = 1000;
  Runs before({256, 4, lasts});
  before.fetched("net", "uid/1");
  before.leased("net", actor(7, 100), true);
  before.had_state("net", actor(7, 200), "uid/1", false);
  ASSERT_TRUE(before.find("net", provider_of_tofu, 5000));
  Runs after({256, 4, lasts});
  after.take_over(before.keep(), [](const process_key&) { return true; });
  EXPECT_TRUE(after.find("net", provider_of_tofu, 200 + lasts)) << "as who had the state";
  EXPECT_FALSE(after.find("net", provider_of_tofu, 201 + lasts));
  after.fetched("net", "uid/1");
  after.had_state("net", actor(7, 3000), "uid/1", false);
  EXPECT_TRUE(after.find("net", provider_of_tofu, 3500)) << "it goes on";
  after.leased("net", actor(7, 3600), false);
  EXPECT_FALSE(after.find("net", provider_of_tofu, 3601));
}

TEST(Runs, only_what_has_to_be_kept_counts_as_a_change) {
  Runs runs;
  runs.fetched("net", "v");
  runs.had_state("net", actor(7, 100), "guess", false);
  EXPECT_EQ(runs.changes(), 0u);
  runs.had_state("net", actor(7, 100), "v", false);
  EXPECT_EQ(runs.changes(), 1u);
  runs.had_state("net", actor(7, 200), "v", false);
  EXPECT_EQ(runs.changes(), 1u) << "it reads it again and again";
  runs.fetched("net", "guess");
  EXPECT_EQ(runs.changes(), 2u);
}

}  // namespace
}  // namespace plumbline::agent
