#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using ::testing::HasSubstr;

TEST(StateDir, is_made_for_its_owner_alone) {
  const TempDir dir;
  ASSERT_TRUE(make_state_dir(dir / "var/state"));
  struct stat status{};
  ASSERT_EQ(::stat((dir / "var/state").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  EXPECT_TRUE(make_state_dir(dir / "var/state")) << "as the next start finds it";
  ::chmod((dir / "var/state").c_str(), 0755);
  EXPECT_TRUE(make_state_dir(dir / "var/state")) << "who may only look in changes nothing";
}

TEST(StateDir, is_refused_where_others_may_write) {
  const TempDir dir;
  ASSERT_TRUE(make_state_dir(dir / "state"));
  for (const mode_t mode : {0777u, 01777u, 0770u, 0702u}) {
    ::chmod((dir / "state").c_str(), mode);
    const auto made = make_state_dir(dir / "state");
    ASSERT_FALSE(made) << std::oct << mode;
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(made.error().message(), HasSubstr("chmod go-w " + (dir / "state")));
    struct stat status{};
    ASSERT_EQ(::stat((dir / "state").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, mode) << "a refusal changes nothing";
  }
}

TEST(StateDir, is_refused_where_it_is_another_users) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives directories away";
  const TempDir dir;
  ASSERT_TRUE(make_state_dir(dir / "state"));
  ASSERT_EQ(::chown((dir / "state").c_str(), 12345, 0), 0);
  const auto made = make_state_dir(dir / "state");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("belongs to uid 12345"));
  EXPECT_THAT(made.error().message(), HasSubstr("chown -R 0 "));
}

TEST(StateDir, is_refused_where_it_is_a_file) {
  const TempDir dir;
  const auto made = make_state_dir(dir.write("state", ""));
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("not a directory"));
}

}  // namespace
}  // namespace plumbline::agent
