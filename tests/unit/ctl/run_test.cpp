// plumb run: what it asks the agent, and that nothing is run where the agent does not approve. That it becomes the
// command, tests/e2e/test_approved_runs.py sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "agent/api/runs.hpp"
#include "ctl/app.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class PlumbRun : public testing::Test {
 protected:
  PlumbRun() {
    agent::add_run_routes(server_,
                          {[this](const agent::RunRequest& run, http::PeerProcess, const http::Responder& respond) {
                             asked_.push_back(run);
                             respond(refuses_ ? http::problem(403, {ErrorCode::permission, "approve the run", "no", ""})
                                              : http::json_response("{}", 201));
                           },
                           {},
                           {}});
    EXPECT_FALSE(server_.listen_unix(dir_ / "s").has_error());
    server_.start();
  }
  /// The command is one that cannot be executed, as this process would become it.
  int plumb(std::vector<std::string> arguments, const std::string& socket) {
    err_.str("");
    arguments.insert(arguments.begin(), {"plumb", "--socket", socket, "run"});
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_}, clock_);
  }
  int plumb(std::vector<std::string> arguments) { return plumb(std::move(arguments), dir_ / "s"); }
  static constexpr int not_found = 127;

  const TempDir dir_;
  std::vector<agent::RunRequest> asked_;
  bool refuses_ = false;
  http::Server server_;
  SystemClock clock_;
  std::ostringstream out_, err_;
};

TEST_F(PlumbRun, asks_for_what_is_named_and_takes_the_rest_for_the_command) {
  dir_.write("token", "a.b.c\nmore\n");
  EXPECT_EQ(
      plumb({"--id", "ci/7", "--baseline", "net", "--resource", "tofu:net/*", "--resource", "x", "--path", "/etc/a",
             "--for", "2h", "--token-file", dir_ / "token", "--", dir_ / "none", "--id", "of the command"}),
      not_found);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].id, "ci/7");
  EXPECT_THAT(asked_[0].baselines, ElementsAre("net"));
  EXPECT_THAT(asked_[0].resources, ElementsAre("tofu:net/*", "x"));
  EXPECT_THAT(asked_[0].paths, ElementsAre("/etc/a"));
  EXPECT_EQ(asked_[0].expires_in, std::chrono::hours(2));
  EXPECT_EQ(asked_[0].token, "a.b.c");
  EXPECT_THAT(err_.str(), HasSubstr("No such file"));
}

TEST_F(PlumbRun, has_an_id_and_half_an_hour_where_none_is_given) {
  EXPECT_EQ(plumb({"--", dir_ / "none"}), not_found);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_THAT(asked_[0].id, StartsWith("plumb-" + std::to_string(::getpid()) + "-"));
  EXPECT_EQ(asked_[0].expires_in, std::chrono::minutes(30));
  EXPECT_THAT(asked_[0].token, IsEmpty());
}

TEST_F(PlumbRun, a_command_that_is_called_like_one_of_ours_is_the_command) {
  const std::string command = "status-of-nobody";
  EXPECT_EQ(plumb({"--path", "/etc/a", "--", command, "drift", "--all", "--", "-o"}), not_found);
  EXPECT_THAT(err_.str(), HasSubstr(command));
  EXPECT_EQ(plumb({"--", dir_ / "none", "status", "--json"}), not_found) << err_.str();
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(PlumbRun, where_the_agent_does_not_approve_nothing_runs) {
  refuses_ = true;
  EXPECT_EQ(plumb({"--", dir_ / "none"}), 77);
  EXPECT_THAT(err_.str(), Not(HasSubstr("No such file")));
  EXPECT_EQ(plumb({"--best-effort", "--", dir_ / "none"}), not_found);
  EXPECT_THAT(err_.str(), HasSubstr("goes on without an approval"));
  EXPECT_EQ(plumb({"--", "none"}, dir_ / "no-agent"), 69);
  EXPECT_EQ(plumb({"--best-effort", "--", dir_ / "none"}, dir_ / "no-agent"), not_found);
}

TEST_F(PlumbRun, what_makes_no_sense_is_usage) {
  EXPECT_EQ(plumb({}), 64) << "no command";
  for (const char* time : {"0s", "25h", "30", "soon", "999ms"})
    EXPECT_EQ(plumb({"--for", time, "--", dir_ / "none"}), 64) << time;
  EXPECT_EQ(plumb({"--token-file", dir_ / "no-token", "--", dir_ / "none"}), 78);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(PlumbRun, an_agent_over_tcp_or_a_collector_is_no_place_for_it) {
  for (const char* where : {"--url", "--collector"}) {
    const std::vector<const char*> argv{"plumb", where, "http://127.0.0.1:1", "run", "--", "none"};
    EXPECT_EQ(run(static_cast<int>(argv.size()), argv.data(), {out_, err_}, clock_), 64);
  }
}

}  // namespace
}  // namespace plumbline::ctl
