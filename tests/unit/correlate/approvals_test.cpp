// Whom an approved run covers, what, until when; and what is left of it after a restart.
#include "agent/correlate/approvals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t ms = 1'000'000, hour = 3'600'000 * ms;

process_key key(std::uint32_t pid, std::uint64_t start = 50 * ms) {
  process_key made{};
  made.tgid = pid;
  made.start_boot_ns = start;
  return made;
}

/// Of process 7, from 100 ms on for an hour, for whatever its rules and runs explain.
Approval approval(std::string id = "r1") {
  Approval made;
  made.id = std::move(id);
  made.principal = "repo:acme/infra";
  made.process = key(7);
  made.from = 100 * ms;
  made.until = made.from + hour;
  return made;
}

const std::vector<process_key> child = {key(9), key(8), key(7, 50 * ms + 3 * ms), key(1)};
const auto all_run = [](const process_key&) { return true; };
const auto none_runs = [](const process_key&) { return false; };

bool covers(const Approvals& approvals, const std::string& resource, const std::string& path,
            const std::vector<process_key>& lineage = child, std::uint64_t at = 200 * ms) {
  return approvals.find("net", resource, path, lineage, at) != nullptr;
}

TEST(Approvals, of_the_process_and_its_descendants_and_of_nobody_else) {
  Approvals approvals;
  ASSERT_TRUE(approvals.add(approval(), {}, 100 * ms));
  EXPECT_TRUE(covers(approvals, "tofu:net/a", ""));
  EXPECT_FALSE(covers(approvals, "tofu:net/a", "", {key(9), key(8), key(1)})) << "a stranger within the window";
  EXPECT_FALSE(covers(approvals, "tofu:net/a", "", {key(7, 90 * ms)})) << "its number, used again";
  EXPECT_FALSE(covers(approvals, "tofu:net/a", "", child, 99 * ms)) << "before it";
  EXPECT_FALSE(covers(approvals, "tofu:net/a", "", child, 100 * ms + hour)) << "after it";
}

TEST(Approvals, of_what_it_names_and_of_what_its_token_allows) {
  Approval files = approval("files");
  files.asked.paths = {"/etc/app/*.conf"};
  Approvals approvals;
  ASSERT_TRUE(approvals.add(files, {}, 100 * ms));
  EXPECT_TRUE(covers(approvals, "file:x", "/etc/app/a.conf"));
  EXPECT_FALSE(covers(approvals, "file:x", "/etc/app/sub/a.conf"));
  EXPECT_FALSE(covers(approvals, "file:x", ""));

  files.asked.resources = {"tofu:net/*"};
  ASSERT_TRUE(approvals.add(files, {}, 100 * ms)) << "it takes the place of the former";
  EXPECT_EQ(approvals.in_force(200 * ms).size(), 1u);
  EXPECT_TRUE(covers(approvals, "tofu:net/b", "")) << "one of either list is enough";

  files.allowed.resources = {"tofu:net/a*"};
  ASSERT_TRUE(approvals.add(files, {}, 100 * ms));
  EXPECT_TRUE(covers(approvals, "tofu:net/a1", ""));
  EXPECT_FALSE(covers(approvals, "tofu:net/b", "")) << "the run asks for it, its token does not allow it";
  EXPECT_FALSE(covers(approvals, "tofu:dns/a1", "")) << "the token allows it, the run did not ask for it";

  files.baselines = {"dns"};
  ASSERT_TRUE(approvals.add(files, {}, 100 * ms));
  EXPECT_FALSE(covers(approvals, "tofu:net/a1", ""));
}

TEST(Approvals, one_that_names_what_it_covers_comes_first) {
  Approval narrow = approval("narrow");
  narrow.baselines = {"net"};
  Approvals approvals;
  ASSERT_TRUE(approvals.add(narrow, {}, 100 * ms));
  ASSERT_TRUE(approvals.add(approval("wide"), {}, 100 * ms));
  const auto* found = approvals.find("net", "x", "", child, 200 * ms);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, "narrow");
  EXPECT_TRUE(found->names_something());
  EXPECT_EQ(approvals.find("dns", "x", "", child, 200 * ms)->id, "wide");
  EXPECT_FALSE(approvals.find("dns", "x", "", child, 200 * ms)->names_something());
}

TEST(Approvals, end_by_themselves_after_their_process_and_the_grace) {
  Approvals approvals({256, 4096, static_cast<std::int64_t>(hour / 4), static_cast<std::int64_t>(hour)});
  ASSERT_TRUE(approvals.add(approval(), {}, 100 * ms));
  EXPECT_FALSE(approvals.sweep(200 * ms, 0, all_run));
  EXPECT_TRUE(approvals.sweep(300 * ms, 0, none_runs));
  EXPECT_FALSE(approvals.sweep(400 * ms, 0, none_runs)) << "the grace begins once";
  EXPECT_TRUE(covers(approvals, "x", "", child, 300 * ms + hour / 4 - 1)) << "what it left running";
  EXPECT_FALSE(covers(approvals, "x", "", child, 300 * ms + hour / 4));
  EXPECT_TRUE(approvals.sweep(300 * ms + hour / 4 + hour, 0, none_runs));
  EXPECT_TRUE(approvals.is_empty());
}

TEST(Approvals, of_more_than_a_day_are_refused_and_one_can_be_ended) {
  Approvals approvals;
  Approval long_one = approval();
  long_one.until = long_one.from + 24 * hour + 1;
  EXPECT_EQ(approvals.add(long_one, {}, 100 * ms).error().code, ErrorCode::invalid_argument);
  long_one.until -= 1;
  ASSERT_TRUE(approvals.add(long_one, {}, 100 * ms));
  EXPECT_EQ(approvals.end("other", 150 * ms), 0u);
  EXPECT_EQ(approvals.end("r1", 150 * ms), 1u);
  EXPECT_EQ(approvals.end("r1", 160 * ms), 0u);
  EXPECT_TRUE(covers(approvals, "x", "", child, 149 * ms)) << "what it did before, however late that is looked at";
  EXPECT_FALSE(covers(approvals, "x", "", child, 150 * ms));
}

TEST(Approvals, one_that_takes_the_place_of_another_does_so_from_then_on) {
  Approvals approvals;
  ASSERT_TRUE(approvals.add(approval(), {}, 100 * ms));
  Approval narrow = approval();
  narrow.from = 150 * ms;
  narrow.asked.paths = {"/etc/a"};
  ASSERT_TRUE(approvals.add(narrow, {}, 150 * ms));
  EXPECT_TRUE(covers(approvals, "tofu:net/a", "", child, 149 * ms));
  EXPECT_FALSE(covers(approvals, "tofu:net/a", "", child, 150 * ms));
}

TEST(Approvals, at_the_bound_what_is_in_force_stays_and_the_next_is_refused) {
  Approvals approvals({2, 1, 0, static_cast<std::int64_t>(hour)});
  const UsedToken first{"aa", 1}, second{"bb", 1};
  ASSERT_TRUE(approvals.add(approval("a"), first, 100 * ms));
  EXPECT_EQ(approvals.add(approval("b"), second, 100 * ms).error().code, ErrorCode::unavailable);
  EXPECT_FALSE(approvals.is_used("bb")) << "it was not used after all";
  ASSERT_TRUE(approvals.add(approval("b"), {}, 100 * ms));
  EXPECT_EQ(approvals.add(approval("c"), {}, 100 * ms).error().code, ErrorCode::unavailable);
  approvals.end("a", 150 * ms);
  ASSERT_TRUE(approvals.add(approval("c"), {}, 150 * ms)) << "what is over makes room";
  EXPECT_EQ(approvals.in_force(150 * ms).size(), 2u);
  EXPECT_EQ(approvals.forgotten(), 0u);
  EXPECT_FALSE(approvals.add(approval("d"), {}, 150 * ms));

  // What their processes left behind has to go before a run that begins.
  Approvals left({2, 1, static_cast<std::int64_t>(hour), static_cast<std::int64_t>(hour)});
  ASSERT_TRUE(left.add(approval("a"), {}, 100 * ms));
  ASSERT_TRUE(left.add(approval("b"), {}, 100 * ms));
  left.sweep(150 * ms, 0, none_runs);
  ASSERT_TRUE(left.add(approval("c"), {}, 150 * ms));
  EXPECT_EQ(left.forgotten(), 1u);
  EXPECT_EQ(left.in_force(150 * ms).front().id, "c");
  EXPECT_EQ(left.in_force(150 * ms).back().id, "b");
}

TEST(Approvals, a_token_is_used_once_until_its_end) {
  Approvals approvals;
  const UsedToken token{"aa", 1'000'000'000'000};
  ASSERT_TRUE(approvals.add(approval("a"), token, 100 * ms));
  EXPECT_EQ(approvals.add(approval("b"), token, 100 * ms).error().code, ErrorCode::permission);
  EXPECT_FALSE(approvals.sweep(100 * ms, token.until, all_run)) << "clocks differ: it may still be taken for valid";
  EXPECT_TRUE(approvals.sweep(100 * ms, token.until + 61'000'000'000, all_run));
  EXPECT_FALSE(approvals.is_used("aa"));
}

TEST(Approvals, outlive_the_agent_but_not_the_boot) {
  const TempDir dir;
  Approval files = approval();
  files.is_verified = true;
  files.baselines = {"net"};
  files.asked = {{"tofu:net/*"}, {"/etc/a\"b", "/etc/\xff"}};
  files.allowed = {{"tofu:*"}, {"/etc/**"}};
  Approvals approvals;
  ASSERT_TRUE(approvals.add(files, UsedToken{"aa", 1'700'000'000'000'000'000}, 100 * ms));
  approvals.sweep(200 * ms, 0, none_runs);
  ASSERT_TRUE(approvals.save(dir / "approvals.json", "boot-1"));

  const auto again = Approvals::load(dir / "approvals.json", "boot-1", {});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->is_used("aa"));
  ASSERT_EQ(again->in_force(0).size(), 1u);
  const Approval kept = again->in_force(0)[0], was = approvals.in_force(0)[0];
  EXPECT_EQ(std::tie(kept.id, kept.principal, kept.is_verified, kept.baselines, kept.from, kept.until, kept.ended),
            std::tie(was.id, was.principal, was.is_verified, was.baselines, was.from, was.until, was.ended));
  EXPECT_EQ(std::tie(kept.asked.resources, kept.asked.paths, kept.allowed.resources, kept.allowed.paths),
            std::tie(was.asked.resources, was.asked.paths, was.allowed.resources, was.allowed.paths));
  EXPECT_TRUE(covers(*again, "tofu:net/a", "/etc/\xff"));

  const auto rebooted = Approvals::load(dir / "approvals.json", "boot-2", {});
  ASSERT_TRUE(rebooted);
  EXPECT_TRUE(rebooted->is_empty()) << "its process is gone, and times of that boot say nothing now";
  EXPECT_TRUE(rebooted->is_used("aa"));
}

TEST(Approvals, a_damaged_file_is_said_to_be_one) {
  const TempDir dir;
  EXPECT_EQ(Approvals::load(dir / "none", "b", {}).error().code, ErrorCode::not_found);
  for (const char* text :
       {"", "[]", "{", R"({"version":2})", R"({"version":1,"approvals":[7]})",
        R"({"version":1,"approvals":[{"pid":-1}]})", R"({"version":1,"used_tokens":[{"until":"x"}]})"}) {
    const auto loaded = Approvals::load(dir.write("approvals.json", text), "b", {});
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::corrupt) << text;
    EXPECT_THAT(loaded.error().message(), HasSubstr("approvals.json")) << text;
  }
}

}  // namespace
}  // namespace plumbline::agent
