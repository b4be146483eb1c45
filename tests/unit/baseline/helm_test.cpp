#include "baseline/source/helm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "tests/unit/baseline/kubernetes_support.hpp"

namespace plumbline::baseline {
namespace {

using namespace kubernetes_test;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Result<Baseline> read_releases(std::string_view text) {
  BaselineBuilder out;
  if (auto ok = read_helm({"s", "helm", "/srv/h.yaml"}, text, keys, out); !ok) return ok.error();
  return out.take();
}
std::string refusal(std::string_view text) {
  const auto result = read_releases(text);
  return result ? "(accepted)" : result.error().message();
}

std::string base64(std::string_view bytes) {
  std::string text(bytes.size() / 3 * 4 + 5, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  return text;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  std::string out(compressBound(text.size()) + 64, '\0');
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// A record of version 1 of release r in namespace n that holds `packed`.
std::string record(const std::string& packed, const std::string& name = "r.v1") {
  return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: sh.helm.release.v1." + name +
         ", namespace: n, labels: {status: deployed}}\ntype: helm.sh/release.v1\ndata: {release: " + base64(packed) +
         "}\n";
}
std::string release(const std::string& manifest, const std::string& name = "r") {
  return R"({"name":")" + name + R"(","namespace":"n","version":1,"info":{"status":"deployed"},"manifest":")" +
         manifest + "\"}";
}
const std::string one_object = R"(apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n)";

class RealReleases : public ::testing::Test {
 protected:
  void SetUp() override {
    auto result = read_releases(content_of(FIXTURES "/helm/releases.yaml"));
    ASSERT_TRUE(result) << result.error().message();
    releases = std::move(*result);
  }
  Baseline releases;
};

TEST_F(RealReleases, the_highest_version_that_is_deployed_counts) {
  auto versions = releases.revision;
  std::erase_if(versions, [](const auto& part) { return part.first.ends_with(" since"); });
  EXPECT_THAT(versions, ElementsAre(std::pair("blog/shop", "1"), std::pair("hooks", "1"), std::pair("shop/shop", "2")));
  EXPECT_THAT(releases.revision.at("shop/shop since"), HasSubstr("T"));
  const auto* web = find(releases, "helm:s/shop/shop/apps/v1/Deployment/shop/shop");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(value(*web, "spec.replicas"), "\"3\"");
  EXPECT_THAT(
      skips_of(releases),
      AllOf(HasSubstr("helm:s/shop/shop/v1: superseded"), HasSubstr("helm:s/shop/shop/v3: failed"),
            HasSubstr("helm:s/blog/broken/v1: failed"), HasSubstr("helm:s/blog/broken: no version of it is deployed"),
            HasSubstr("helm:s/shop/shop: its hooks (1)"), HasSubstr("helm:s/blog/hooks: its manifest is empty")));
}

TEST_F(RealReleases, its_objects_are_in_its_namespace) {
  EXPECT_EQ(releases.resources.size(), 10u);
  const auto* web = find(releases, "helm:s/blog/shop/apps/v1/Deployment/blog/shop");
  ASSERT_NE(web, nullptr);
  EXPECT_THAT(web->ids, ElementsAre("/apis/apps/v1/namespaces/blog/deployments/shop", "apps/Deployment/blog/shop"));
  EXPECT_NE(find(releases, "helm:s/blog/shop/rbac.authorization.k8s.io/v1/ClusterRole/shop"), nullptr);
  // Whether a custom kind lives in a namespace is not known.
  const auto* monitor = find(releases, "helm:s/blog/shop/monitoring.coreos.com/v1/ServiceMonitor/blog/shop");
  ASSERT_NE(monitor, nullptr);
  EXPECT_THAT(monitor->ids, AllOf(Contains("/apis/monitoring.coreos.com/v1/namespaces/blog/servicemonitors/shop"),
                                  Contains("/apis/monitoring.coreos.com/v1/servicemonitors/shop")));
}

TEST_F(RealReleases, keeps_no_secret) {
  EXPECT_EQ(value(*find(releases, "helm:s/shop/shop/v1/Secret/shop/shop-db"), "data.password"), "(secret)");
  EXPECT_THAT(all_of(releases), Not(HasSubstr("canary")));
}

TEST(Helm, reads_one_record_of_json_and_one_that_is_not_packed) {
  const auto one = read_releases(record(base64(gzip(release(one_object)))));
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_NE(find(*one, "helm:s/n/r/v1/ConfigMap/n/c"), nullptr);
  EXPECT_TRUE(read_releases(record(base64(release(one_object)))));
}

TEST(Helm, reads_config_maps_too) {
  const auto one = read_releases(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sh.helm.release.v1.r.v1, namespace: n, labels: {owner: helm, "
      "status: deployed}}\ndata: {release: " +
      base64(gzip(release(one_object))) + "}\n");
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_EQ(one->revision.at("r"), "1");
}

TEST(Helm, a_damaged_record_is_skipped_and_others_are_taken) {
  const std::string good = record(base64(gzip(release(one_object))));
  const auto why = [&](const std::string& packed) {
    const auto b = read_releases(good + record(packed, "bad.v1"));
    return b ? skips_of(*b) : b.error().message();
  };
  const std::string bad = "helm:s/n/bad: ";
  EXPECT_THAT(why("canary!"), HasSubstr(bad + "data.release is not what Helm writes"));
  EXPECT_THAT(why(base64("canary")), HasSubstr(bad + "what is packed in its record is not the JSON of a release"));
  EXPECT_THAT(why(base64(gzip("[1]"))), HasSubstr("not the JSON of a release"));
  const auto packed = gzip(release(one_object, "bad"));
  EXPECT_THAT(why(base64(packed.substr(0, packed.size() / 2))), HasSubstr("cannot be unpacked: it is cut off"));
  EXPECT_THAT(why(base64(gzip(std::string(50'000'000, ' ')))), HasSubstr("cannot be unpacked: it holds more than"));
  EXPECT_THAT(why(base64(release(one_object, "other"))), HasSubstr(bad + "its record's name and labels contradict"));
  EXPECT_THAT(why(base64(release("a: [", "bad"))), HasSubstr("manifest):1:"));
  EXPECT_THAT(why(base64(release("canary", "bad"))), AllOf(HasSubstr("not an object"), Not(HasSubstr("canary"))));
}

TEST(Helm, refuses_what_holds_no_release) {
  EXPECT_THAT(refusal("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"), HasSubstr("no record of Helm"));
  EXPECT_THAT(refusal(""), HasSubstr("no object"));
  EXPECT_THAT(refusal(record("x")),
              AllOf(HasSubstr("no release could be taken: helm:s/n/r: data.release"), Not(HasSubstr("\n"))));
  EXPECT_THAT(refusal(record(base64(release(one_object)), "r.v0")), HasSubstr("no record of Helm"));
  EXPECT_THAT(refusal(record(base64(release(one_object)), "r.vx")), HasSubstr("no record of Helm"));
}

}  // namespace
}  // namespace plumbline::baseline
