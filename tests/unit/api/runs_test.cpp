// What is taken for a run that is to be approved, and from whom.
#include "agent/api/runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(RunRequest, of_all_its_keys) {
  const auto run = parse_run_request(R"({"id":"ci/7.1","principal":"ana","baselines":["net"],"resources":["tofu:net/*"],
    "paths":["/etc/a","**"],"expires_in":1800,"token":"a.b.c"})");
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(std::tie(run->id, run->principal, run->token), std::tuple("ci/7.1", "ana", "a.b.c"));
  EXPECT_THAT(run->baselines, ElementsAre("net"));
  EXPECT_THAT(run->resources, ElementsAre("tofu:net/*"));
  EXPECT_THAT(run->paths, ElementsAre("/etc/a", "**"));
  EXPECT_EQ(run->expires_in.count(), 1800);
  EXPECT_TRUE(parse_run_request(R"({"id":"x","expires_in":86400})"));
}

TEST(RunRequest, what_it_is_not_is_refused_and_named) {
  const std::string many(RunRequest::most_globs * 4, 'x');
  std::string globs = "\"/a\"";
  for (std::size_t i = 0; i < RunRequest::most_globs; ++i) globs += ",\"/a\"";
  const std::vector<std::pair<std::string, std::string>> bodies{
      {"", "no JSON object"},
      {"[]", "no JSON object"},
      {R"({"id":"x","expires_in":1})" + std::string("x"), "no JSON object"},
      {"{\"id\":\"\xff\",\"expires_in\":1}", "no JSON object"},
      {R"({"id":"x"})", "`expires_in` is missing"},
      {R"({"expires_in":1})", "`id` is missing"},
      {R"({"id":"x","expires_in":1,"pid":1})", "a key that is not known: pid"},
      {R"({"id":"x","expires_in":1,"resource":["a"]})", "did you mean resources?"},
      {R"({"id":"x","id":"y","expires_in":1})", "a key twice"},
      {R"({"id":"a b","expires_in":1})", "other characters"},
      {R"({"id":")" + std::string(129, 'a') + R"(","expires_in":1})", "1 to 128"},
      {R"({"id":"x","expires_in":0})", "1 to 86400"},
      {R"({"id":"x","expires_in":86401})", "1 to 86400"},
      {R"({"id":"x","expires_in":18446744073709551615})", "1 to 86400"},
      {R"({"id":"x","expires_in":-1})", "1 to 86400"},
      {R"({"id":"x","expires_in":1.5})", "1 to 86400"},
      {R"({"id":"x","expires_in":"30m"})", "1 to 86400"},
      {R"({"id":"x","expires_in":1,"paths":[]})", "`paths` must be a list of 1"},
      {R"({"id":"x","expires_in":1,"paths":"/a"})", "`paths` must be a list of 1"},
      {R"({"id":"x","expires_in":1,"paths":["etc/a"]})", "no absolute path"},
      {R"({"id":"x","expires_in":1,"paths":["*"]})", "no absolute path"},
      {R"({"id":"x","expires_in":1,"paths":[")" + globs.substr(1, 0) + R"("]})", "1 to 1024 bytes"},
      {R"({"id":"x","expires_in":1,"paths":[)" + globs + "]}", "`paths` must be a list of 1"},
      {R"({"id":"x","expires_in":1,"resources":[")" + many + "x\"]}", "1 to 1024 bytes"},
      {R"({"id":"x","expires_in":1,"resources":[7]})", "must be a string"},
      {R"({"id":"x","expires_in":1,"principal":"a\nb"})", "control characters"},
      {R"({"id":"x","expires_in":1,"token":")" + std::string(RunRequest::longest_token + 1, 's') + "\"}",
       "`token` must have 1 to"},
      {std::string(RunRequest::longest_body + 1, ' '), "longer than 64 KiB"},
  };
  for (const auto& [body, why] : bodies) {
    const auto run = parse_run_request(body);
    ASSERT_FALSE(run) << body.substr(0, 100);
    EXPECT_EQ(run.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(run.error().message(), HasSubstr(why)) << body.substr(0, 100);
    EXPECT_THAT(run.error().message(), Not(HasSubstr("sss"))) << "the token is never shown";
  }
  std::string deep(60'000, '[');
  EXPECT_FALSE(parse_run_request(R"({"id":"x","expires_in":1,"paths":)" + deep));
}

class RunRoutes : public testing::Test {
 protected:
  RunRoutes() {
    add_run_routes(server_, {[this](const RunRequest& run, http::PeerProcess peer, const http::Responder& respond) {
                               peer_ = peer;
                               respond(http::json_response("{\"id\":\"" + run.id + "\"}", 201));
                             },
                             [](const http::Responder& respond) { respond(http::json_response("{\"items\":[]}")); },
                             [](const std::string& id, const http::Responder& respond) {
                               respond(http::json_response("{\"of\":\"" + id + "\"}"));
                             }});
    const auto port = server_.listen_tcp("127.0.0.1", 0).value();
    EXPECT_FALSE(server_.listen_unix(dir_ / "s").has_error());
    tcp_.emplace(http::parse_endpoint("http://127.0.0.1:" + std::to_string(port)).value());
    socket_.emplace(http::parse_endpoint("unix:" + (dir_ / "s")).value());
    server_.start();
  }
  static constexpr const char* run = R"({"id":"x","expires_in":1})";

  const TempDir dir_;
  http::PeerProcess peer_;
  http::Server server_;
  std::optional<http::Client> tcp_, socket_;
};

TEST_F(RunRoutes, the_process_is_whoever_has_the_socket_as_the_kernel_says) {
  EXPECT_EQ(socket_->post("/v1/runs", run)->status, 201);
  EXPECT_EQ(peer_.pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(peer_.uid, ::getuid());
  EXPECT_EQ(socket_->get("/v1/runs")->status, 200);
}

TEST_F(RunRoutes, over_tcp_each_is_refused) {
  for (const auto& answer : {tcp_->post("/v1/runs", run), tcp_->get("/v1/runs")}) {
    EXPECT_EQ(answer->status, 403);
    EXPECT_THAT(answer->body, HasSubstr("Unix socket"));
    EXPECT_THAT(answer->body, HasSubstr("\"fix\""));
  }
  EXPECT_EQ(peer_.pid, 0u) << "nobody was asked";
}

TEST_F(RunRoutes, a_bad_body_or_query_is_told_and_a_long_one_not_read) {
  EXPECT_EQ(socket_->post("/v1/runs", "{}")->status, 400);
  EXPECT_EQ(socket_->post("/v1/runs?x=1", run)->status, 400);
  EXPECT_EQ(socket_->get("/v1/runs?x=1")->status, 400);
  EXPECT_EQ(socket_->post("/v1/runs", std::string(RunRequest::longest_body + 1, ' '))->status, 413);
  EXPECT_EQ(peer_.pid, 0u);
}

}  // namespace
}  // namespace plumbline::agent
