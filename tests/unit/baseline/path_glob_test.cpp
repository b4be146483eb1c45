#include "baseline/path_glob.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PathGlob, tells_a_pattern_from_a_path) {
  EXPECT_TRUE(is_pattern("/srv/*.tfstate"));
  EXPECT_TRUE(is_pattern("/srv/[ab]/x"));
  EXPECT_TRUE(is_pattern("/srv/a?"));
  EXPECT_FALSE(is_pattern("/srv/a.tfstate"));
  EXPECT_FALSE(is_pattern("/srv/a\\*"));
}

TEST(PathGlob, finds_files_and_the_folders_that_decide) {
  const TempDir dir;
  for (const char* folder : {"b", "a", ".hidden", "c"}) std::filesystem::create_directory(dir / folder);
  for (const char* file : {"b/x.json", "a/x.json", ".hidden/x.json", "a/y.json"}) dir.write(file, "{}");
  std::filesystem::create_directory(dir / "c/x.json");  // no file

  const auto one = match_pattern(dir / "*/x.json");
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_THAT(one->files, ElementsAre(dir / "a/x.json", dir / "b/x.json"));
  for (const char* folder : {"", "a", "b", "c"})
    EXPECT_THAT(one->folders, Contains(std::string(folder).empty() ? dir.path() : dir / folder));

  EXPECT_THAT(match_pattern(dir / "a/?.json")->files, ElementsAre(dir / "a/x.json", dir / "a/y.json"));
  EXPECT_THAT(match_pattern(dir / "[ab]/x.json")->files, ElementsAre(dir / "a/x.json", dir / "b/x.json"));
  EXPECT_THAT(match_pattern(dir / "none/*.json")->files, IsEmpty());
  EXPECT_THAT(match_pattern(dir / "none/*.json")->folders, ElementsAre(dir / "none"));
}

/// What both forms say of a pattern under which something cannot be looked at.
void expect_unseen(const std::string& pattern, const std::string& what, const std::vector<std::string>& files) {
  std::string unseen;
  const auto seen = match_pattern(pattern, unseen);
  ASSERT_TRUE(seen) << seen.error().message();
  EXPECT_EQ(unseen, what);
  EXPECT_EQ(seen->files, files) << "what can be seen is found all the same";
  const auto all = match_pattern(pattern);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().message(),
            "find the sources " + pattern + ": " + what + "; let it be read, or write a narrower pattern");
}

TEST(PathGlob, tells_what_cannot_be_looked_at_from_what_is_not_there) {
  const TempDir dir;
  for (const char* file : {"a/x.json", "b/x.json", "listed/x.json", "c"}) dir.write(file, "{}");
  std::filesystem::create_symlink(dir / "loop", dir / "loop");
  std::filesystem::create_symlink(dir / "nowhere", dir / "dangling");
  for (const std::string& nothing : {dir / "none/*", dir / "c/*", dir / "loop/*", dir / "dangling/*", dir / "*/y.json",
                                     dir / "l*p", "/" + std::string(300, 'x') + "/*"}) {
    const auto found = match_pattern(nothing);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_THAT(found->files, IsEmpty()) << nothing;
  }

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  expect_unseen(dir / "a/*.json", "cannot read " + (dir / "a") + ": Too many open files", {});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(match_pattern(dir / "a/*.json")->files, ElementsAre(dir / "a/x.json"));

  if (::geteuid() != 0) GTEST_SKIP() << "root only can become somebody else";
  namespace fs = std::filesystem;
  fs::permissions(dir.path(), fs::perms{0755});
  fs::permissions(dir / "a", fs::perms{0700});
  fs::permissions(dir / "listed", fs::perms{0744});
  ASSERT_EQ(::seteuid(65534), 0);
  expect_unseen(dir / "a/*.json", "cannot read " + (dir / "a") + ": Permission denied", {});
  expect_unseen(dir / "[ab]/*.json", "cannot read " + (dir / "a") + ": Permission denied", {dir / "b/x.json"});
  expect_unseen(dir / "[ab]/x.json", "cannot look at " + (dir / "a/x.json") + ": Permission denied",
                {dir / "b/x.json"});
  expect_unseen(dir / "listed/*.json", "cannot look at " + (dir / "listed/x.json") + ": Permission denied", {});
  ASSERT_EQ(::seteuid(0), 0);
}

TEST(PathGlob, names_matches_apart) {
  EXPECT_EQ(name_of_match("/srv/*/terraform.tfstate", "/srv/Prod Net/terraform.tfstate"), "prod-net.terraform.tfstate");
  EXPECT_EQ(name_of_match("/srv/*.tfstate", "/srv/web.tfstate"), "web.tfstate");
}

TEST(PathGlob, has_a_bound) {
  const TempDir dir;
  for (std::size_t i = 0; i <= max_matches; ++i) dir.write(std::to_string(i), "");
  const auto all = match_pattern(dir / "*");
  ASSERT_FALSE(all);
  EXPECT_THAT(all.error().message(), HasSubstr("narrower pattern"));
}

}  // namespace
}  // namespace plumbline::baseline
