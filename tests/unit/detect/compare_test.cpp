#include "agent/detect/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using wire::ComparisonResult;

class CompareTest : public ::testing::Test {
 protected:
  Comparison compare_now(const baseline::FileExpectation& expected) {
    return compare(expected, read_live(kernel_, expected.path, needs(expected, 1 << 20)), key_, users_);
  }
  baseline::FileExpectation expect(const std::string& path, const std::string& content) {
    baseline::FileExpectation e;
    e.path = path;
    e.content = "sha256:" + baseline::to_hex(baseline::sha256(content));
    return e;
  }
  TempDir dir_;
  FakeKernel kernel_;
  Users users_;
  baseline::KeyedHash key_{std::array<std::byte, 32>{}};
};

TEST_F(CompareTest, equal_content_matches_and_other_content_does_not) {
  const auto path = dir_.write("a", "hello");
  EXPECT_EQ(compare_now(expect(path, "hello")).result, ComparisonResult::match);
  const auto other = compare_now(expect(path, "bye"));
  EXPECT_EQ(other.result, ComparisonResult::mismatch);
  ASSERT_EQ(other.diff.size(), 1u);
  EXPECT_EQ(other.diff[0].attribute, "content_sha256");
  EXPECT_EQ(other.diff[0].live, baseline::to_hex(baseline::sha256("hello")));
}

TEST_F(CompareTest, a_secret_shows_only_keyed_hashes) {
  auto e = expect(dir_.write("a", "hello"), "");
  e.content = key_.of_digest(baseline::sha256("secret"));
  e.sensitive = true;
  const auto result = compare_now(e);
  ASSERT_EQ(result.diff.size(), 1u);
  EXPECT_TRUE(result.diff[0].sensitive);
  EXPECT_THAT(result.diff[0].live, HasSubstr("hmac-sha256:"));
  EXPECT_THAT(result.diff[0].live, Not(HasSubstr(baseline::to_hex(baseline::sha256("hello")))));
  const auto live = describe(read_live(kernel_, e.path, {true, false, 1 << 20}), true, key_, users_);
  EXPECT_THAT(live.at("content_sha256"), HasSubstr("hmac-sha256:"));
}

TEST_F(CompareTest, mode_owner_and_existence) {
  const auto path = dir_.write("a", "x");
  ::chmod(path.c_str(), 0640);
  baseline::FileExpectation e;
  e.path = path;
  e.mode = 0644;
  e.owner = std::to_string(::getuid() + 1);
  auto result = compare_now(e);
  ASSERT_EQ(result.diff.size(), 2u);
  EXPECT_EQ(result.diff[0].live, "0640");
  EXPECT_EQ(result.diff[1].attribute, "owner");
  e.path = dir_ / "missing";
  result = compare_now(e);
  ASSERT_EQ(result.diff.size(), 1u);
  EXPECT_EQ(result.diff[0].attribute, "existence");
  e.absent = true;
  EXPECT_EQ(compare_now(e).result, ComparisonResult::match);
  e.path = path;
  EXPECT_EQ(compare_now(e).diff[0].live, "present");
}

TEST_F(CompareTest, a_name_that_the_node_does_not_know_is_no_drift) {
  baseline::FileExpectation e;
  e.path = dir_.write("a", "x");
  e.owner = "nobody-of-this-name";
  auto result = compare_now(e);
  EXPECT_EQ(result.result, ComparisonResult::match) << "nothing that could be compared differs";
  EXPECT_EQ(result.unknown_names, "the node has no user `nobody-of-this-name`");
  e.group = "none-of-these";
  e.mode = 07777;
  result = compare_now(e);
  ASSERT_EQ(result.diff.size(), 1u);
  EXPECT_EQ(result.diff[0].attribute, "mode");
  EXPECT_EQ(result.unknown_names, "the node has no user `nobody-of-this-name` and no group `none-of-these`");
}

TEST_F(CompareTest, a_directory_or_a_fifo_in_the_place_of_a_file_is_its_type) {
  std::filesystem::create_directory(dir_ / "d");
  EXPECT_EQ(compare_now(expect(dir_ / "d", "x")).diff[0].live, "directory");
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(compare_now(expect(dir_ / "fifo", "x")).diff[0].live, "special file");
}

TEST_F(CompareTest, symlinks_and_unwanted_entries) {
  std::filesystem::create_symlink("there", dir_ / "link");
  baseline::FileExpectation e;
  e.path = dir_ / "link";
  e.symlink_target = "there";
  EXPECT_EQ(compare_now(e).result, ComparisonResult::match);
  e.symlink_target = "elsewhere";
  EXPECT_EQ(compare_now(e).diff[0].attribute, "symlink_target");
  baseline::FileExpectation d;
  d.path = dir_.path();
  d.absent_entries = {"*.bak"};
  EXPECT_EQ(compare_now(d).result, ComparisonResult::match);
  dir_.write(".hidden.bak", "x");
  EXPECT_EQ(compare_now(d).diff[0].live, ".hidden.bak");
}

TEST_F(CompareTest, an_earlier_diff_tells_whether_the_baseline_moved) {
  baseline::FileExpectation e;
  e.content = "sha256:aa";
  e.mode = 0644;
  const auto expects = [&](const char* attribute, const char* expected) {
    return still_expects(e, {{attribute, expected, "live", false}});
  };
  EXPECT_TRUE(expects("content_sha256", "aa"));
  EXPECT_FALSE(expects("content_sha256", "bb"));
  EXPECT_TRUE(expects("mode", "0644"));
  EXPECT_FALSE(expects("mode", "0600"));
  EXPECT_FALSE(expects("owner", "root")) << "it is no longer declared";
  EXPECT_TRUE(expects("existence", "present"));
  EXPECT_FALSE(expects("existence", "absent"));
  EXPECT_TRUE(expects("type", "file"));
  EXPECT_FALSE(expects("type", "directory"));
  EXPECT_FALSE(still_expects(e, {{"mode", "0644", "x", false}, {"content_sha256", "bb", "x", false}}));
  EXPECT_TRUE(still_expects(e, {})) << "what could not be compared says nothing";
  e.content.reset();
  e.absent_entries = {"*.bak", "*~"};
  EXPECT_TRUE(expects("absent", "*~"));
  EXPECT_FALSE(expects("absent", "*.old"));
}

TEST_F(CompareTest, what_is_too_large_is_said_and_never_a_match) {
  const auto e = expect(dir_.write("a", "hello"), "hello");
  const auto result = compare(e, read_live(kernel_, e.path, {true, false, 3}), key_, users_);
  EXPECT_EQ(result.result, ComparisonResult::not_comparable);
  EXPECT_THAT(result.why_not, HasSubstr("max_file_bytes"));
}

TEST_F(CompareTest, reading_does_not_follow_a_symlink_in_the_last_place) {
  std::filesystem::create_symlink(dir_.write("target", "x"), dir_ / "link");
  EXPECT_EQ(read_live(kernel_, dir_ / "link", {true, false, 10}).kind, LiveFile::Kind::symlink);
}

}  // namespace
}  // namespace plumbline::agent
