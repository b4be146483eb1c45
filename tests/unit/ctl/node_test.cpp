// plumb prepare, cleanup and rollout: what they do to folders, and what they make of an API server's answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <sstream>

#include "ctl/app.hpp"
#include "http/server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::ctl {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class NodeCommands : public testing::Test {
 protected:
  int plumb(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), "plumb");
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_}, clock_);
  }
  static std::string me() { return std::to_string(::getuid()) + ":" + std::to_string(::getgid()); }
  static struct stat look(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found;
  }

  const TempDir dir_;
  SystemClock clock_;
  std::ostringstream out_, err_;
};

TEST_F(NodeCommands, prepare_makes_folders_and_a_canary_and_may_be_repeated) {
  const std::vector<std::string> words = {"prepare",    "--owner",          me(), "--canary", dir_ / "run/canary/file",
                                          dir_ / "run", dir_ / "state/deep"};
  ASSERT_EQ(plumb(words), 0) << err_.str();
  EXPECT_EQ(look(dir_ / "run").st_mode & 07777, 0700u);
  EXPECT_EQ(look(dir_ / "state/deep").st_mode & 07777, 0700u);
  EXPECT_EQ(look(dir_ / "run/canary/file").st_mode & 07777, 0644u);
  EXPECT_GT(look(dir_ / "run/canary/file").st_size, 0);
  const auto before = look(dir_ / "run/canary/file");
  ASSERT_EQ(plumb(words), 0) << err_.str();
  const auto after = look(dir_ / "run/canary/file");
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec) << "a canary that is there is left alone";
}

TEST_F(NodeCommands, prepare_gives_away_what_an_earlier_agent_left_and_follows_no_link) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  dir_.write("state/key", "secret");
  dir_.write("elsewhere/file", "theirs");
  fs::create_symlink(dir_ / "elsewhere", dir_ / "state/link");
  ASSERT_EQ(plumb({"prepare", "--owner", "65532:65533", dir_ / "state"}), 0) << err_.str();
  EXPECT_EQ(look(dir_ / "state").st_uid, 65532u);
  EXPECT_EQ(look(dir_ / "state/key").st_uid, 65532u);
  EXPECT_EQ(look(dir_ / "state/key").st_gid, 65533u);
  EXPECT_EQ(look(dir_ / "state/link").st_uid, 65532u);
  EXPECT_EQ(look(dir_ / "elsewhere").st_uid, 0u);
  EXPECT_EQ(look(dir_ / "elsewhere/file").st_uid, 0u);
}

TEST_F(NodeCommands, prepare_refuses_what_it_cannot_take_for_a_folder_or_an_owner) {
  dir_.write("file", "");
  EXPECT_EQ(plumb({"prepare", "--owner", me(), dir_ / "file"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no folder"));
  for (const char* owner : {"root", "1", "1:", "1:2x", ""})
    EXPECT_EQ(plumb({"prepare", "--owner", owner, dir_ / "other"}), 64) << owner;
  EXPECT_FALSE(fs::exists(dir_ / "other"));
}

TEST_F(NodeCommands, cleanup_removes_what_is_there_and_nothing_behind_links) {
  dir_.write("state/spool/1", "x");
  dir_.write("elsewhere/file", "theirs");
  fs::create_symlink(dir_ / "elsewhere", dir_ / "state/link");
  ASSERT_EQ(plumb({"--socket", dir_ / "no.sock", "cleanup", dir_ / "state", dir_ / "never"}), 0) << err_.str();
  EXPECT_FALSE(fs::exists(dir_ / "state"));
  EXPECT_TRUE(fs::exists(dir_ / "elsewhere/file"));
}

TEST_F(NodeCommands, cleanup_touches_nothing_while_an_agent_runs) {
  dir_.write("state/spool/1", "x");
  http::Server server;
  server.route("GET", "/livez", [](const http::Request&) { return http::text_response("ok"); });
  ASSERT_FALSE(server.listen_unix(dir_ / "s").has_error());
  server.start();
  EXPECT_EQ(plumb({"--socket", dir_ / "s", "cleanup", dir_ / "state"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("still runs"));
  EXPECT_TRUE(fs::exists(dir_ / "state/spool/1"));
}

TEST_F(NodeCommands, rollout_outside_a_pod_says_what_is_missing) {
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_EQ(plumb({"rollout", "agent"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("--api-server"));
}

class Rollout : public NodeCommands {
 protected:
  Rollout() {
    account_.write("namespace", "plumbline\n");
    account_.write("token", "secret-token\n");
    server_.route("GET", "/apis/apps/v1/namespaces/plumbline/daemonsets/agent", [this](const http::Request& request) {
      const auto* token = request.header("authorization");
      EXPECT_TRUE(token != nullptr && *token == "Bearer secret-token");
      return http::json_response(answers_[std::min<std::size_t>(asked_++, answers_.size() - 1)], status_);
    });
    const auto port = server_.listen_tcp("127.0.0.1", 0);
    EXPECT_TRUE(port);
    url_ = "http://127.0.0.1:" + std::to_string(*port);
    server_.start();
  }
  int rollout(const std::string& seconds) {
    return plumb({"rollout", "agent", "--wait", seconds, "--api-server", url_, "--service-account", account_.path()});
  }
  static std::string daemon_set(int generation, int observed, int wanted, int ready) {
    return R"({"metadata":{"generation":)" + std::to_string(generation) + R"(},"status":{"observedGeneration":)" +
           std::to_string(observed) + R"(,"desiredNumberScheduled":)" + std::to_string(wanted) + R"(,"numberReady":)" +
           std::to_string(ready) + "}}";
  }

  const TempDir account_;
  std::vector<std::string> answers_;
  std::atomic<std::size_t> asked_ = 0;
  int status_ = 200;
  http::Server server_;
  std::string url_;
};

TEST_F(Rollout, is_done_once_all_pods_are_ready) {
  answers_ = {R"({"metadata":{"generation":1}})", daemon_set(2, 1, 1, 1), daemon_set(2, 2, 3, 2),
              daemon_set(2, 2, 3, 3)};
  EXPECT_EQ(rollout("60"), 0) << err_.str();
  EXPECT_EQ(asked_, 4u);
  EXPECT_THAT(out_.str(), HasSubstr("3 of 3 ready"));
  EXPECT_THAT(err_.str(), HasSubstr("not made yet"));
}

TEST_F(Rollout, that_gets_stuck_says_how_far_it_got) {
  answers_ = {daemon_set(1, 1, 3, 2)};
  EXPECT_EQ(rollout("0"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("2 of 3 ready"));
}

TEST_F(Rollout, that_may_not_be_looked_at_is_no_waiting) {
  answers_ = {R"({"message":"daemonsets is forbidden"})"};
  status_ = 403;
  EXPECT_NE(rollout("60"), 0);
  EXPECT_EQ(asked_, 1u);
}

TEST_F(Rollout, an_answer_that_is_nothing_of_the_kind_is_waited_out) {
  answers_ = {"[1]", R"({"status":7})", R"({"status":{"numberReady":"3"}})"};
  EXPECT_EQ(rollout("0"), 1);
  EXPECT_THAT(err_.str(), HasSubstr("not made yet"));
}

TEST(WithoutSources, their_commands_are_said_to_be_elsewhere) {
  for (const char* command : {"decode", "baseline"}) {
    std::ostringstream out, err;
    const std::vector<const char*> argv = {"plumb", command};
    EXPECT_EQ(run(2, argv.data(), {out, err}, SystemClock()), exit_code::usage);
    EXPECT_THAT(err.str(), HasSubstr("the package plumbline has it")) << command;
  }
}

}  // namespace
}  // namespace plumbline::ctl
