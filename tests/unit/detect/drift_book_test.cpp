#include "agent/detect/drift_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/detect/state_file.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::ComparisonResult;
using wire::DriftState;

wire::Finding finding(const std::string& id, ComparisonResult comparison, const std::string& live = "x") {
  wire::Finding f;
  f.id = id;
  f.resource = "file:/a";
  f.where.path = "/a";
  f.comparison = comparison;
  f.at = f.observed_at = 1000;
  if (comparison == ComparisonResult::mismatch) f.diff = {{"mode", "0644", live, false}};
  return f;
}

class DriftBookTest : public ::testing::Test {
 protected:
  std::optional<wire::Drift> take(const wire::Finding& f) {
    auto drift = book_.after(f);
    if (drift) book_.commit(*drift);
    return drift;
  }
  DriftBook book_{2};
};

TEST_F(DriftBookTest, a_contested_drift_goes_on_until_it_is_right) {
  auto drift = take(finding("1", ComparisonResult::mismatch));
  drift->state = DriftState::contested;
  book_.commit(*drift);
  EXPECT_EQ(book_.open_count(), 1u);
  EXPECT_EQ(take(finding("2", ComparisonResult::mismatch, "y"))->id, drift->id);
  EXPECT_EQ(book_.find(drift->id)->state, DriftState::contested);
  EXPECT_EQ(take(finding("3", ComparisonResult::match))->state, DriftState::resolved);
}

TEST_F(DriftBookTest, opens_counts_up_and_resolves_one_drift) {
  EXPECT_FALSE(take(finding("1", ComparisonResult::match)));
  const auto opened = take(finding("2", ComparisonResult::mismatch, "x"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->state, DriftState::open);
  const auto again = take(finding("3", ComparisonResult::mismatch, "y"));
  EXPECT_EQ(again->id, opened->id);
  EXPECT_EQ(again->count, 2u);
  EXPECT_EQ(again->diff[0].live, "y");
  const auto closed = take(finding("4", ComparisonResult::match));
  EXPECT_EQ(closed->id, opened->id);
  EXPECT_EQ(closed->state, DriftState::resolved);
  EXPECT_EQ(closed->diff[0].live, "y");
  EXPECT_THAT(closed->findings, ElementsAre("2", "3", "4"));
  EXPECT_EQ(book_.open_count(), 0u);
  EXPECT_NE(take(finding("5", ComparisonResult::mismatch))->id, opened->id);
}

TEST_F(DriftBookTest, one_path_in_two_containers_is_two_drifts) {
  const auto in = [](const std::string& container, const std::string& id, ComparisonResult comparison) {
    auto f = finding(id, comparison);
    f.where.container.emplace().id = container;
    return f;
  };
  const auto on_node = take(finding("1", ComparisonResult::mismatch));
  const auto one = take(in("c1", "2", ComparisonResult::mismatch));
  const auto two = take(in("c2", "3", ComparisonResult::mismatch));
  EXPECT_EQ(book_.open_count(), 3u);
  EXPECT_EQ(take(in("c1", "4", ComparisonResult::match))->id, one->id);
  EXPECT_EQ(book_.open_drift({"", "file:/a", "/a", "c2"})->id, two->id);
  EXPECT_EQ(book_.open_drift({"", "file:/a", "/a"})->id, on_node->id);
  const auto gone = book_.accepted({"", "file:/a", "/a", "c2"}, 2000, "its container is gone");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->id, two->id);
  EXPECT_EQ(gone->state, DriftState::accepted);
}

TEST_F(DriftBookTest, looking_changes_nothing_until_it_is_committed) {
  EXPECT_TRUE(book_.after(finding("1", ComparisonResult::mismatch)));
  EXPECT_EQ(book_.open_count(), 0u);
}

TEST_F(DriftBookTest, a_claim_opens_and_adds_and_closes_nothing) {
  const auto call = [](const std::string& id, ComparisonResult comparison, const std::string& live = "x") {
    wire::Finding f = finding(id, comparison, live);
    f.call.emplace();
    f.call->outcome = "succeeded";
    f.call->semantics = "merge";
    f.call->sets = {"mode"};
    f.baseline.emplace();
    return f;
  };
  const auto claim = [this](const wire::Finding& f) {
    auto drift = book_.after(f, false, true);
    if (drift) book_.commit(*drift);
    return drift;
  };
  EXPECT_FALSE(claim(call("1", ComparisonResult::match)));
  ASSERT_TRUE(claim(call("2", ComparisonResult::mismatch)));
  EXPECT_EQ(claim(call("3", ComparisonResult::mismatch, "y"))->diff[0].live, "y") << "what it says to be now";
  const auto put_back = claim(call("4", ComparisonResult::match));
  EXPECT_EQ(put_back->state, DriftState::open);
  EXPECT_EQ(put_back->diff[0].live, "y");
  EXPECT_THAT(put_back->evidence.back().says, HasSubstr("finding 4"));
  EXPECT_EQ(take(call("5", ComparisonResult::match))->state, DriftState::resolved);
}

TEST_F(DriftBookTest, what_was_deleted_and_made_again_by_a_known_writer_is_there) {
  const auto call = [](const std::string& id, const char* semantics, ComparisonResult comparison) {
    wire::Finding f = finding(id, comparison);
    f.call.emplace();
    f.call->outcome = "succeeded";
    f.call->semantics = semantics;
    f.baseline.emplace();
    f.diff.clear();
    return f;
  };
  auto deleted = call("1", "remove", ComparisonResult::mismatch);
  deleted.diff = {{"existence", "present", "deleted", false}};
  ASSERT_TRUE(take(deleted));
  const auto made = call("2", "create", ComparisonResult::not_comparable);
  auto claimed = book_.after(made, false, true);
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->state, DriftState::open) << "anybody may say so";
  const auto again = take(made);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state, DriftState::resolved);
}

TEST_F(DriftBookTest, what_cannot_be_compared_opens_and_does_not_close) {
  const auto opened = take(finding("1", ComparisonResult::not_comparable));
  ASSERT_TRUE(opened) << "nobody hides a change by making the file unreadable or huge";
  EXPECT_EQ(opened->state, DriftState::open);
  EXPECT_EQ(opened->comparison, ComparisonResult::not_comparable);
  take(finding("2", ComparisonResult::mismatch));
  EXPECT_EQ(take(finding("3", ComparisonResult::not_comparable))->state, DriftState::open);
  EXPECT_EQ(take(finding("4", ComparisonResult::match))->state, DriftState::resolved);
}

TEST_F(DriftBookTest, a_finding_without_an_actor_keeps_the_one_that_was_seen) {
  auto f = finding("1", ComparisonResult::mismatch);
  f.actor.process.emplace();
  f.actor.process->pid = 7;
  take(f);
  EXPECT_EQ(take(finding("2", ComparisonResult::mismatch, "z"))->actor.process->pid, 7u);
}

TEST_F(DriftBookTest, who_touches_it_next_does_not_take_the_place_of_who_made_the_difference) {
  auto made = finding("1", ComparisonResult::mismatch);
  made.actor.process.emplace().comm = "attacker";
  made.verdict = wire::Verdict::out_of_band;
  made.severity = wire::Severity::high;
  take(made);
  auto touched = finding("2", ComparisonResult::mismatch);
  touched.actor.process.emplace().comm = "touch";
  touched.verdict = wire::Verdict::pending;
  touched.severity = wire::Severity::info;
  EXPECT_EQ(take(touched)->actor.process->comm, "attacker");
  // A known writer that leaves what the stranger did, and adds to it.
  touched.id = "3";
  touched.diff.push_back({"owner", "root", "app", false});
  const auto after = take(touched);
  EXPECT_EQ(after->actor.process->comm, "attacker");
  EXPECT_EQ(after->verdict, wire::Verdict::out_of_band);
  EXPECT_EQ(after->severity, wire::Severity::high);
  EXPECT_EQ(after->diff.size(), 2u);
  EXPECT_EQ(after->count, 3u);
  // Its own addition to content that a stranger wrote: another digest, and the stranger's part may still be in it.
  touched.id = "4";
  touched.diff = {{"mode", "0644", "0640", false}};
  EXPECT_EQ(take(touched)->verdict, wire::Verdict::out_of_band);
  // Moved away and back, or made too large to compare: still the stranger's.
  touched.id = "5";
  touched.diff = {{"existence", "present", "absent", false}};
  EXPECT_EQ(take(touched)->verdict, wire::Verdict::out_of_band);
  touched.id = "6";
  touched.diff = {{"owner", "root", "other", false}};
  EXPECT_EQ(take(touched)->verdict, wire::Verdict::out_of_band);
  // Once it was closed, the next one is whose it is.
  take(finding("7", ComparisonResult::match));
  touched.id = "8";
  EXPECT_EQ(take(touched)->verdict, wire::Verdict::pending);
}

TEST_F(DriftBookTest, who_comes_after_a_worse_one_does_not_take_his_place) {
  const auto by = [](const std::string& id, const std::string& live, wire::Verdict verdict, wire::Severity severity,
                     std::uint32_t pid) {
    auto f = finding(id, ComparisonResult::mismatch, live);
    f.verdict = verdict;
    f.severity = severity;
    f.actor.process.emplace().pid = pid;
    f.actor.process->exe = "/usr/bin/tool";
    f.evidence = {{"word", "of " + std::to_string(pid)}};
    return f;
  };
  using enum wire::Severity;
  take(by("1", "a", wire::Verdict::impersonation, critical, 1));
  auto drift = *take(by("2", "b", wire::Verdict::out_of_band, high, 2));
  EXPECT_EQ(drift.verdict, wire::Verdict::impersonation);
  EXPECT_EQ(drift.severity, critical);
  EXPECT_EQ(drift.actor.process->pid, 1u);
  EXPECT_EQ(drift.diff[0].live, "b");
  ASSERT_EQ(drift.evidence.size(), 2u);
  EXPECT_EQ(drift.evidence[0].says, "of 1");
  EXPECT_EQ(drift.evidence[1].kind, "also_by");
  EXPECT_EQ(drift.evidence[1].says, "/usr/bin/tool, pid 2: out_of_band");
  // Of equal ones the latest, and the severity stays the worst.
  drift = *take(by("3", "c", wire::Verdict::impersonation, medium, 3));
  EXPECT_EQ(drift.actor.process->pid, 3u);
  EXPECT_EQ(drift.severity, critical);
  EXPECT_EQ(drift.evidence[0].says, "of 3");
  EXPECT_EQ(drift.evidence.back().says, "/usr/bin/tool, pid 1: impersonation");
  for (std::uint32_t pid = 10; pid < 50; ++pid)
    drift = *take(by(std::to_string(pid), std::to_string(pid), wire::Verdict::out_of_band, high, pid));
  EXPECT_EQ(drift.evidence.size(), 22u) << "its own, 20 others, and that there are more";
  EXPECT_THAT(drift.evidence.back().says, HasSubstr("the findings name them"));
}

TEST_F(DriftBookTest, a_call_that_says_the_same_is_told_where_it_is_worse) {
  auto f = finding("1", ComparisonResult::mismatch);
  f.call.emplace().outcome = "succeeded";
  f.baseline.emplace();
  take(f);
  f.id = "2";
  f.verdict = wire::Verdict::impersonation;
  f.actor.process.emplace().pid = 2;
  EXPECT_EQ(take(f)->verdict, wire::Verdict::impersonation);
  EXPECT_EQ(book_.newest_first()[0].actor.process->pid, 2u);
}

TEST_F(DriftBookTest, what_could_not_be_compared_is_not_laundered_either) {
  auto huge = finding("1", ComparisonResult::not_comparable);
  huge.verdict = wire::Verdict::out_of_band;
  take(huge);
  auto cut = finding("2", ComparisonResult::mismatch);
  cut.verdict = wire::Verdict::pending;
  EXPECT_EQ(take(cut)->verdict, wire::Verdict::out_of_band);
}

TEST_F(DriftBookTest, two_baselines_of_one_path_have_a_drift_each) {
  auto content = finding("1", ComparisonResult::mismatch);
  content.baseline = wire::BaselineRef{"ops", {}};
  const auto opened = take(content);
  EXPECT_EQ(opened->baseline, "ops");
  auto mode = finding("2", ComparisonResult::match);
  mode.baseline = wire::BaselineRef{"net", {}};
  EXPECT_FALSE(take(mode)) << "what agrees with one does not end the drift from the other";
  mode = finding("3", ComparisonResult::mismatch);
  mode.baseline = wire::BaselineRef{"net", {}};
  EXPECT_NE(take(mode)->id, opened->id);
  EXPECT_EQ(book_.open_count(), 2u);
  content.id = "4";
  content.comparison = ComparisonResult::match;
  EXPECT_EQ(take(content)->id, opened->id);
  EXPECT_EQ(book_.open_count(), 1u);
}

TEST_F(DriftBookTest, the_drift_of_an_older_agent_is_gone_on_with) {
  const auto old = take(finding("1", ComparisonResult::mismatch));
  auto later = finding("2", ComparisonResult::mismatch, "y");
  later.baseline = wire::BaselineRef{"ops", {}};
  EXPECT_EQ(take(later)->id, old->id);
  EXPECT_EQ(book_.open_count(), 1u);
  later.id = "3";
  later.comparison = ComparisonResult::match;
  EXPECT_EQ(take(later)->id, old->id);
  EXPECT_EQ(book_.open_count(), 0u);
}

TEST_F(DriftBookTest, a_new_baseline_accepts) {
  EXPECT_FALSE(book_.accepted({"", "file:/a", "/a"}, 2000, "why"));
  take(finding("1", ComparisonResult::mismatch));
  const auto accepted = book_.accepted({"", "file:/a", "/a"}, 2000, "why");
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->state, DriftState::accepted);
  EXPECT_EQ(accepted->closed_by, "why");
}

TEST_F(DriftBookTest, a_match_is_accepted_where_the_baseline_moved_to_it) {
  take(finding("1", ComparisonResult::mismatch));
  const auto accepted = book_.after(finding("2", ComparisonResult::match), true);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->state, DriftState::accepted);
  EXPECT_EQ(accepted->closed_by, "the baseline now expects what is live, finding 2");
  EXPECT_THAT(accepted->findings, ElementsAre("1", "2"));
  EXPECT_EQ(book_.after(finding("2", ComparisonResult::mismatch), true)->state, DriftState::open);
}

TEST_F(DriftBookTest, forgets_only_closed_drift_and_counts) {
  for (int i = 0; i < 5; ++i) {
    take(finding(std::to_string(2 * i), ComparisonResult::mismatch));
    take(finding(std::to_string(2 * i + 1), ComparisonResult::match));
  }
  take(finding("last", ComparisonResult::mismatch));
  EXPECT_EQ(book_.forgotten(), 3u);
  EXPECT_EQ(book_.newest_first().size(), 3u);
  EXPECT_EQ(book_.open_count(), 1u);
}

TEST(StateFile, comes_back_as_it_was_written) {
  const TempDir dir;
  DriftBook book;
  auto f = finding("1", ComparisonResult::mismatch);
  f.where.path = "/a\n\xff";
  f.actor.process.emplace();
  f.actor.process->argv = {"vi", "\xfe"};
  const Snapshot snapshot{(1ull << 60) + 1, {*book.after(f)}};
  ASSERT_TRUE(write_snapshot(dir / "state.json", snapshot));
  const auto read = read_snapshot(dir / "state.json");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->sequence, snapshot.sequence);
  ASSERT_EQ(read->drifts.size(), 1u);
  EXPECT_EQ(read->drifts[0].where.path, "/a\n\xff");
  EXPECT_EQ(read->drifts[0].actor.process->argv[1], "\xfe");
  EXPECT_EQ(read->drifts[0].opened_at, 1000);
}

TEST(StateFile, tells_missing_from_damaged) {
  const TempDir dir;
  EXPECT_EQ(read_snapshot(dir / "none").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_snapshot(dir.write("half", "{\"version\":1,\"seq")).error().code, ErrorCode::corrupt);
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"{\"version\":99,\"sequence\":\"1\",\"drifts\":[]}", "version 99, this agent reads 1"},
           {"{\"version\":\"1\",\"sequence\":\"1\",\"drifts\":[]}", "version is missing, or no number"},
           {"{\"sequence\":\"1\",\"drifts\":[]}", "version is missing, or no number"},
           {"{\"version\":1,\"sequence\":1,\"drifts\":[]}", "sequence is missing, or no text"},
           {"{\"version\":1,\"sequence\":\"1\",\"drifts\":{}}", "drifts are missing, or no list"},
           {"{\"version\":1,\"sequence\":\"1\",\"drifts\":[1]}", "not an object"}}) {
    const auto read = read_snapshot(dir.write("bad", text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    EXPECT_THAT(read.error().message(), HasSubstr(why));
  }
}

TEST(StateFile, a_record_brings_back_finding_drift_and_marks) {
  const auto f = finding("1", ComparisonResult::mismatch);
  const auto drift = DriftBook().after(f);
  wire::Record record;
  record.body = finding_body(f, &*drift, {{~0ull, ~0ull - 1, 3, 4, 5, 6}, {1, 2, 3, 4, 5, std::nullopt}});
  Replayed replayed;
  ASSERT_TRUE(replay(record, replayed));
  EXPECT_EQ(replayed.findings[0].id, "1");
  EXPECT_EQ(replayed.drifts[0].id, drift->id);
  ASSERT_EQ(replayed.marks.size(), 2u);
  EXPECT_EQ(replayed.marks[0].epoch, ~0ull);
  EXPECT_EQ(replayed.marks[0].ino, ~0ull - 1);
  EXPECT_EQ(replayed.marks[0].subvolume, 3u);
  EXPECT_EQ(replayed.marks[0].dev, 4u);
  EXPECT_EQ(replayed.marks[0].generation, 5u);
  EXPECT_EQ(replayed.marks[0].inode_generation, 6u);
  EXPECT_EQ(replayed.marks[1].generation, 5u);
  EXPECT_EQ(replayed.marks[1].inode_generation, std::nullopt) << "records of an earlier version have none";
  record.body = "{\"finding\": 3}";
  EXPECT_FALSE(replay(record, replayed));
  record.body = "garbage";
  EXPECT_FALSE(replay(record, replayed));
}

TEST(StateFile, a_record_brings_back_a_gap) {
  const wire::Gap gap{"g-1", "agent_stopped", "/a\xff", 1000, 2000, 3, 1, "why"};
  wire::Record record;
  record.body = gap_body(gap);
  Replayed replayed;
  ASSERT_TRUE(replay(record, replayed));
  ASSERT_EQ(replayed.gaps.size(), 1u);
  EXPECT_EQ(wire::to_json(replayed.gaps[0]), wire::to_json(gap));
  record.body = "{\"gap\":{\"from\":3}}";
  EXPECT_FALSE(replay(record, replayed));
}

}  // namespace
}  // namespace plumbline::agent
