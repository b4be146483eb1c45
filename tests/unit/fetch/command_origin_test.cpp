#include "fetch/command_origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

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

  /// Killed and taken from the kernel, as its parent is by then.
  bool child_is_gone() {
    std::ifstream file(dir_ / "child");
    pid_t child = 0;
    file >> child;
    return child > 0 && ::kill(child, 0) != 0 && errno == ESRCH;
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
  for (const char* child : {"sleep 1000", "setsid sleep 1000"}) {
    const auto slow = run(std::string(child) + " & echo $! > child; wait");
    ASSERT_FALSE(slow);
    EXPECT_THAT(slow.error().message(), HasSubstr("did not end in time"));
    EXPECT_TRUE(child_is_gone()) << child;
  }
}

TEST_F(CommandOriginTest, what_it_leaves_behind_is_killed_and_holds_nothing_up) {
  const auto fetched =
      run("(setsid sh -c 'echo $$ > child; exec sleep 1000' &); while [ ! -s child ]; do :; done; echo x");
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_EQ(got_, "x\n") << "though the child has its standard output too";
  EXPECT_TRUE(child_is_gone());
}

TEST_F(CommandOriginTest, it_is_killed_when_nobody_waits_for_it_any_more) {
  std::stop_source stop;
  limits_.stop = stop.get_token();
  std::jthread stopping([&] {
    while (!std::filesystem::exists(dir_ / "child")) std::this_thread::yield();
    stop.request_stop();
  });
  const auto stopped = run("setsid sleep 1000 & echo $! > child.new; mv child.new child; wait");
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message(), HasSubstr("nobody waits for it"));
  EXPECT_TRUE(child_is_gone());
  EXPECT_FALSE(run("echo x"));
}

TEST_F(CommandOriginTest, a_program_that_is_not_there_is_named) {
  const auto missing =
      make_command_origin({{"/nowhere/tofu"}, "/", {}})->fetch("", [](std::string_view) -> Result<void> { return {}; });
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("/nowhere/tofu"));
}

}  // namespace
}  // namespace plumbline::fetch
