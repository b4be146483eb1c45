#include "baseline/source/pulumi.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/source/pulumi_provider.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string fixture = FIXTURES "/pulumi/pulumi-3.260.0";
const std::string urns = "pulumi:shop/urn:pulumi:dev::shop::";

Result<Baseline> read(const std::string& text) {
  return read_with(read_pulumi, text);
}

std::string refusal(const std::string& text) {
  const auto result = read(text);
  return result ? "(accepted)" : result.error().message();
}

Baseline fixture_of(const std::string& name) {
  auto result = read(content_of(fixture + "/" + name));
  EXPECT_TRUE(result) << result.error().message();
  return result ? std::move(*result) : Baseline();
}

/// A deployment of one resource; `members` is the inside of it.
std::string stack(const std::string& members, const std::string& head = R"("version":3)") {
  return "{" + head + R"(,"deployment":{"manifest":{"time":"2026-01-02T03:04:05Z"},"resources":[)" + members + "]}}";
}

std::string bucket(const std::string& rest) {
  return R"({"urn":"urn:pulumi:dev::shop::aws:s3/bucket:Bucket::b","custom":true,"type":"aws:s3/bucket:Bucket",)" +
         rest + "}";
}
const std::string b = urns + "aws:s3/bucket:Bucket::b";

std::string secret(const std::string& member) {
  return R"({"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270",)" + member + "}";
}

TEST(Pulumi, reads_what_the_real_one_exports) {
  const auto baseline = fixture_of("export.json");
  EXPECT_EQ(baseline.revision.at("stack"), "shop/dev");
  EXPECT_THAT(baseline.revision.at("time"), HasSubstr("T"));
  EXPECT_EQ(baseline.resources.size(), 6u);

  const auto* assets = find(baseline, urns + "aws:s3/bucket:Bucket::assets");
  ASSERT_NE(assets, nullptr);
  EXPECT_EQ(assets->provider, "aws");
  EXPECT_EQ(assets->type, "aws:s3/bucket:Bucket");
  EXPECT_THAT(assets->ids, ElementsAre("shop-assets", "arn:aws:s3:::shop-assets"));
  EXPECT_EQ(assets->region, "eu-west-1");  // of its provider: the ARN of a bucket has none
  EXPECT_EQ(value(assets, "acl"), "\"private\"");
  EXPECT_EQ(value(assets, "tags.stage"), "\"prod\"");
  EXPECT_EQ(value(assets, "tags.with\\.dot"), "\"x\"");
  EXPECT_EQ(attribute(assets, "tags.token"), nullptr);
  EXPECT_EQ(attribute(assets, "__defaults"), nullptr);
  EXPECT_EQ(attribute(assets, "arn"), nullptr);
  EXPECT_THAT(assets->ignored, ElementsAre("acl", "tags.with\\.dot", "tags.stage"));
  EXPECT_EQ(skipped(baseline, assets->address), "not compared: tags.token (encrypted)\n");

  const auto* jobs = find(baseline, urns + "aws:sqs/queue:Queue::jobs");
  ASSERT_NE(jobs, nullptr);
  EXPECT_THAT(jobs->ids, Contains("arn:aws:sqs:eu-west-1:123456789012:sticky-jobs"));
  EXPECT_EQ(jobs->region, "eu-west-1");
  EXPECT_EQ(jobs->account, "123456789012");
  EXPECT_EQ(value(jobs, "delaySeconds"), "\"5\"");

  const auto* page = find(baseline, urns + "aws:s3/bucketObject:BucketObject::page");
  EXPECT_EQ(value(page, "source"), "\"8898bea0e0bfd7d53ed8a687537f2aad03b248d403a030e6ae8900a797d8d771\"");
  EXPECT_EQ(value(page, "archive"), "\"10f8e603333effd32be9ca9f6b978b33f9b77a3e599d34861217866d8e926093\"");

  const auto* database = find(baseline, urns + "aws:rds/instance:Instance::database");
  EXPECT_EQ(value(database, "allocatedStorage"), "\"20\"");
  EXPECT_EQ(value(database, "username"), "(sensitive)");  // additionalSecretOutputs
  EXPECT_EQ(skipped(baseline, database->address), "not compared: parameters, password (encrypted)\n");
}

TEST(Pulumi, fingerprints_secrets_that_the_export_shows) {
  const auto baseline = fixture_of("show-secrets.json");
  const auto* database = find(baseline, urns + "aws:rds/instance:Instance::database");
  const auto* password = attribute(database, "password");
  ASSERT_NE(password, nullptr);
  EXPECT_TRUE(password->sensitive);
  EXPECT_EQ(password->value, "");
  EXPECT_EQ(password->hash, test_fingerprints.of(canonical_text("plumbline-canary-password").text));
  EXPECT_EQ(value(database, "parameters"), "(sensitive)");
  EXPECT_EQ(value(find(baseline, urns + "aws:s3/bucket:Bucket::assets"), "tags.token"), "(sensitive)");
  EXPECT_EQ(value(find(baseline, urns + "aws:s3/bucket:Bucket::assets"), "tags.stage"), "\"prod\"");
}

TEST(Pulumi, holds_no_secret_of_the_real_ones) {
  for (const char* name : {"export.json", "show-secrets.json", "checkpoint.json", "interrupted.json"}) {
    ASSERT_THAT(content_of(fixture + "/" + name), HasSubstr("plumbline-canary")) << name;  // of the asset, at least
    EXPECT_THAT(all_of(fixture_of(name)), Not(HasSubstr("canary"))) << name;
  }
}

TEST(Pulumi, tells_of_what_is_no_managed_object) {
  const auto baseline = fixture_of("export.json");
  EXPECT_EQ(skipped(baseline, "pulumi:shop"),
            "1 components and 2 providers of the stack stand for nothing outside it\n");
  EXPECT_THAT(skipped(baseline, urns + "aws:s3/bucket:Bucket::other"), HasSubstr("external"));
}

TEST(Pulumi, reads_the_files_of_the_local_provider) {
  for (const char* name : {"export.json", "show-secrets.json"}) {
    const bool shown = std::string(name) == "show-secrets.json";
    const auto baseline = fixture_of(name);
    ASSERT_EQ(baseline.files.size(), 2u);
    const auto& credentials = baseline.files[baseline.files[0].path == "/etc/shop/credentials" ? 0 : 1];
    const auto& conf = baseline.files[baseline.files[0].path == "/etc/shop/credentials" ? 1 : 0];
    EXPECT_EQ(conf.path, "/etc/shop/shop.conf");
    EXPECT_EQ(conf.content, "sha256:" + to_hex(sha256("listen 80\n")));
    EXPECT_EQ(conf.mode, 0640u);
    EXPECT_EQ(credentials.path, "/etc/shop/credentials");
    EXPECT_TRUE(credentials.sensitive);
    EXPECT_EQ(credentials.content.has_value(), shown);
    if (shown) {
      EXPECT_EQ(credentials.content, test_key.of_digest(sha256("password=plumbline-canary-password\n")));
    }
    EXPECT_EQ(skipped(baseline, credentials.address).find("content of the file is encrypted") != std::string::npos,
              !shown);
    EXPECT_THAT(find(baseline, conf.address)->ids, IsEmpty());
  }
}

TEST(Pulumi, a_checkpoint_says_the_same_as_the_export) {
  const auto checkpoint = fixture_of("checkpoint.json"), exported = fixture_of("export.json");
  EXPECT_EQ(all_of(checkpoint), all_of(exported));
}

TEST(Pulumi, tells_of_an_interrupted_update) {
  const auto baseline = fixture_of("interrupted.json");  // version 4
  const std::string jobs = urns + "aws:sqs/queue:Queue::jobs";
  EXPECT_THAT(skipped(baseline, jobs), HasSubstr("waits to be deleted"));
  ASSERT_NE(find(baseline, jobs), nullptr);
  EXPECT_EQ(value(find(baseline, jobs), "name"), "\"jobs\"");
  EXPECT_THAT(skipped(baseline, urns + "aws:sqs/queue:Queue::late"), HasSubstr("in the middle of `creating`"));
}

TEST(Pulumi, refuses_what_it_does_not_understand) {
  EXPECT_THAT(refusal(stack("", R"("version":4,"features":["taint","flying"])")),
              AllOf(HasSubstr("/srv/shop#/features/1"), HasSubstr("`flying`"), HasSubstr("update Plumbline")));
  EXPECT_THAT(refusal(stack("", R"("version":5)")), HasSubstr("version 5, this agent reads versions 3 and 4"));
  EXPECT_THAT(refusal(stack("", R"("version":2)")), HasSubstr("version 2"));
  EXPECT_THAT(refusal(R"({"lineage":"x"})"), HasSubstr("Terraform"));
  EXPECT_THAT(refusal(R"({"version":3})"), HasSubstr("#/deployment: missing"));
  EXPECT_THAT(refusal(R"({"version":3,"deployment":{}})"), HasSubstr("#/deployment/manifest: missing"));
  EXPECT_THAT(refusal(R"({"version":3,"checkpoint":{"latest":{}}})"), HasSubstr("#/checkpoint/stack"));
  EXPECT_THAT(refusal(stack(R"({"custom":true})")), HasSubstr("#/deployment/resources/0/urn"));
  EXPECT_THAT(refusal(stack(R"({"urn":"urn:pulumi:a::b::c:d:e::f\n","type":"c:d:e"})")), HasSubstr("not a URN"));
  EXPECT_THAT(refusal(stack(bucket(R"("id":"a")") + "," + bucket(R"("id":"a")"))), HasSubstr("stands twice"));
  EXPECT_THAT(refusal(stack(bucket(R"("id":"a","id":"b")"))), HasSubstr("a key twice"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not an object"));
  EXPECT_THAT(refusal(""), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("\x1F\x8B\x08"), HasSubstr("gunzip"));
  EXPECT_THAT(refusal(std::string(1000, '[')), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{\"a\":\"\xFF\"}"), AllOf(HasSubstr("not UTF-8"), Not(HasSubstr("in the middle"))));
  EXPECT_THAT(refusal("{\"a\":\"\xC3"), HasSubstr("in the middle")) << "cut within a character";
  EXPECT_THAT(refusal("{\"a\":1e400}\n"), AllOf(HasSubstr("a number"), Not(HasSubstr("in the middle"))));
  EXPECT_THAT(refusal("{\"a\":1e"), HasSubstr("in the middle"));
}

TEST(Pulumi, a_stack_without_resources_says_so) {
  auto baseline =
      read(R"({"version":3,"deployment":{"manifest":{"time":"0001-01-01T00:00:00Z","magic":"","version":""}}})");
  ASSERT_TRUE(baseline) << baseline.error().message();
  EXPECT_THAT(skipped(*baseline, "pulumi:shop"), HasSubstr("no resources"));
  baseline = read(R"({"version":3,"checkpoint":{"stack":"organization/shop/dev","latest":null}})");
  ASSERT_TRUE(baseline) << baseline.error().message();
  EXPECT_EQ(baseline->revision.at("stack"), "organization/shop/dev");
  EXPECT_THAT(skipped(*baseline, "pulumi:shop"), HasSubstr("no resources"));
}

TEST(Pulumi, a_state_cut_anywhere_is_an_error_and_never_a_smaller_baseline) {
  const auto whole = content_of(fixture + "/checkpoint.json");
  for (std::size_t size = 0; size <= whole.find_last_of('}'); size += 97)
    ASSERT_FALSE(read(whole.substr(0, size))) << size;
}

TEST(Pulumi, leaves_out_what_waits_to_be_created_again) {
  const auto baseline = read(stack(bucket(R"("id":"a","pendingReplacement":true)")));
  ASSERT_TRUE(baseline);
  EXPECT_THAT(baseline->resources, IsEmpty());
  EXPECT_THAT(skipped(*baseline, b), HasSubstr("not yet created again"));
}

TEST(Pulumi, opens_every_kind_of_envelope) {
  const auto baseline = read(stack(bucket(
      R"("id":"a","inputs":{"s":)" + secret(R"("plaintext":"{\"in\":[1,2],\"deep\":{\"a.b\":\"x\"}}")") +
      R"(,"list":[1,)" + secret(R"("ciphertext":"v1:x")") + R"(],"unknown":"04da6b54-80e4-46f7-96ec-b56ff0331ba9",
      "reference":{"4dabf18193072939515e22adb298388d":"5cf8f73096256a8f31e491e813e4eb8e","urn":"u","id":"sg-1"},
      "output":{"4dabf18193072939515e22adb298388d":"d0e6a833031e9bbcd3f4e8bde6ca49a4","value":"v","secret":true},
      "nan":{"4dabf18193072939515e22adb298388d":"8ad145fe-0d11-4827-bfd7-1abcbf086f5c","value":"7ff8000000000001"},
      "text":{"4dabf18193072939515e22adb298388d":"c44067f5952c0a294b673a41bacd8c17","text":"hello"},
      "odd":)" +
      secret(R"("plaintext":"not json")") + "}")));
  ASSERT_TRUE(baseline) << baseline.error().message();
  const auto* found = find(*baseline, b);
  EXPECT_EQ(value(found, "s.in"), "(sensitive)");
  EXPECT_EQ(value(found, "s.deep.a\\.b"), "(sensitive)");
  EXPECT_EQ(attribute(found, "s.deep.a\\.b")->hash, test_fingerprints.of(canonical_text("x").text));
  EXPECT_EQ(value(found, "reference"), "\"sg-1\"");
  EXPECT_EQ(value(found, "output"), "(sensitive)");
  EXPECT_EQ(value(found, "text"), "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"");
  EXPECT_EQ(skipped(*baseline, b),
            "not compared: list (encrypted), unknown (known only after the next update), nan (no plain value), odd (a "
            "secret that is not JSON)\n");
}

TEST(Pulumi, a_secret_name_in_a_list_makes_the_list_one) {
  const auto baseline =
      read(stack(bucket(R"("id":"a","inputs":{"users":[{"name":"x","password":"canary"}],"l":[{"a":1}]})")));
  EXPECT_EQ(value(find(*baseline, b), "users"), "(sensitive)");
  EXPECT_EQ(value(find(*baseline, b), "l"), R"([{"a":"1"}])");
}

TEST(Pulumi, so_many_secrets_make_all_of_a_resource_one) {
  std::string inputs = R"("plain":"x")";
  for (int i = 0; i < 300; ++i) inputs += ",\"s" + std::to_string(i) + "\":" + secret(R"("plaintext":"1")");
  const auto baseline = read(stack(bucket(R"("id":"a","inputs":{)" + inputs + "}")));
  ASSERT_TRUE(baseline);
  EXPECT_EQ(find(*baseline, b)->attributes.size(), 301u);
  EXPECT_EQ(value(find(*baseline, b), "plain"), "(sensitive)");
}

TEST(Pulumi, secrets_in_secrets_without_end_are_left_out) {
  std::string nested = "1";
  for (int i = 0; i < 8; ++i) {
    std::string escaped;
    for (const char c : nested) escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    nested = secret("\"plaintext\":\"" + escaped + "\"");
  }
  const auto baseline = read(stack(bucket(R"("id":"a","inputs":{"s":)" + nested + "}")));
  ASSERT_TRUE(baseline);
  EXPECT_EQ(skipped(*baseline, b), "not compared: s (a secret within secrets)\n");
}

TEST(Pulumi, a_file_without_inputs_is_told) {  // found by fuzzing
  const auto baseline =
      read(stack(R"({"urn":"urn:pulumi:dev::shop::f","custom":true,"type":"local:index/file:File","id":"a"})"));
  ASSERT_TRUE(baseline);
  EXPECT_THAT(baseline->files, IsEmpty());
  EXPECT_THAT(skipped(*baseline, urns + "f"), HasSubstr("its file name is not known"));
}

TEST(Pulumi, names_that_make_no_path_are_left_out) {  // found by fuzzing
  const auto baseline =
      read(stack(bucket(R"("id":"a","inputs":{"":1,"t":{"":2,"x":3},")" + std::string(5000, 'n') + R"(":4})")));
  ASSERT_TRUE(baseline);
  EXPECT_EQ(find(*baseline, b)->attributes.size(), 1u);
  EXPECT_THAT(skipped(*baseline, b),
              AllOf(HasSubstr("t.\\e (a name that is empty)"), HasSubstr("(its name is too long)")));
}

TEST(Pulumi, ids_are_no_secrets_and_no_values) {
  auto baseline = read(stack(bucket(R"("id":"https://u:canary@h/","outputs":{"arn":"a\u0001","name":)" +
                                    secret(R"("plaintext":"\"canary\"")") + "}")));
  EXPECT_THAT(find(*baseline, b)->ids, IsEmpty());
  baseline = read(stack(R"({"urn":"urn:pulumi:dev::shop::random:index/randomString:RandomString::r","custom":true,)"
                        R"("type":"random:index/randomString:RandomString","id":"canary","inputs":{"length":6}})"));
  EXPECT_THAT(baseline->resources[0].ids, IsEmpty());
  EXPECT_EQ(value(&baseline->resources[0], "length"), "\"6\"");
}

TEST(Pulumi, names_things_of_other_clouds_as_their_other_sources_do) {
  const auto of = [](const std::string& type, const std::string& rest) {
    const auto baseline =
        read(stack(R"({"urn":"urn:pulumi:dev::shop::pulumi:providers:gcp::p","custom":true,)"
                   R"("type":"pulumi:providers:gcp","id":"1-2","inputs":{"project":"shop","region":"eu"}},)"
                   R"({"urn":"urn:pulumi:dev::shop::x::y","custom":true,"type":")" +
                   type + "\"," + rest + "}"));
    return baseline->resources.at(0);
  };
  const auto network =
      of("gcp:compute/network:Network", R"("provider":"urn:pulumi:dev::shop::pulumi:providers:gcp::p::1-2",
      "id":"projects/other/global/networks/n","outputs":{"selfLink":"https://g/projects/other/global/networks/n","name":"n"})");
  EXPECT_EQ(network.provider, "google");
  EXPECT_EQ(network.account, "other");
  EXPECT_EQ(network.region, "eu");
  EXPECT_THAT(network.ids,
              ElementsAre("projects/other/global/networks/n", "https://g/projects/other/global/networks/n", "n"));
  const auto group = of("azure-native:resources:ResourceGroup",
                        R"("id":"/subscriptions/0-1/resourceGroups/g","outputs":{"location":"westeurope","name":"g"})");
  EXPECT_EQ(group.provider, "azurerm");
  EXPECT_EQ(group.account, "0-1");
  EXPECT_EQ(group.region, "westeurope");
  const auto secret_object =
      of("kubernetes:core/v1:Secret", R"("id":"shop/s","inputs":{"data":{"a":"Y2FuYXJ5"},"metadata":{"name":"s"}},
      "outputs":{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop","uid":"0-0"}})");
  EXPECT_EQ(secret_object.provider, "kubernetes");
  EXPECT_THAT(secret_object.ids, ElementsAre("/api/v1/namespaces/shop/secrets/s", "Secret/shop/s", "0-0"));
  EXPECT_EQ(value(&secret_object, "data.a"), "(sensitive)");
  EXPECT_EQ(pulumi_provider_name("aws-native:s3:Bucket"), "aws");
  EXPECT_EQ(pulumi_provider_name("no token"), "");
}

TEST(Pulumi, property_paths_become_attribute_paths) {
  EXPECT_EQ(pulumi_property_path("root"), "root");
  EXPECT_EQ(pulumi_property_path("root.nested"), "root.nested");
  EXPECT_EQ(pulumi_property_path("root[\"key with a .\"].x"), "root.key with a \\..x");
  EXPECT_EQ(pulumi_property_path("[\"a \\\"b\\\"\"].x"), "a \"b\".x");
  EXPECT_EQ(pulumi_property_path("root.array[0].x"), "root.array");
  EXPECT_EQ(pulumi_property_path("root[*].x"), "root");
  EXPECT_EQ(pulumi_property_path("*"), "");
  for (const char* bad : {"", ".a", "a.", "a..b", "a[", "a[\"b", "a[x]", "a[\"b\"x"})
    EXPECT_EQ(pulumi_property_path(bad), std::nullopt) << bad;
}

TEST(Pulumi, ignoring_everything_ignores_every_input) {
  const auto baseline =
      read(stack(bucket(R"("id":"a","inputs":{"acl":"x","a.b":"y"},"ignoreChanges":["*","a[","x.y"])")));
  EXPECT_THAT(find(*baseline, b)->ignored, ElementsAre("acl", "a\\.b", "x.y"));
  EXPECT_THAT(skipped(*baseline, b), HasSubstr("1 of its ignoreChanges"));
}

}  // namespace
}  // namespace plumbline::baseline
