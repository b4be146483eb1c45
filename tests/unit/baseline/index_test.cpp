#include "baseline/index/index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "baseline/compile.hpp"
#include "baseline/index/writer.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Resource bucket(const std::string& name, const std::string& type = "aws_s3_bucket") {
  Resource resource;
  resource.address = "tofu:net/" + type + "." + name;
  resource.provider = "aws";
  resource.type = type;
  resource.ids = {name, "arn:aws:s3:::" + name};
  resource.region = "eu-central-1";
  resource.account = "123456789012";
  resource.attributes = {{"acl", 7, "private", false},
                         {"password", 0xFFFF'0000'1234'5678, "", true},
                         {"policy", 0, "", false},
                         {"tags.Name", std::hash<std::string>()(name), name, false}};
  resource.ignored = {"tags", "versioning"};
  return resource;
}

FileExpectation file(const std::string& address, const std::string& path) {
  FileExpectation expected;
  expected.address = address;
  expected.path = path;
  expected.content = "sha256:ab";
  expected.mode = 0640;
  expected.owner = "root";
  expected.sensitive = true;
  return expected;
}

class IndexTest : public ::testing::Test {
 protected:
  std::unique_ptr<IndexWriter> writer(IndexOptions options = {}) {
    auto made = IndexWriter::create(path_, 5, options);
    made->begin_source({"net", "terraform_state", "/srv/x.tfstate"});
    return made;
  }
  Index opened() {
    auto index = Index::open(path_);
    if (!index) throw std::runtime_error(index.error().message());
    return std::move(*index);
  }
  std::string refusal() {
    const auto index = Index::open(path_);
    return index ? "(opened)" : index.error().message();
  }

  TempDir folder_;
  std::string path_ = folder_.path() + "/index";
};

TEST_F(IndexTest, gives_back_what_was_written) {
  auto w = writer();
  w->revision("serial", "7");
  w->revision("lineage", "a=b");
  w->resource(bucket("web"));
  w->resource(bucket("logs"));
  w->file(file("tofu:net/aws_s3_bucket.web", "/etc/web.conf"));
  w->skip("tofu:net/x.y", "deposed");
  ASSERT_TRUE(w->finish());

  const Index index = opened();
  ASSERT_EQ(index.resource_count(), 2u);
  const Resource web = index.resource(0);
  EXPECT_EQ(web.address, "tofu:net/aws_s3_bucket.web");
  EXPECT_EQ(web.provider, "aws");
  EXPECT_EQ(web.region, "eu-central-1");
  EXPECT_EQ(web.account, "123456789012");
  EXPECT_THAT(web.ids, ElementsAre("web", "arn:aws:s3:::web"));
  EXPECT_THAT(web.ignored, ElementsAre("tags", "versioning"));
  const auto attributes = index.attributes(1);
  ASSERT_EQ(attributes.size(), 4u);
  EXPECT_EQ(attributes[0].path, "acl");
  EXPECT_EQ(attributes[0].value, "private");
  EXPECT_TRUE(attributes[1].sensitive);
  EXPECT_EQ(attributes[1].value, "");
  EXPECT_EQ(attributes[1].hash, 0x7FFF'0000'1234'5678u);
  EXPECT_TRUE(attributes[2].absent);
  EXPECT_EQ(attributes[3].value, "logs");

  const auto source = index.source(0);
  EXPECT_EQ(source.spec.kind, "terraform_state");
  EXPECT_EQ(source.revision.at("serial"), "7");
  EXPECT_EQ(source.revision.at("lineage"), "a=b");
  EXPECT_EQ(source.resources, 2u);
  EXPECT_EQ(source.files, 1u);
  EXPECT_EQ(index.skipped(0).why, "deposed");
  EXPECT_EQ(index.key_id(), 5u);

  const FileExpectation found = index.file(0);
  EXPECT_EQ(found.path, "/etc/web.conf");
  EXPECT_EQ(found.content, "sha256:ab");
  EXPECT_EQ(found.mode, 0640u);
  EXPECT_EQ(found.owner, "root");
  EXPECT_FALSE(found.group);
  EXPECT_TRUE(found.sensitive);
}

TEST_F(IndexTest, finds_every_resource_by_address_and_by_each_of_its_ids) {
  auto w = writer();
  constexpr int count = 3000;
  for (int i = 0; i < count; ++i) w->resource(bucket("b" + std::to_string(i)));
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string name = "b" + std::to_string(i);
    EXPECT_THAT(index.find_address("tofu:net/aws_s3_bucket." + name), ElementsAre(i));
    index.find_id(name, found);
    EXPECT_THAT(found, ElementsAre(i));
    index.find_id("arn:aws:s3:::" + name, found);
    EXPECT_THAT(found, ElementsAre(i));
  }
  index.find_id("b3000", found);
  EXPECT_TRUE(found.empty());
}

TEST_F(IndexTest, ranks_the_thing_itself_before_its_parts) {
  auto w = writer();
  w->resource(bucket("web", "aws_s3_bucket_policy"));
  w->resource(bucket("web"));
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  const auto owners = index.owners_of_id("web");
  ASSERT_EQ(owners.size(), 2u);
  EXPECT_EQ(index.type(owners[0].resource), "aws_s3_bucket");
  EXPECT_EQ(owners[0].rank, 0u);
  EXPECT_THAT(owners[1].reason, HasSubstr("a part of aws_s3_bucket"));
}

TEST_F(IndexTest, tells_who_owns_a_path) {
  auto w = writer();
  w->resource(bucket("web"));
  w->file(file("tofu:net/aws_s3_bucket.web", "/etc/app.d/a.conf"));
  auto folder = file("tofu:net/aws_s3_bucket.web", "/etc/app.d");
  folder.absent_entries = {"*.bak", "*.orig"};
  w->file(folder);
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  ASSERT_EQ(index.owners_of_path("/etc/app.d/a.conf").size(), 1u);
  EXPECT_EQ(index.owners_of_path("/etc/app.d/a.conf")[0].rank, 0u);
  EXPECT_EQ(index.owners_of_path("/etc/app.d/a.orig").at(0).reason, "declares that no *.orig is here");
  EXPECT_TRUE(index.owners_of_path("/etc/other").empty());
  EXPECT_EQ(index.address(index.owners_of_path("/etc/app.d")[0].resource), "tofu:net/aws_s3_bucket.web");
}

TEST_F(IndexTest, what_a_task_mounts_is_its_own) {
  auto w = writer();
  auto task = bucket("web");
  task.address = "ecs:shop/task-definition/web:2";
  task.type = "AWS::ECS::TaskDefinition";
  task.ids = {"arn:aws:ecs:eu-west-1:1:task-definition/web:2", "/srv/shop/nginx", "/"};
  w->resource(task);
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  const auto mounted = index.owners_of_path("/srv/shop/nginx"), below = index.owners_of_path("/srv/shop/nginx/a/b");
  ASSERT_EQ(mounted.size(), 1u);
  EXPECT_EQ(mounted[0].reason, "mounts it into its containers");
  ASSERT_EQ(below.size(), 1u);
  EXPECT_EQ(below[0].rank, 2u);
  EXPECT_EQ(below[0].reason, "mounts /srv/shop/nginx into its containers");
  EXPECT_TRUE(index.owners_of_path("/srv/shop").empty());
  EXPECT_TRUE(index.owners_of_path("no path").empty());
}

TEST_F(IndexTest, digests_are_equal_where_nothing_changed) {
  auto first = writer();
  first->resource(bucket("web"));
  ASSERT_TRUE(first->finish());
  const std::uint64_t before = opened().digest(0);
  auto second = writer();
  second->resource(bucket("other"));
  second->resource(bucket("web"));
  auto changed = bucket("web");
  changed.attributes[0].hash = 8;
  second->resource(changed);
  ASSERT_TRUE(second->finish());
  const Index index = opened();
  EXPECT_EQ(index.digest(1), before);
  EXPECT_NE(index.digest(2), before);
}

/// Attributes of so many, of which every `step`th has a value of `mark`'s own.
Resource wide(const std::string& name, std::size_t count, std::size_t step, std::uint64_t mark) {
  Resource resource = bucket(name);
  resource.attributes.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t hash = i % step == 0 ? mark + i : i + 1;
    resource.attributes.push_back({"a" + std::to_string(i), i % 7 == 3 ? 0 : hash, "", i % 5 == 0});
  }
  return resource;
}

TEST_F(IndexTest, resources_of_one_make_keep_their_own_values) {
  auto w = writer();
  std::vector<Resource> given;
  for (const std::size_t count : {0u, 1u, 63u, 64u, 65u, 130u, 300u})
    for (const std::size_t step : {1u, 2u, 64u, 1000u})
      for (const std::uint64_t mark : {1000u, 2000u, 3000u})
        given.push_back(wide("b" + std::to_string(given.size()), count, step, mark));
  for (const auto& resource : given) w->resource(resource);
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  ASSERT_EQ(index.resource_count(), given.size());
  for (std::uint32_t i = 0; i < given.size(); ++i) {
    const auto found = index.attributes(i);
    ASSERT_EQ(found.size(), given[i].attributes.size()) << i;
    for (std::size_t a = 0; a < found.size(); ++a) {
      EXPECT_EQ(found[a].path, given[i].attributes[a].path);
      EXPECT_EQ(found[a].hash, given[i].attributes[a].hash) << i << " " << a;
      EXPECT_EQ(found[a].sensitive, given[i].attributes[a].sensitive);
      EXPECT_EQ(found[a].absent, given[i].attributes[a].hash == 0);
    }
  }
}

TEST_F(IndexTest, what_a_make_has_in_common_is_what_each_of_its_resources_has) {
  auto w = writer();
  std::vector<Resource> given;
  const auto add = [&](auto&& change) {
    Resource resource = bucket("b" + std::to_string(given.size()));
    change(resource);
    given.push_back(resource);
    w->resource(resource);
  };
  for (int i = 0; i < 3; ++i) {
    add([](Resource&) {});
    add([](Resource& of) { of.region = "eu-west-1"; });
    add([](Resource& of) { of.account = "2"; });
    add([](Resource& of) { of.provider = "other"; });
    add([](Resource& of) { of.type = "aws_s3_object"; });
    add([](Resource& of) { of.ignored = {"tags"}; });
    add([](Resource& of) { of.attributes.pop_back(); });
    add([](Resource& of) { of.attributes[0].sensitive = true; });
    add([](Resource& of) { of.attributes[0].path = "acm"; });
  }
  w->begin_source({"second", "terraform_state", "/srv/y.tfstate"});
  w->resource(bucket("last"));
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  for (std::uint32_t i = 0; i < given.size(); ++i) {
    const Resource found = index.resource(i);
    EXPECT_EQ(found.region, given[i].region);
    EXPECT_EQ(found.account, given[i].account);
    EXPECT_EQ(found.provider, given[i].provider);
    EXPECT_EQ(found.type, given[i].type);
    EXPECT_EQ(found.ignored, given[i].ignored);
    ASSERT_EQ(found.attributes.size(), given[i].attributes.size());
    for (std::size_t a = 0; a < found.attributes.size(); ++a) {
      EXPECT_EQ(found.attributes[a].path, given[i].attributes[a].path);
      EXPECT_EQ(found.attributes[a].sensitive, given[i].attributes[a].sensitive);
      EXPECT_EQ(found.attributes[a].value, given[i].attributes[a].value);
    }
    EXPECT_EQ(index.source_of(i), 0u);
  }
  EXPECT_EQ(index.source_of(static_cast<std::uint32_t>(given.size())), 1u);
}

TEST_F(IndexTest, names_are_whole_however_they_begin) {
  const std::vector<std::string> given = {"tofu:net/module.a.aws_instance.n[0]",
                                          "tofu:net/module.a.aws_instance.n[1]",
                                          "tofu:net/module.a.aws_instance.n[\"a/b[c]\"]",
                                          "tofu:net/module.a.aws_instance.n[2]",
                                          "tofu:net/aws_instance.x",
                                          "tofu:net/aws_instance.y",
                                          "tofu:net/aws_instance.",
                                          "x",
                                          "[0]",
                                          "]"};
  auto w = writer();
  for (int round = 0; round < 3; ++round)
    for (const auto& name : given) {
      Resource resource = bucket("web");
      resource.address = name;
      resource.ids = {name, "arn:aws:ec2:eu-central-1:1:instance/" + name, "https://host/path/" + name + "/"};
      w->resource(resource);
    }
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  for (std::uint32_t i = 0; i < index.resource_count(); ++i) {
    const std::string& name = given[i % given.size()];
    EXPECT_EQ(index.address(i), name);
    EXPECT_THAT(index.ids(i),
                ElementsAre(name, "arn:aws:ec2:eu-central-1:1:instance/" + name, "https://host/path/" + name + "/"));
    EXPECT_EQ(index.find_address(name).size(), 3u) << name;
    std::vector<std::uint32_t> found;
    index.find_id("https://host/path/" + name + "/", found);
    EXPECT_EQ(found.size(), 3u) << name;
  }
  EXPECT_TRUE(index.find_address("tofu:net/module.a.aws_instance.n[").empty());
}

TEST_F(IndexTest, keeps_hashes_alone_where_that_is_wanted) {
  auto w = writer({.values = false});
  w->resource(bucket("web"));
  w->resource(bucket("logs"));
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  EXPECT_FALSE(index.has_values());
  for (const std::uint32_t row : {0u, 1u})
    for (const auto& attribute : index.attributes(row)) EXPECT_EQ(attribute.value, "");
  EXPECT_EQ(index.attributes(1)[0].hash, 7u);
  EXPECT_TRUE(index.attributes(1)[2].absent);

  const std::string other = folder_.path() + "/other";
  auto with_values = IndexWriter::create(other, 5);
  with_values->begin_source({"net", "terraform_state", "/srv/x.tfstate"});
  with_values->resource(bucket("web"));
  ASSERT_TRUE(with_values->finish());
  const auto opened_other = Index::open(other);
  ASSERT_TRUE(opened_other);
  EXPECT_EQ(opened_other->digest(0), index.digest(0));
  const auto compared = compare_indexes(index, *opened_other);
  ASSERT_FALSE(compared);
  EXPECT_THAT(compared.error().message(), HasSubstr("--hashes-only"));
}

TEST_F(IndexTest, what_is_not_synced_replaces_the_old_file_all_the_same) {
  auto w = writer({.synced = false});
  w->resource(bucket("web"));
  ASSERT_TRUE(w->finish());
  const Index before = opened();
  auto second = writer({.synced = false});
  second->resource(bucket("logs"));
  ASSERT_TRUE(second->finish());
  EXPECT_EQ(before.address(0), "tofu:net/aws_s3_bucket.web");  // it is mapped
  EXPECT_EQ(opened().address(0), "tofu:net/aws_s3_bucket.logs");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(IndexTest, an_index_without_anything_opens) {
  auto w = writer();
  ASSERT_TRUE(w->finish());
  const Index index = opened();
  EXPECT_EQ(index.resource_count(), 0u);
  EXPECT_TRUE(index.owners_of_id("x").empty());
  EXPECT_TRUE(index.owners_of_path("/x").empty());
}

TEST_F(IndexTest, what_is_not_finished_leaves_the_old_file) {
  auto w = writer();
  w->resource(bucket("web"));
  ASSERT_TRUE(w->finish());
  {
    auto other = writer();
    other->resource(bucket("other"));
  }
  EXPECT_EQ(opened().address(0), "tofu:net/aws_s3_bucket.web");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(IndexTest, every_damaged_byte_is_noticed) {
  auto w = writer();
  w->resource(bucket("web"));
  ASSERT_TRUE(w->finish());
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto put = [&](const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    put(damaged);
    EXPECT_NE(refusal(), "(opened)") << "byte " << i;
  }
  put(whole.substr(0, whole.size() - 1));
  EXPECT_THAT(refusal(), HasSubstr("cut; compile the index again"));
  put("");
  EXPECT_THAT(refusal(), HasSubstr("shorter than its head"));
  put("{\"version\": 4}" + std::string(1000, ' '));
  EXPECT_THAT(refusal(), HasSubstr("not an index of Plumbline"));
}

TEST_F(IndexTest, what_is_held_apart_stays_whatever_becomes_of_the_file) {
  for (const int resources : {1, 20'000}) {  // in memory, and in a copy
    auto w = writer();
    for (int i = 0; i < resources; ++i) w->resource(bucket("b" + std::to_string(i)));
    ASSERT_TRUE(w->finish());
    const auto held = Index::open(path_, Hold::apart);
    ASSERT_TRUE(held) << held.error().message();
    EXPECT_EQ(held->bytes() > std::uint64_t{1} << 20, resources > 1);
    const std::string last = "b" + std::to_string(resources - 1);
    std::filesystem::resize_file(path_, 0);
    EXPECT_THAT(held->owners_of_id(last), testing::SizeIs(1));
    EXPECT_EQ(held->resource(0).region, "eu-central-1");
    EXPECT_THAT(std::filesystem::directory_iterator(folder_.path())->path().string(), path_)
        << "no other file is there";
  }
}

TEST_F(IndexTest, what_is_held_apart_is_checked_too) {
  ASSERT_TRUE(writer()->finish());
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  EXPECT_THAT(Index::open(path_, Hold::apart).error().message(), HasSubstr("cut"));
}

TEST_F(IndexTest, a_folder_that_is_not_there_is_named) {
  const auto done = IndexWriter::create("/nowhere/at/all", 5)->finish();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("/nowhere/at"));
}

}  // namespace
}  // namespace plumbline::baseline
