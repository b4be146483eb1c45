#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "baseline/compile.hpp"
#include "baseline/index/index.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

TEST(IndexFile, of_one_source_under_one_key_makes_the_same_bytes_each_time) {
  const TempDir dir;
  const std::string source = dir / "net.tfstate", path = dir / "net.index";
  std::ofstream(source) << R"({"version":4,"serial":1,"lineage":"a","resources":[{"mode":"managed","type":"local_file",
    "name":"app","provider":"provider[\"registry.opentofu.org/hashicorp/local\"]","instances":[{"schema_version":0,
    "attributes":{"filename":"/etc/app.conf","content":"x"}}]}]})";
  const KeyedHash key({}), other({std::byte{1}});
  const auto image = [&](const KeyedHash& under) {
    const auto loaded = load_indexed({"net", "terraform_state", source}, under, path);
    return loaded && loaded->index ? std::string(loaded->index->image()) : "";
  };
  const std::string once = image(key);
  ASSERT_FALSE(once.empty());
  EXPECT_EQ(image(key), once) << "who has it need not fetch it again";
  EXPECT_NE(image(other), once);
}

TEST(IndexFile, has_another_version_only_where_files_are_in_containers) {
  const TempDir dir;
  const KeyedHash key({});
  const auto load = [&](const std::string& name, const std::string& more) {
    std::ofstream(dir / name)
        << "{apiVersion: plumbline/v1, kind: Manifest, revision: \"1\", files: [{path: /etc/app.conf, "
           "mode: \"0644\"}" +
               more + "]}";
    return load_indexed({"m", "manifest", dir / name}, key, dir / name + ".index");
  };
  const auto version = [](const Loaded& loaded) {
    index::Header header{};
    std::memcpy(&header, loaded.index->image().data(), index::header_size(0));
    return header.version;
  };
  const auto plain = load("plain", "");
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(version(*plain), index::version) << "who knows nothing of containers reads it as before";
  EXPECT_FALSE(plain->index->file(0).containers);

  const auto more = load("more", ", {path: /etc/b, image: true, containers: {pod: \"web-*\", image: nginx}}");
  ASSERT_TRUE(more) << more.error().message();
  EXPECT_EQ(version(*more), index::version_with_containers);
  EXPECT_FALSE(more->index->file(0).containers);
  const FileExpectation file = more->index->file(1);
  EXPECT_EQ(file.path, "/etc/b");
  EXPECT_TRUE(file.as_image);
  ASSERT_TRUE(file.containers);
  EXPECT_EQ(*file.containers, (ContainerSelector{"", "web-*", "", "nginx"}));
  EXPECT_EQ(more->baseline.files[1].containers, file.containers);
  const auto owners = more->index->owners_of_path("/etc/b");
  ASSERT_EQ(owners.size(), 1u);
  EXPECT_EQ(owners[0].reason, "declares this path, in containers with pod=web-*,image=nginx");
}

TEST(IndexFile, of_which_another_container_is_meant_differs) {
  const TempDir dir;
  const KeyedHash key({});
  const auto load = [&](const std::string& pod) {
    std::ofstream(dir / pod)
        << "{apiVersion: plumbline/v1, kind: Manifest, revision: \"1\", files: [{address: a, path: "
           "/etc/b, mode: \"0644\", containers: {pod: " +
               pod + "}}]}";
    return load_indexed({"m", "manifest", dir / pod}, key, dir / pod + ".index").value().index;
  };
  const auto changes = compare_indexes(*load("web"), *load("api"));
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(changes->at(0).attributes, std::vector<std::string>{"files"});
}

}  // namespace
}  // namespace plumbline::baseline
