#include "fetch/docker_container.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/support/docker_config.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using nlohmann::json;

class DockerContainerTest : public ::testing::Test {
 protected:
  const std::string id_ = std::string(64, 'a');
  json config_ = docker_config(id_);
  TempDir folder_;

  Result<DockerContainer> read() {
    folder_.write(id_ + "/config.v2.json", config_.dump());
    return read_docker_container(folder_.path(), id_);
  }
  std::string refused() {
    const auto container = read();
    return container ? "it was taken" : container.error().message();
  }
};

TEST_F(DockerContainerTest, has_its_names_and_the_task_from_what_docker_wrote) {
  const auto container = read();
  ASSERT_TRUE(container) << container.error().message();
  EXPECT_EQ(container->name, "ecs-web-7-app-9ad1b0e2c4d3a5f60100");
  EXPECT_EQ(container->image, "registry.example/web:1");
  ASSERT_TRUE(container->task);
  EXPECT_EQ(*container->task,
            (wire::EcsTask{"shop", "arn:aws:ecs:eu-west-1:123456789012:task/shop/529630467358463ab6bbba4e73afe704",
                           "web", "7", "app", ""}));
  EXPECT_EQ(container->metadata_id.view(), "7d6b9a2e-5f0c-4c0e-9e58-3c1d2b3a4f5e");
}

TEST_F(DockerContainerTest, without_labels_of_ecs_is_of_no_task) {
  config_["Config"]["Labels"] = {{"com.amazonaws.ecs.cluster", "shop"}};
  auto container = read();
  ASSERT_TRUE(container);
  EXPECT_FALSE(container->task);
  EXPECT_TRUE(container->metadata_id.empty()) << "the environment alone makes no task";
  config_["Config"]["Labels"] = nullptr;
  container = read();
  ASSERT_TRUE(container);
  EXPECT_FALSE(container->task);
}

TEST_F(DockerContainerTest, image_s_digest_is_the_manifest_s_where_docker_knows_it) {
  const std::string manifest = "sha256:" + std::string(64, 'e'), named = "sha256:" + std::string(64, 'f');
  EXPECT_EQ(read()->image_digest, config_["Image"].get<std::string>()) << "the image's id, where nothing else is known";
  config_["Config"]["Image"] = "registry.example/web@" + named;
  EXPECT_EQ(read()->image_digest, named);
  config_["ImageManifest"] = {{"mediaType", "application/vnd.oci.image.manifest.v1+json"}, {"digest", manifest}};
  EXPECT_EQ(read()->image_digest, manifest);
}

TEST_F(DockerContainerTest, takes_no_metadata_id_that_is_none) {
  for (const char* uri : {"", "http://169.254.170.2/v4/", "http://169.254.170.2/v4/a?b", "http://169.254.170.2/v4/a%2e",
                          "http://169.254.170.2/v4/..", "http://evil.example/v4/a b"}) {
    config_["Config"]["Env"] = {std::string("ECS_CONTAINER_METADATA_URI_V4=") + uri, 7, nullptr};
    EXPECT_TRUE(read()->metadata_id.empty()) << uri;
  }
  config_["Config"]["Env"] = "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/a";
  EXPECT_TRUE(read()->metadata_id.empty());
}

TEST_F(DockerContainerTest, what_is_not_docker_s_is_refused_and_never_quoted) {
  config_["Name"] = std::string(1025, 'n');
  EXPECT_NE(refused().find("`Name` has more than 1024 bytes"), std::string::npos) << refused();
  config_ = docker_config(id_);
  config_["Config"]["Labels"]["com.amazonaws.ecs.cluster"] = std::string(2000, 'c');
  EXPECT_NE(refused().find("`com.amazonaws.ecs.cluster`"), std::string::npos) << refused();
  config_ = docker_config(std::string(64, 'b'));
  EXPECT_NE(refused().find("of another container"), std::string::npos) << refused();
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("7"),
                                  std::string(R"({"ID": 7})"), R"({"a": )" + std::string(1 << 19, '[')}) {
    folder_.write(id_ + "/config.v2.json", text);
    EXPECT_FALSE(read_docker_container(folder_.path(), id_)) << text.substr(0, 9);
  }
  config_ = docker_config(id_);
  config_["Config"]["Env"][0] = std::string(1 << 20, 'x');
  EXPECT_NE(refused().find("longer than 1024 KiB"), std::string::npos) << refused();
  const auto none = read_docker_container(folder_.path(), std::string(64, 'c'));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
}

TEST_F(DockerContainerTest, any_type_in_any_place_is_no_crash) {
  for (const json& wrong : {json(7), json(nullptr), json("text"), json::array({1}), json::object({{"a", 1}})})
    for (const char* at : {"/Name", "/Image", "/Config", "/Config/Image", "/Config/Labels", "/Config/Env",
                           "/ImageManifest", "/Config/Labels/com.amazonaws.ecs.task-arn"}) {
      config_ = docker_config(id_);
      config_[json::json_pointer(at)] = wrong;
      EXPECT_TRUE(read()) << at << " " << wrong;
    }
}

TEST(DockerId, is_64_digits_of_hex) {
  EXPECT_TRUE(is_docker_id(std::string(64, '0')));
  for (const std::string& other : {std::string(63, '0'), std::string(65, '0'), std::string(64, 'A'),
                                   std::string(64, 'g'), "../" + std::string(61, '0'), std::string()})
    EXPECT_FALSE(is_docker_id(other)) << other;
}

}  // namespace
}  // namespace plumbline::fetch
