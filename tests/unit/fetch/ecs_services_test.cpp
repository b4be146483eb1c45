#include "fetch/ecs_services.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "fetch/docker_container.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/docker_config.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using nlohmann::json;
using test::Asked;
using test::Reply;

constexpr const char* target = "/v4/7d6b9a2e-5f0c-4c0e-9e58-3c1d2b3a4f5e/task";
constexpr const char* task = "arn:aws:ecs:eu-west-1:123456789012:task/shop/529630467358463ab6bbba4e73afe704";

/// The double of ECS' agent answers as its handlers of v4 do: amazon-ecs-agent, ecs-agent/tmds/handlers/v4.
class EcsServicesTest : public ::testing::Test {
 protected:
  const std::string id_ = std::string(64, 'a');
  Reply answer_{
      200, json{{"Cluster", "shop"}, {"TaskARN", task}, {"Family", "web"}, {"ServiceName", "web-blue"}}.dump(), {}};
  test::StrictServer agent_{[this](const Asked& asked) {
    if (asked.method != "GET" || asked.target != target) return Reply{404, "\"not found\"", {}};
    return answer_;
  }};
  TempDir folder_;
  EcsServices services_{{agent_.url(), folder_.path(), std::chrono::milliseconds(1), std::chrono::seconds(5)}, {}};

  void container(const std::string& id) { folder_.write(id + "/config.v2.json", docker_config(id).dump()); }
  void answer(int status, const json& body) {
    agent_.change([&] { answer_ = {status, body.dump(), {}}; });
  }
};

TEST_F(EcsServicesTest, a_container_s_service_is_asked_for_once) {
  container(id_);
  EXPECT_EQ(services_.service_of(id_), "");
  auto round = services_.look();
  EXPECT_EQ(round.why, "");
  EXPECT_EQ(round.known, 1u);
  EXPECT_EQ(services_.service_of(id_), "web-blue");
  services_.look();
  EXPECT_EQ(agent_.asked().size(), 1u);
  EXPECT_TRUE(agent_.problems().empty());
}

TEST_F(EcsServicesTest, a_task_of_no_service_says_nothing_of_one) {
  container(id_);
  answer(200, {{"TaskARN", task}});
  EXPECT_EQ(services_.look().known, 1u);
  EXPECT_EQ(services_.service_of(id_), "");
}

TEST_F(EcsServicesTest, a_container_that_ecs_does_not_run_is_not_asked_about) {
  auto config = docker_config(id_);
  config["Config"].erase("Labels");
  folder_.write(id_ + "/config.v2.json", config.dump());
  folder_.write("not-a-container/config.v2.json", config.dump());
  const auto round = services_.look();
  EXPECT_EQ(round.known, 1u);
  EXPECT_EQ(round.why, "");
  EXPECT_TRUE(agent_.asked().empty());
}

TEST_F(EcsServicesTest, another_task_s_answer_is_not_believed) {
  container(id_);
  answer(200, {{"TaskARN", std::string(task) + "0"}, {"ServiceName", "payments"}});
  const auto round = services_.look();
  EXPECT_EQ(round.failed, 1u);
  EXPECT_NE(round.why.find("another task"), std::string::npos) << round.why;
  EXPECT_EQ(services_.service_of(id_), "");
}

TEST_F(EcsServicesTest, an_agent_that_does_not_know_it_yet_is_asked_again_and_not_forever) {
  container(id_);
  answer(404, "V4 task metadata handler: unable to get task arn from request");
  EXPECT_EQ(services_.look().failed, 1u);
  answer(200, {{"TaskARN", task}, {"ServiceName", "web-blue"}});
  services_.look();
  EXPECT_EQ(services_.service_of(id_), "web-blue");

  const std::string other(64, 'b');
  container(other);
  answer(404, "");
  for (int i = 0; i < 9; ++i) services_.look();
  EXPECT_EQ(agent_.asked().size(), 2u + 6u);
  EXPECT_EQ(services_.look().known, 2u) << "nothing more is to be asked";
}

TEST_F(EcsServicesTest, a_busy_agent_is_left_alone_until_the_next_round) {
  container(id_);
  container(std::string(64, 'b'));
  answer(429, "");
  for (int i = 0; i < 8; ++i) EXPECT_EQ(services_.look().failed, 1u) << "one question a round";
  answer(200, {{"TaskARN", task}, {"ServiceName", "web-blue"}});
  EXPECT_EQ(services_.look().known, 2u) << "being busy does not count against a container";
}

TEST_F(EcsServicesTest, what_the_agent_fails_at_keeps_nobody_else_waiting) {
  container(id_);
  container(std::string(64, 'b'));
  answer(500, "");
  for (int i = 0; i < 8; ++i) EXPECT_EQ(services_.look().failed, 2u) << "each is asked about";
  answer(200, {{"TaskARN", task}, {"ServiceName", "web-blue"}});
  EXPECT_EQ(services_.look().known, 2u);
}

TEST_F(EcsServicesTest, what_is_no_answer_of_it_is_said_and_shows_no_id) {
  container(id_);
  for (const json& body : {json::array(), json{{"TaskARN", task}, {"ServiceName", std::string(256, 's')}}}) {
    answer(200, body);
    const auto round = services_.look();
    EXPECT_NE(round.why, "");
    EXPECT_EQ(round.why.find("7d6b9a2e"), std::string::npos) << round.why;
  }
  EXPECT_EQ(services_.service_of(id_), "");
}

TEST_F(EcsServicesTest, a_container_that_is_gone_is_forgotten) {
  container(id_);
  services_.look();
  std::filesystem::remove_all(folder_ / id_);
  EXPECT_EQ(services_.look().known, 0u);
  EXPECT_EQ(services_.service_of(id_), "");
}

TEST_F(EcsServicesTest, a_node_without_docker_is_said) {
  EcsServices services{{agent_.url(), folder_ / "none", std::chrono::milliseconds(1), std::chrono::seconds(5)}, {}};
  EXPECT_NE(services.look().why.find("none"), std::string::npos);
}

TEST_F(EcsServicesTest, containers_past_the_bound_are_counted) {
  for (int i = 0; i < 4100; ++i) {
    std::string id = std::to_string(i);
    folder_.write(std::string(64 - id.size(), '0') + id + "/config.v2.json", "{}");
  }
  EXPECT_EQ(services_.look().crowded, 4u);
}

TEST_F(EcsServicesTest, a_thread_of_its_own_looks_until_it_is_stopped) {
  container(id_);
  std::promise<void> known;
  bool told = false;
  EcsServices services{{agent_.url(), folder_.path(), std::chrono::milliseconds(1), std::chrono::seconds(5)},
                       [&](const EcsServices::Round& round) {
                         if (round.known == 1 && !std::exchange(told, true)) known.set_value();
                       }};
  services.start();
  known.get_future().wait();
  EXPECT_EQ(services.service_of(id_), "web-blue");
  services.stop();
  services.stop();
}

}  // namespace
}  // namespace plumbline::fetch
