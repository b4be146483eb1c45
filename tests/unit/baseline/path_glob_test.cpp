#include "baseline/path_glob.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
