#include "baseline/source/terraform_common.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/source/json_text.hpp"
#include "baseline/source/terraform_marks.hpp"
#include "baseline/source/terraform_provider.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const SourceSpec spec{"net", "terraform_state", "/srv/x.tfstate"};

/// Emits one instance; `marks` is a state's sensitive_attributes.
Result<Baseline> emit(const std::string& type, const std::string& provider, const std::string& attributes,
                      const std::string& marks = "[]", const std::string& base = "/srv") {
  JsonText json, marks_json;
  TerraformInstance instance;
  instance.address = "tofu:net/" + type + ".x";
  instance.type = type;
  instance.provider = provider;
  instance.attributes = json.parse("test", attributes).value().get_object().value();
  instance.pointer = "/resources/0/instances/0/attributes";
  add_sensitive_paths(marks_json.parse("test", marks).value(), instance);
  BaselineBuilder builder;
  const auto done = TerraformEmitter(spec, {test_key, test_fingerprints}, builder, base).emit(instance);
  if (!done) return done.error();
  return builder.take();
}

Resource aws(const std::string& type, const std::string& attributes) {
  return emit(type, "provider[\"registry.terraform.io/hashicorp/aws\"]", attributes).value().resources.at(0);
}

std::vector<std::string> paths_of(const Resource& resource, bool sensitive) {
  std::vector<std::string> paths;
  for (const auto& attribute : resource.attributes)
    if (attribute.sensitive == sensitive) paths.push_back(attribute.path);
  return paths;
}

TEST(TerraformCommon, names_the_provider_however_it_is_written) {
  EXPECT_EQ(terraform_provider_name("registry.opentofu.org/hashicorp/aws"), "aws");
  EXPECT_EQ(terraform_provider_name(R"(provider["registry.terraform.io/hashicorp/aws"].eu)"), "aws");
  EXPECT_EQ(terraform_provider_name(R"(module.a.provider["registry.opentofu.org/hashicorp/google-beta"])"), "google");
  EXPECT_EQ(terraform_provider_name(R"(provider["registry.opentofu.org/x/random"].by["a.provider.b"])"), "random");
  EXPECT_EQ(terraform_provider_name("provider.azurerm.west"), "azurerm");
  EXPECT_EQ(terraform_provider_name("module.a.provider.azapi"), "azurerm");
  EXPECT_EQ(terraform_provider_name("terraform.io/builtin/terraform"), "terraform");
  EXPECT_EQ(terraform_provider_name("provider[\"a/b/\x1b[2J\"]"), "");
  EXPECT_EQ(terraform_provider_name(""), "");
}

TEST(TerraformCommon, finds_every_name_of_a_thing_and_where_it_is) {
  const auto role = aws("aws_iam_role", R"({"id":"web","arn":"arn:aws:iam::123456789012:role/web","name":"web",)"
                                        R"("unique_id":"AROAEXAMPLE","path":"/"})");
  EXPECT_THAT(role.ids, ElementsAre("web", "arn:aws:iam::123456789012:role/web", "AROAEXAMPLE"));
  EXPECT_EQ(role.account, "123456789012");
  EXPECT_EQ(role.region, "");
  const auto bucket = aws("aws_s3_bucket", R"({"id":"b","arn":"arn:aws:s3:::b","region":"eu-north-1"})");
  EXPECT_EQ(bucket.region, "eu-north-1");
  EXPECT_EQ(bucket.account, "");
  EXPECT_THAT(aws("aws_s3_object", R"({"id":"k/x","bucket":"b","key":"k/x"})").ids, Contains("arn:aws:s3:::b/k/x"));
  EXPECT_THAT(aws("aws_db_instance", R"({"id":"db-X1","identifier":"main"})").ids, ElementsAre("db-X1", "main"));

  const auto google =
      emit("google_compute_instance", "registry.terraform.io/hashicorp/google",
           R"({"id":"projects/shop/zones/europe-west1-b/instances/web","name":"web","zone":"europe-west1-b",)"
           R"("self_link":"https://www.googleapis.com/compute/v1/projects/shop/zones/europe-west1-b/instances/web"})");
  EXPECT_EQ(google->resources[0].account, "shop");
  EXPECT_EQ(google->resources[0].region, "europe-west1-b");
  EXPECT_EQ(google->resources[0].ids.size(), 3u);

  const auto azure =
      emit("azurerm_storage_account", "provider[\"registry.terraform.io/hashicorp/azurerm\"]",
           R"({"id":"/subscriptions/1-2/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/s",)"
           R"("name":"s","location":"westeurope"})");
  EXPECT_EQ(azure->resources[0].account, "1-2");
  EXPECT_EQ(azure->resources[0].region, "westeurope");
}

TEST(TerraformCommon, no_id_is_a_secret) {
  EXPECT_THAT(emit("random_password", "x/hashicorp/random", R"({"id":"none","result":"canary"})")->resources[0].ids,
              IsEmpty());
  EXPECT_THAT(emit("random_string", "x/hashicorp/random", R"({"id":"canary","result":"canary"})")->resources[0].ids,
              IsEmpty());
  // A provider that nobody knows makes its id from the secret.
  const auto vault = emit("vault_thing", "x/y/vault", R"({"id":"canary","password":"canary","name":"n"})");
  EXPECT_THAT(vault->resources[0].ids, ElementsAre("n"));
  const auto marked = emit("x", "x/y/z", R"({"id":"canary"})", R"([[{"type":"get_attr","value":"id"}]])");
  EXPECT_THAT(marked->resources[0].ids, IsEmpty());
  EXPECT_THAT(emit("x", "x/y/z", R"({"id":"https://u:canary@host/"})")->resources[0].ids, IsEmpty());
}

TEST(TerraformCommon, leaves_out_what_the_provider_computes) {
  const auto role =
      aws("aws_lambda_function", R"({"id":"f","arn":"a","version":"7","last_modified":"t","tags_all":{"a":"b"},)"
                                 R"("tags":{"a":"b"},"timeout":3,"timeouts":null})");
  EXPECT_THAT(paths_of(role, false), ElementsAre("tags.a", "timeout"));
  // Of another type the version is declared.
  EXPECT_THAT(paths_of(aws("aws_eks_cluster", R"({"version":"1.31","status":"ACTIVE"})"), false),
              ElementsAre("version"));
}

TEST(TerraformCommon, has_the_tags_of_the_provider_as_those_of_the_resource) {
  const auto both = aws("aws_vpc", R"({"tags":{"Name":"n"},"tags_all":{"Name":"n","Team":"t"},"z":1})");
  EXPECT_THAT(paths_of(both, false), ElementsAre("tags.Name", "tags.Team", "z"));
  EXPECT_EQ(both.attributes[1].value, R"("t")");
  EXPECT_THAT(paths_of(aws("aws_vpc", R"({"tags":null,"tags_all":{"Team":"t"}})"), false), ElementsAre("tags.Team"));
  const auto none = aws("aws_vpc", R"({"tags":{},"tags_all":{}})");
  EXPECT_THAT(paths_of(none, false), ElementsAre("tags"));
  EXPECT_THAT(paths_of(aws("aws_vpc", R"({"tags":{"Name":"n"},"tags_all":null})"), false), ElementsAre("tags.Name"));
  // Only of the whole resource, and of this provider.
  EXPECT_THAT(paths_of(aws("aws_vpc", R"({"in":{"tags":{"a":1},"tags_all":{"b":1}}})"), false),
              ElementsAre("in.tags.a", "in.tags_all.b"));
  const auto other = emit("x", "x/y/z", R"({"tags":{"a":"1"},"tags_all":{"b":"1"}})");
  EXPECT_THAT(paths_of(other->resources[0], false), ElementsAre("tags.a", "tags_all.b"));
}

TEST(TerraformCommon, hides_the_tags_that_are_marked_under_either_name) {
  for (const char* name : {"tags", "tags_all"}) {
    const auto mark = std::string(R"([[{"type":"get_attr","value":")") + name +
                      R"("},{"type":"index","value":{"value":"k","type":"string"}}]])";
    const auto b = emit("aws_vpc", "x/hashicorp/aws",
                        R"({"tags":{"k":"canary","l":"x"},"tags_all":{"k":"canary","l":"x"}})", mark);
    EXPECT_THAT(paths_of(b->resources[0], true), ElementsAre("tags.k")) << name;
  }
}

TEST(TerraformCommon, hides_what_is_secret_though_the_state_does_not_mark_it) {
  const auto b = emit("kubernetes_secret", "x/hashicorp/kubernetes", R"({"data":{"a":"canary"},"type":"Opaque"})");
  EXPECT_THAT(paths_of(b->resources[0], true), ElementsAre("data.a"));
  EXPECT_THAT(paths_of(aws("aws_instance", R"({"user_data":"canary","ami":"x"})"), true), ElementsAre("user_data"));
  EXPECT_THAT(paths_of(aws("aws_ssm_parameter", R"({"value":"canary","type":"String"})"), true), ElementsAre("value"));
}

TEST(TerraformCommon, follows_the_marks_of_a_state) {
  const std::string marks =
      R"([[{"type":"get_attr","value":"a"},{"type":"index","value":{"value":0,"type":"number"}},{"type":"get_attr","value":"b"}],)"
      R"([{"type":"get_attr","value":"m"},{"type":"index","value":{"value":"k.x","type":"string"}}]])";
  const auto b = emit("x", "x/y/z", R"({"a":[{"b":"canary"}],"m":{"k.x":"canary","open":"1"},"n":"2"})", marks);
  EXPECT_THAT(paths_of(b->resources[0], true), ElementsAre("a", "m.k\\.x"));
  EXPECT_THAT(paths_of(b->resources[0], false), ElementsAre("m.open", "n"));
  // A set is a list in JSON, and a mark names its element by value.
  const auto set =
      emit("x", "x/y/z", R"({"s":["canary"]})",
           R"([[{"type":"get_attr","value":"s"},{"type":"index","value":{"value":"canary","type":"string"}}]])");
  EXPECT_THAT(paths_of(set->resources[0], true), ElementsAre("s"));
  for (const char* unreadable : {"[7]", "[[]]", "[[{}]]", "{}", R"([[{"type":"index","value":{"value":1}}]])"})
    EXPECT_THAT(paths_of(emit("x", "x/y/z", R"({"a":"1"})", unreadable)->resources[0], true), ElementsAre("a"))
        << unreadable;
}

TEST(TerraformCommon, takes_dynamic_values_out_of_their_wrapping) {
  const std::string marks =
      R"([[{"type":"get_attr","value":"input"},{"type":"get_attr","value":"m"}],)"
      R"([{"type":"get_attr","value":"o"},{"type":"get_attr","value":"d"},{"type":"get_attr","value":"p"}]])";
  const auto b = emit(
      "x", "x/y/z",
      R"({"input":{"value":{"m":"canary","n":"1"},"type":["object",{"m":"string","n":"string"}]},)"
      R"("list":{"value":["b","a"],"type":["list","string"]},"none":{"value":null,"type":"dynamic"},)"
      R"("my_token":{"value":"canary","type":"string"},"o":{"d":{"value":{"p":"canary"},"type":["map","string"]}},)"
      R"("tags":{"type":"mine","value":"kept"}})",
      marks);
  EXPECT_THAT(paths_of(b->resources[0], true),
              AllOf(Contains("input.m"), Contains("my_token"), Contains("o.d.value.p")));
  EXPECT_THAT(paths_of(b->resources[0], false), AllOf(Contains("input.n"), Contains("list"), Contains("none"),
                                                      Contains("tags.type"), Contains("tags.value")));
  for (const auto& attribute : b->resources[0].attributes) EXPECT_THAT(attribute.value, Not(HasSubstr("canary")));
}

TEST(TerraformCommon, more_marks_than_can_be_compared_mark_everything) {
  std::string marks, attributes = "\"open\":\"1\"";
  for (int i = 0; i < 600; ++i)
    marks += (i ? "," : "") + ("[{\"type\":\"get_attr\",\"value\":\"s" + std::to_string(i) + "\"}]");
  const auto b = emit("x", "x/y/z", "{" + attributes + "}", "[" + marks + "]");
  EXPECT_THAT(paths_of(b->resources[0], true), ElementsAre("open"));
}

TEST(TerraformCommon, a_file_that_looks_secret_is_secret) {
  const std::string pem = R"(-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n)";
  auto b = emit("local_file", "x/hashicorp/local", R"({"filename":"/a","content":")" + pem + "\"}");
  EXPECT_TRUE(b->files[0].sensitive);
  EXPECT_THAT(*b->files[0].content, HasSubstr("hmac"));
  b = emit("local_file", "x/hashicorp/local",
           R"({"filename":"/a","content_base64":"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg=="})");
  EXPECT_TRUE(b->files[0].sensitive);
  EXPECT_THAT(paths_of(b->resources[0], true), Contains("content_base64"));
}

TEST(TerraformCommon, relative_names_need_a_folder) {
  const std::string relative = R"({"filename":"a/../b","content":"x"})";
  EXPECT_EQ(emit("local_file", "x/hashicorp/local", relative)->files[0].path, "/srv/b");
  const auto nowhere = emit("local_file", "x/hashicorp/local", relative, "[]", "");
  EXPECT_THAT(nowhere->files, IsEmpty());
  EXPECT_THAT(nowhere->skipped.at(0).why, HasSubstr("relative"));
  EXPECT_THAT(emit("local_file", "x/hashicorp/local", R"({"filename":1})").error().message(),
              HasSubstr("/srv/x.tfstate#/resources/0/instances/0/attributes/filename"));
}

TEST(TerraformCommon, reads_serial_and_lineage_of_a_state_that_opentofu_really_encrypted) {
  const auto text = content_of(FIXTURES "/terraform_json/encrypted/terraform.tfstate");
  JsonText json;
  const auto top = json.parse("test", text).value().get_object().value();
  ASSERT_TRUE(is_encrypted_by_tofu(top));
  BaselineBuilder builder;
  ASSERT_TRUE(read_encrypted_state(spec, top, builder));
  const auto b = builder.take();
  EXPECT_EQ(b.revision.at("serial"), "1");
  EXPECT_EQ(b.revision.at("lineage").size(), 36u);
  EXPECT_THAT(b.resources, IsEmpty());
  ASSERT_EQ(b.skipped.size(), 1u);
  EXPECT_EQ(b.skipped[0].address, "tofu:net");
  EXPECT_THAT(b.skipped[0].why, HasSubstr("coarse"));
}

TEST(TerraformCommon, an_encrypted_plan_is_no_state) {
  const auto text = content_of(FIXTURES "/terraform_json/encrypted/plan");
  JsonText json;
  const auto top = json.parse("test", text).value().get_object().value();
  ASSERT_TRUE(is_encrypted_by_tofu(top));
  BaselineBuilder builder;
  const auto done = read_encrypted_state(spec, top, builder);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace plumbline::baseline
