#include "baseline/source/terraform_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string fixture = FIXTURES "/terraform_json/";
const std::string root = "/tmp/plumbline-fixture-json";

Result<Baseline> read(const std::string& text) {
  BaselineBuilder builder;
  const auto done =
      read_terraform_json({"net", "terraform_json", "/srv/show.json"}, text, {test_key, test_fingerprints}, builder);
  if (!done) return done.error();
  return builder.take();
}

std::string refusal(const std::string& text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

Baseline fixture_of(const std::string& name) {
  auto result = read(content_of(fixture + name));
  EXPECT_TRUE(result) << result.error().message();
  return result ? std::move(*result) : Baseline();
}

const Resource* resource_at(const Baseline& baseline, const std::string& address) {
  for (const auto& resource : baseline.resources)
    if (resource.address == "tofu:net/" + address) return &resource;
  return nullptr;
}

const FileExpectation* file_of(const Baseline& baseline, const std::string& address) {
  for (const auto& file : baseline.files)
    if (file.address == "tofu:net/" + address) return &file;
  return nullptr;
}

const Attribute* attribute_at(const Baseline& baseline, const std::string& address, const std::string& path) {
  const Resource* resource = resource_at(baseline, address);
  if (resource == nullptr) return nullptr;
  for (const auto& attribute : resource->attributes)
    if (attribute.path == path) return &attribute;
  return nullptr;
}

std::string value_of(const Baseline& baseline, const std::string& address, const std::string& path) {
  const Attribute* found = attribute_at(baseline, address, path);
  return found == nullptr ? "(none)" : found->sensitive ? "(sensitive)" : found->value;
}

/// Why an address was skipped, all reasons in one text.
std::string why_skipped(const Baseline& baseline, const std::string& address) {
  std::string why;
  for (const auto& skip : baseline.skipped)
    if (skip.address == "tofu:net/" + address) why += skip.why + "|";
  return why;
}

std::string state_of(const std::string& resource) {
  return R"({"format_version":"1.0","values":{"root_module":{"resources":[{"address":"a.b","mode":"managed","type":"a",)"
         R"("name":"b","provider_name":"registry.terraform.io/hashicorp/aws",)" +
         resource + "}]}}}";
}

TEST(TerraformJson, reads_the_state_of_a_real_opentofu_with_its_modules) {
  const auto b = fixture_of("show-state.json");
  EXPECT_EQ(b.resources.size(), 17u);
  EXPECT_EQ(b.files.size(), 14u);
  const auto* leaf = file_of(b, "module.web[\"with.dot\"].module.inner[1].local_file.leaf");
  ASSERT_NE(leaf, nullptr);
  EXPECT_EQ(leaf->path, root + "/leaf-second-1");
  EXPECT_EQ(leaf->content, "sha256:" + to_hex(sha256("leaf of second-1\n")));
  EXPECT_EQ(leaf->mode, 0444u);
  EXPECT_NE(resource_at(b, R"(module.web["eu-1"].local_file.per_zone["with \"quotes\""])"), nullptr);
  EXPECT_EQ(resource_at(b, "local_file.plain")->provider, "local");
  EXPECT_EQ(resource_at(b, "local_file.read"), nullptr);  // a data source
  EXPECT_THAT(b.revision.at("content"), HasSubstr("hmac-sha256:"));
  ASSERT_EQ(b.skipped.size(), 1u);
  EXPECT_THAT(why_skipped(b, "local_file.relative"), HasSubstr("abspath()"));
}

TEST(TerraformJson, keeps_what_is_marked_as_a_hash_only_within_lists_and_maps_too) {
  for (const char* name : {"show-state.json", "show-plan.json"}) {
    const auto b = fixture_of(name);
    EXPECT_EQ(value_of(b, "terraform_data.tree", "input.list"), "(sensitive)");
    EXPECT_EQ(value_of(b, "terraform_data.tree", "input.map.with\\.dot"), "(sensitive)");
    EXPECT_EQ(value_of(b, "terraform_data.tree", "input.password"), "(sensitive)");
    EXPECT_THAT(value_of(b, "terraform_data.tree", "input.numbers"), HasSubstr("1"));
    EXPECT_EQ(attribute_at(b, "terraform_data.tree", "input.nothing")->hash, 0u);
    EXPECT_EQ(attribute_at(b, "terraform_data.tree", "output"), nullptr);
    const auto* secret = file_of(b, "local_file.secret");
    ASSERT_NE(secret, nullptr);
    EXPECT_TRUE(secret->sensitive);
    EXPECT_EQ(secret->content, test_key.of_digest(sha256("canary-from-a-sensitive-variable")));
    EXPECT_THAT(resource_at(b, "local_file.secret")->ids, IsEmpty());  // the provider's id is the SHA-1 of the content
    EXPECT_THAT(all_of(b), Not(HasSubstr("canary")));
  }
}

TEST(TerraformJson, a_plan_is_what_is_planned_without_what_nobody_knows_yet) {
  const auto b = fixture_of("show-plan.json");
  EXPECT_THAT(b.revision.at("timestamp"), HasSubstr("T"));
  EXPECT_EQ(value_of(b, "terraform_data.tree", "input.map.open"), "\"second\"");
  EXPECT_EQ(file_of(b, "local_file.changed")->content, "sha256:" + to_hex(sha256("second\n")));
  EXPECT_EQ(value_of(b, "terraform_data.partly_known", "input.known"), "\"yes\"");
  EXPECT_EQ(attribute_at(b, "terraform_data.partly_known", "input.list"), nullptr);
  EXPECT_EQ(attribute_at(b, "terraform_data.partly_known", "input.unknown"), nullptr);
  EXPECT_THAT(why_skipped(b, "terraform_data.partly_known"), HasSubstr("input.list, input.unknown"));
  EXPECT_THAT(why_skipped(b, "terraform_data.new"), IsEmpty());  // its id is computed, as every id is
  const auto* later = file_of(b, "local_file.of_another");
  ASSERT_NE(later, nullptr);
  EXPECT_FALSE(later->content);
  EXPECT_EQ(later->mode, 0644u);
  EXPECT_THAT(why_skipped(b, "local_file.of_another"), HasSubstr("only after the apply"));
  EXPECT_EQ(file_of(b, "local_file.named_later"), nullptr);
  EXPECT_THAT(why_skipped(b, "local_file.named_later"), HasSubstr("file name"));
}

TEST(TerraformJson, says_what_a_plan_leaves_out) {
  const auto b = fixture_of("show-plan.json");
  EXPECT_EQ(resource_at(b, "local_file.counted[1]"), nullptr);
  EXPECT_THAT(why_skipped(b, "local_file.counted[1]"), HasSubstr("destroys"));
  EXPECT_EQ(resource_at(b, "terraform_data.forgotten"), nullptr);
  EXPECT_THAT(why_skipped(b, "terraform_data.forgotten"), HasSubstr("forgets"));
  // Its file was removed by somebody: the plan makes it again, and drift is no wish.
  EXPECT_EQ(file_of(b, "local_file.drifted")->content, "sha256:" + to_hex(sha256("drifted\n")));
  EXPECT_THAT(why_skipped(b, "local_file.drifted"), HasSubstr("outside the tool"));

  const auto target = fixture_of("show-plan-target.json");
  EXPECT_EQ(target.resources.size(), 1u);
  EXPECT_THAT(why_skipped(target, "module.web[\"eu-1\"].module.inner[0].local_file.leaf"), HasSubstr("-target"));
}

TEST(TerraformJson, names_the_attributes_that_drifted) {
  const auto b = read(
      R"({"format_version":"1.2","planned_values":{"root_module":{}},"complete":false,"resource_drift":[{"address":"a.b",)"
      R"("mode":"managed","change":{"before":{"x":"canary-old","y":1,"z":[1,2]},"after":{"x":"canary-new","y":1,"z":[2,1]}}}],)"
      R"("deferred_changes":[{"resource_change":{"address":"a.later"}}],)"
      R"("resource_changes":[{"address":"a.b","mode":"managed","deposed":"1234","change":{"actions":["delete"]}}]})");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_THAT(why_skipped(*b, "a.b"),
              AllOf(HasSubstr("outside the tool when the plan was made: x."), HasSubstr("deposed")));
  EXPECT_THAT(why_skipped(*b, "a.later"), HasSubstr("deferred"));
  EXPECT_THAT(skipped(*b, "tofu:net"), AllOf(HasSubstr("not complete"), HasSubstr("no managed resource")));
  EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
}

TEST(TerraformJson, marks_of_the_planned_values_and_of_the_changes_both_count) {
  const auto b = read(
      R"({"format_version":"1.2","planned_values":{"root_module":{"resources":[{"address":"a.b","mode":"managed","type":"a",)"
      R"("provider_name":"x/y/z","values":{"p":"1","q":"2","r":"3"},"sensitive_values":{"p":true}}]}},)"
      R"("resource_changes":[{"address":"a.b","mode":"managed","change":{"actions":["create"],"after_sensitive":{"q":true}}}]})");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(value_of(*b, "a.b", "p"), "(sensitive)");
  EXPECT_EQ(value_of(*b, "a.b", "q"), "(sensitive)");
  EXPECT_EQ(value_of(*b, "a.b", "r"), "\"3\"");
}

TEST(TerraformJson, knows_ids_region_and_account) {
  const auto b = read(
      state_of(R"("values":{"id":"web","arn":"arn:aws:s3:eu-west-1:123456789012:web","name":"web","acl":"private"})"));
  ASSERT_TRUE(b) << b.error().message();
  const auto& resource = b->resources.at(0);
  EXPECT_EQ(resource.provider, "aws");
  EXPECT_THAT(resource.ids, ::testing::ElementsAre("web", "arn:aws:s3:eu-west-1:123456789012:web"));
  EXPECT_EQ(resource.region, "eu-west-1");
  EXPECT_EQ(resource.account, "123456789012");
  EXPECT_EQ(value_of(*b, "a.b", "acl"), "\"private\"");
  EXPECT_EQ(value_of(*b, "a.b", "arn"), "(none)");
}

TEST(TerraformJson, skips_what_is_deposed_or_has_no_values) {
  auto b = read(state_of(R"("deposed_key":"12345678","values":{"id":"x"})"));
  ASSERT_TRUE(b);
  EXPECT_THAT(b->resources, IsEmpty());
  EXPECT_THAT(why_skipped(*b, "a.b"), HasSubstr("deposed"));
  b = read(state_of(R"("values":null)"));
  ASSERT_TRUE(b);
  EXPECT_THAT(why_skipped(*b, "a.b"), HasSubstr("no values"));
}

TEST(TerraformJson, a_resource_that_is_marked_as_a_whole_shows_nothing) {
  const auto b = read(state_of(R"("values":{"id":"canary","x":"canary"},"sensitive_values":true)"));
  ASSERT_TRUE(b);
  EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
  EXPECT_EQ(value_of(*b, "a.b", "x"), "(sensitive)");
}

TEST(TerraformJson, refuses_what_says_nothing_of_the_wish) {
  EXPECT_THAT(refusal(content_of(fixture + "show-nothing.json")), HasSubstr("no state"));
  EXPECT_THAT(refusal(content_of(fixture + "show-plan-refresh-only.json")), HasSubstr("-refresh-only"));
  EXPECT_THAT(refusal(content_of(fixture + "encrypted/plan")), HasSubstr("encrypted"));
  EXPECT_THAT(refusal(content_of(fixture + "encrypted/terraform.tfstate")), HasSubstr("terraform_state"));
  EXPECT_THAT(refusal(content_of(FIXTURES "/terraform/opentofu-1.10.6/terraform.tfstate")), HasSubstr("raw state"));
  EXPECT_THAT(refusal(R"({"format_version":"1.2","errored":true,"planned_values":{"root_module":{}}})"),
              HasSubstr("planning failed"));
  EXPECT_THAT(refusal(R"({"format_version":"2.0","values":{}})"), HasSubstr("reads 1.x"));
  EXPECT_THAT(refusal("{\"@level\":\"info\"}\n{\"@level\":\"info\"}\n"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not an object"));
}

TEST(TerraformJson, refuses_with_the_pointer) {
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{}})"), HasSubstr("/srv/show.json#/values/root_module"));
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{"root_module":{"resources":[7]}}})"),
              HasSubstr("#/values/root_module/resources/0"));
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{"root_module":{"child_modules":[{"resources":{}}]}}})"),
              HasSubstr("#/values/root_module/child_modules/0/resources"));
  EXPECT_THAT(refusal(R"({"format_version":"1.2","planned_values":{},"resource_changes":[{}]})"),
              HasSubstr("#/resource_changes/0"));
  const std::string one = R"({"address":"a.b","mode":"managed","type":"a","values":{}})";
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{"root_module":{"resources":[)" + one + "," + one + "]}}}"),
              AllOf(HasSubstr("resources/1/address"), HasSubstr("stands twice")));
  EXPECT_THAT(refusal(R"({"format_version":"1.0","values":{"root_module":{"resources":[{"address":"a\nb","mode":)"
                      R"("managed","type":"a","values":{}}]}}})"),
              HasSubstr("control characters"));
  EXPECT_THAT(refusal(state_of(R"("values":{"x":1,"x":2})")), HasSubstr("a key twice"));
}

TEST(TerraformJson, an_output_cut_anywhere_is_an_error) {
  const auto whole = content_of(fixture + "show-state.json");
  const auto end = whole.find_last_of('}');
  for (std::size_t size = 0; size <= end; size += 7) ASSERT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(TerraformJson, modules_deeper_than_the_parser_goes_are_refused) {
  std::string deep = R"({"format_version":"1.0","values":{"root_module":)", tail = "}}";
  for (int i = 0; i < 1000; ++i) deep += R"({"child_modules":[)", tail = "]}" + tail;
  EXPECT_THAT(refusal(deep + "{}" + tail), HasSubstr("not JSON"));
}

}  // namespace
}  // namespace plumbline::baseline
