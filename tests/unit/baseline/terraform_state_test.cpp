#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/baseline.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const KeyedHash key(std::array<std::byte, 32>{});

/// A state with one resource; `instance` is the inside of its only instance.
std::string state(const std::string& type, const std::string& instance, const std::string& head = "") {
  return R"({"version":4,"terraform_version":"1.10.6","serial":7,"lineage":"abc",)" + head +
         R"("outputs":{},"resources":[{"mode":"managed","type":")" + type +
         R"(","name":"f","provider":"provider[\"registry.opentofu.org/hashicorp/local\"]","instances":[{)" + instance +
         "}]}]}";
}

Result<Baseline> read(const std::string& text) {
  return parse({"net", "terraform_state", "/srv/x.tfstate"}, text, key);
}

std::string refusal(const std::string& text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

TEST(TerraformState, reads_a_local_file) {
  const auto b = read(state(
      "local_file", R"("attributes":{"filename":"/etc/a.conf","content":"hello","file_permission":"0640","id":"x"})"));
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->revision.at("serial"), "7");
  EXPECT_EQ(b->revision.at("lineage"), "abc");
  ASSERT_EQ(b->files.size(), 1u);
  EXPECT_EQ(b->files[0].address, "tofu:net/local_file.f");
  EXPECT_EQ(b->files[0].path, "/etc/a.conf");
  EXPECT_EQ(b->files[0].content, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(b->files[0].mode, 0640u);
  EXPECT_EQ(b->resources[0].provider, "local");
}

TEST(TerraformState, keeps_only_a_keyed_hash_of_what_is_sensitive) {
  for (
      const auto& text :
      {state("local_sensitive_file", R"("attributes":{"filename":"/a","content":"hello"})"),
       state("local_file", R"("attributes":{"filename":"/a","sensitive_content":"hello","content":""})"),
       state(
           "local_file",
           R"("attributes":{"filename":"/a","content":"hello"},"sensitive_attributes":[[{"type":"get_attr","value":"content"}]])")}) {
    const auto b = read(text);
    ASSERT_TRUE(b) << b.error().message();
    EXPECT_TRUE(b->files[0].sensitive);
    EXPECT_EQ(*b->files[0].content, key.of_digest(sha256("hello")));
    EXPECT_THAT(*b->files[0].content, Not(HasSubstr("2cf24dba")));
  }
}

TEST(TerraformState, names_count_and_for_each_instances_and_modules) {
  auto b = read(state("local_file", R"("index_key":3,"attributes":{"filename":"/a","content":"x"})"));
  EXPECT_EQ(b->files[0].address, "tofu:net/local_file.f[3]");
  b = read(state("local_file", R"("index_key":"a\"b","attributes":{"filename":"/a","content":"x"})"));
  EXPECT_EQ(b->files[0].address, R"(tofu:net/local_file.f["a\"b"])");
  b = read(
      R"({"version":4,"serial":1,"lineage":"l","resources":[{"module":"module.web[0]","mode":"managed","type":"local_file","name":"f","instances":[{"attributes":{"filename":"/a","content":"x"}}]}]})");
  EXPECT_EQ(b->files[0].address, "tofu:net/module.web[0].local_file.f");
}

TEST(TerraformState, takes_digests_where_the_content_is_not_there) {
  auto b = read(state("local_file", R"("attributes":{"filename":"/a","content_base64":"aGVsbG8="})"));
  EXPECT_THAT(*b->files[0].content, HasSubstr("2cf24dba"));
  const std::string digest(64, 'a');
  b = read(state("local_file", R"("attributes":{"filename":"/a","source":"./s","content_sha256":")" + digest + "\"}"));
  EXPECT_EQ(*b->files[0].content, "sha256:" + digest);
  b = read(state("local_file", R"("attributes":{"filename":"/a","source":"./s"})"));
  EXPECT_FALSE(b->files[0].content);
  EXPECT_THAT(b->skipped[0].why, HasSubstr("source"));
}

TEST(TerraformState, lists_others_and_says_what_it_skips) {
  auto b = read(state("aws_security_group", R"("attributes":{"id":"sg-1"})"));
  EXPECT_EQ(b->resources[0].type, "aws_security_group");
  EXPECT_TRUE(b->files.empty());
  b = read(state("local_file", R"("deposed":"abcd1234","attributes":{"filename":"/a","content":"x"})"));
  EXPECT_TRUE(b->files.empty());
  EXPECT_THAT(b->skipped[0].why, HasSubstr("deposed"));
}

TEST(TerraformState, makes_paths_absolute_and_normal_and_keeps_their_bytes) {
  auto b = read(state("local_file", R"("attributes":{"filename":"./a/../b.conf","content":"x"})"));
  EXPECT_EQ(b->files[0].path, "/srv/b.conf");
  b = read(state("local_file", R"("attributes":{"filename":"/a\nb","content":"x"})"));
  EXPECT_EQ(b->files[0].path, "/a\nb");
}

TEST(TerraformState, refuses_with_place_reason_and_way_out) {
  EXPECT_THAT(refusal("{\"version\":4,\"ser"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("hello"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not an object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("#/version"));
  EXPECT_THAT(refusal(R"({"version":3,"serial":1,"lineage":"l"})"), HasSubstr("state version 3"));
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{}})"), HasSubstr("show -json"));
  EXPECT_THAT(refusal(R"({"serial":9,"lineage":"l","meta":{},"encrypted_data":"AA==","encryption_version":"v0"})"),
              testing::AllOf(HasSubstr("encrypted"), HasSubstr("serial 9")));
  EXPECT_THAT(refusal(R"({"version":4,"serial":1,"lineage":"l","resources":{}})"), HasSubstr("#/resources"));
  EXPECT_THAT(refusal(R"({"version":4,"serial":1,"lineage":"l","resources":[7]})"), HasSubstr("#/resources/0"));
  EXPECT_THAT(refusal(state("local_file", R"("attributes":{"content":"x"})")), HasSubstr("/attributes/filename"));
  EXPECT_THAT(refusal(state("local_file", R"("attributes":{"filename":"/a\u0000b","content":"x"})")), HasSubstr("NUL"));
  EXPECT_THAT(refusal(state("local_file", R"("attributes":{"filename":"/a","content_base64":"***"})")),
              HasSubstr("base64"));
  EXPECT_THAT(refusal(state("local_file", R"("attributes":{"filename":"/a","content":"x","file_permission":"rw"})")),
              HasSubstr("octal"));
  for (const char* name : {"content", "content_base64", "source", "file_permission"})
    EXPECT_THAT(
        refusal(state("local_file", R"("attributes":{"filename":"/a",")" + std::string(name) + "\":5}")),
        testing::StartsWith("/srv/x.tfstate#/resources/0/instances/0/attributes/" + std::string(name) + ": neither"));
  EXPECT_THAT(
      refusal(state("local_file",
                    R"("attributes":{"filename":"/a","content":"x"}},{"attributes":{"filename":"/a","content":"y"})")),
      HasSubstr("tofu:net/local_file.f stands there twice with the path /a"));
  EXPECT_THAT(refusal("{\"outputs\":" + std::string(100000, '[')), HasSubstr("not JSON"));
}

TEST(TerraformState, says_what_is_wrong_with_a_file) {
  const TempDir dir;
  EXPECT_EQ(load({"a", "terraform_state", dir / "missing"}, key).error().code, ErrorCode::not_found);
  EXPECT_THAT(load({"a", "terraform_state", dir.path()}, key).error().message(), HasSubstr("directory"));
  EXPECT_THAT(load({"a", "terraform_state", dir.write("empty", "")}, key).error().message(), HasSubstr("empty"));
  std::filesystem::create_symlink("loop", dir / "loop");
  EXPECT_FALSE(load({"a", "terraform_state", dir / "loop"}, key));
}

TEST(TerraformState, reads_what_a_real_opentofu_wrote) {
  const auto b = load({"quickstart", "terraform_state", EXAMPLES "/quickstart/terraform.tfstate"}, key);
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->files.size(), 4u);
  for (const auto& file : b->files) {
    EXPECT_TRUE(file.content) << file.address;
    EXPECT_TRUE(file.mode) << file.address;
    EXPECT_EQ(file.sensitive, file.path == "/etc/plumbline-quickstart/app.env");
  }
}

TEST(KeyedHashTest, makes_a_private_key_once_and_refuses_an_open_one) {
  const TempDir dir;
  const auto one = KeyedHash::load_or_create(dir / "key");
  const auto two = KeyedHash::load_or_create(dir / "key");
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->of_digest(sha256("a")), two->of_digest(sha256("a")));
  EXPECT_NE(one->of_digest(sha256("a")), key.of_digest(sha256("a")));
  std::filesystem::permissions(dir / "key", std::filesystem::perms(0644));
  EXPECT_EQ(KeyedHash::load_or_create(dir / "key").error().code, ErrorCode::permission);
  std::filesystem::permissions(dir.write("short", "x"), std::filesystem::perms(0600));
  EXPECT_EQ(KeyedHash::load_or_create(dir / "short").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace plumbline::baseline
