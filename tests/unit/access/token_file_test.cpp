#include "access/token_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::access {
namespace {

using ::testing::HasSubstr;

void eventually(const std::function<bool()>& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(TokenFile, is_its_first_line_and_follows_what_the_file_becomes) {
  const TempDir dir;
  const auto file = TokenFile::load(dir.write("token", "one-of-sixteen-letters\nmore\n"), 16).value();
  EXPECT_TRUE(file->is(digest_of("one-of-sixteen-letters")));
  EXPECT_FALSE(file->is(digest_of("one-of-sixteen-letter")));
  EXPECT_FALSE(file->is(digest_of("")));

  dir.write("next", "another-of-sixteen-letters");
  std::filesystem::rename(dir / "next", dir / "token");
  eventually([&] { return file->is(digest_of("another-of-sixteen-letters")); });
  EXPECT_FALSE(file->is(digest_of("one-of-sixteen-letters"))) << "what was replaced is nobody's";

  std::filesystem::remove(dir / "token");
  eventually([&] { return !file->is(digest_of("another-of-sixteen-letters")); });
  EXPECT_THAT(file->trouble(), HasSubstr("No such file"));
  dir.write("token", "short\n");
  eventually([&] {
    EXPECT_FALSE(file->is(digest_of("short")));
    return file->trouble().find("fewer than 16") != std::string::npos;
  });
  dir.write("token", "one-of-sixteen-letters\n");
  eventually([&] { return file->is(digest_of("one-of-sixteen-letters")); });
  EXPECT_EQ(file->trouble(), "");
}

TEST(TokenFile, says_what_is_wrong_and_never_what_is_in_it) {
  const TempDir dir;
  const auto why = [&](const std::string& content) {
    const auto loaded = TokenFile::load(dir.write("token", content), 16);
    return loaded ? "" : loaded.error().message();
  };
  EXPECT_THAT(why(""), HasSubstr("it is empty"));
  EXPECT_THAT(why("with a blank of its own\n"), HasSubstr("not printable"));
  EXPECT_THAT(why("CANARY\n"), HasSubstr("openssl rand -hex 32"));
  EXPECT_EQ(why("CANARY\n").find("CANARY"), std::string::npos);
  EXPECT_FALSE(TokenFile::load(dir / "none", 16));
}

}  // namespace
}  // namespace plumbline::access
