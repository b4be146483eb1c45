// Objects as a real API server has them, beside the manifest that they were made of, and the files that kubelet's own
// code made of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "include/util/hex.hpp"
#include "tests/unit/baseline/kubernetes_support.hpp"

namespace plumbline::baseline {
namespace {

using namespace kubernetes_test;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Live : public ::testing::Test {
 protected:
  void SetUp() override {
    auto manifest_result = read(content_of(FIXTURES "/kubernetes/live/objects.yaml"));
    ASSERT_TRUE(manifest_result) << manifest_result.error().message();
    manifest = std::move(*manifest_result);
    auto live_result = read(content_of(FIXTURES "/kubernetes/live/live.yaml"));
    ASSERT_TRUE(live_result) << live_result.error().message();
    live = std::move(*live_result);
  }
  Baseline manifest, live;
};

TEST_F(Live, equals_the_manifest_in_all_that_it_declares) {
  std::size_t compared = 0;
  for (const auto& resource : live.resources) {
    const auto* declared = find(manifest, resource.address);
    ASSERT_NE(declared, nullptr) << resource.address;
    for (const auto& wanted : declared->attributes) {
      const auto* found = attribute(resource, wanted.path);
      ASSERT_NE(found, nullptr) << resource.address << " " << wanted.path;
      EXPECT_EQ(found->hash, wanted.hash) << resource.address << " " << wanted.path << " " << found->value;
      EXPECT_EQ(found->sensitive, wanted.sensitive) << resource.address << " " << wanted.path;
      ++compared;
    }
  }
  EXPECT_EQ(live.resources.size(), 17u);
  EXPECT_GT(compared, 180u);
}

TEST_F(Live, has_nothing_of_the_server_in_it) {
  for (const auto& resource : live.resources)
    for (const auto& attribute : resource.attributes)
      for (const char* computed :
           {"managedFields", "resourceVersion", "metadata.uid", "creationTimestamp", "last-applied", "status."})
        EXPECT_THAT(attribute.path, Not(HasSubstr(computed)));
  const auto& web = *find(live, "k8s:s/apps/v1/Deployment/shop/web");
  EXPECT_THAT(web.ids, Contains("/apis/apps/v1/namespaces/shop/deployments/web"));
  EXPECT_EQ(web.ids.size(), 3u);
  EXPECT_THAT(web.ignored, ElementsAre("spec.replicas"));
}

TEST_F(Live, expects_the_files_that_kubelet_makes) {
  std::map<std::string, std::string> expected, ours;
  std::istringstream lines(content_of(FIXTURES "/kubernetes/live/volumes.txt"));
  for (std::string path, mode, group, hex; lines >> path >> mode >> group >> hex;)
    expected[path] = mode + " " + group + " " + hex;
  ASSERT_EQ(expected.size(), 17u);
  const auto& pod = *find(live, "k8s:s/v1/Pod/shop/web-1");
  const std::string folder = "/var/lib/kubelet/pods/" + pod.ids.back() + "/volumes/";
  for (const auto& file : live.files) {
    ASSERT_EQ(file.path.substr(0, folder.size()), folder);
    const auto path = file.path.substr(folder.size());
    ASSERT_TRUE(file.mode && file.group && file.content) << path;
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", *file.mode);
    std::string hex = file.content->substr(file.content->find(':') + 1);
    if (const auto it = expected.find(path); file.sensitive && it != expected.end()) {
      // Of a secret the digest is keyed.
      const auto plain = it->second.substr(it->second.rfind(' ') + 1);
      Sha256 digest;
      for (std::size_t i = 0; i < digest.size(); ++i)
        digest[i] = static_cast<std::byte>(hex_value(plain[2 * i]) << 4 | hex_value(plain[2 * i + 1]));
      if (file.content == key.of_digest(digest)) hex = plain;
    }
    ours[path] = std::string(mode) + " " + *file.group + " " + hex;
  }
  EXPECT_EQ(ours, expected);
  EXPECT_TRUE(manifest.files.empty());
  EXPECT_THAT(skips_of(live), HasSubstr("/token (a token that the cluster renews)"));
}

TEST_F(Live, keeps_no_secret) {
  EXPECT_THAT(all_of(live), Not(HasSubstr("canary")));
  EXPECT_THAT(all_of(live), Not(HasSubstr("Y2FuYXJ5")));
}

TEST(LiveList, has_the_version_of_the_api) {
  const auto list = read(content_of(FIXTURES "/kubernetes/live/config_maps.json"));
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(list->revision.count("resourceVersion"), 1u);
  EXPECT_NE(find(*list, "k8s:s/v1/ConfigMap/shop/web-conf"), nullptr);
}

}  // namespace
}  // namespace plumbline::baseline
