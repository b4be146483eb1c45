#include "fetch/command_origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CommandOriginTest : public ::testing::Test {
 protected:
  Result<Fetched> run(const std::string& script, const std::string& known = "") {
    CommandOptions options;
    options.argv = {"/bin/sh", "-c", script};
    options.directory = dir_.path();
    options.limits = limits_;
    return make_command_origin(std::move(options))->fetch(known, [&](std::string_view bytes) -> Result<void> {
      got_ = bytes;
      return {};
    });
  }

  const TempDir dir_;
  FetchLimits limits_;
  std::string got_ = "(nothing)";
};

TEST_F(CommandOriginTest, what_it_prints_is_the_source) {
  const auto fetched = run("pwd; cat; echo secret >&2");
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_EQ(got_, dir_.path() + "\n") << "in its directory, with an empty standard input and no error output";
  EXPECT_FALSE(fetched->unchanged);
}

TEST_F(CommandOriginTest, the_same_output_is_unchanged) {
  const auto first = run("echo one");
  got_ = "(nothing)";
  const auto again = run("echo one", first->version);
  EXPECT_TRUE(again->unchanged);
  EXPECT_EQ(got_, "(nothing)");
  EXPECT_FALSE(run("echo two", first->version)->unchanged);
}

TEST_F(CommandOriginTest, more_than_a_pipe_holds) {
  ASSERT_TRUE(run("head -c 1000000 /dev/zero"));
  EXPECT_EQ(got_.size(), 1'000'000u);
}

TEST_F(CommandOriginTest, a_failure_is_told_without_what_it_said) {
  const auto failed = run("echo canary; echo canary >&2; exit 3");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("it exited with 3"));
  EXPECT_THAT(failed.error().message(), Not(HasSubstr("canary")));
  EXPECT_EQ(got_, "(nothing)");
  EXPECT_THAT(run("kill -9 $$").error().message(), HasSubstr("signal 9"));
}

TEST_F(CommandOriginTest, what_takes_too_long_is_killed_with_all_that_it_started) {
  limits_.whole = std::chrono::milliseconds(200);
  const auto slow = run("sleep 1000 & echo $! > child; wait");
  ASSERT_FALSE(slow);
  EXPECT_THAT(slow.error().message(), HasSubstr("did not end in time"));
  std::ifstream file(dir_ / "child");
  pid_t child = 0;
  file >> child;
  ASSERT_GT(child, 0);
  // Gone, or a zombie that its new parent has not fetched yet.
  for (;;) {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string text;
    if (!std::getline(status, text) || text.find(") Z ") != std::string::npos) break;
  }
}

TEST_F(CommandOriginTest, a_program_that_is_not_there_is_named) {
  const auto missing =
      make_command_origin({{"/nowhere/tofu"}, "/", {}})->fetch("", [](std::string_view) -> Result<void> { return {}; });
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("/nowhere/tofu"));
}

}  // namespace
}  // namespace plumbline::fetch
