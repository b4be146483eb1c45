#include "baseline/source/kubelet_volumes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/baseline/kubernetes_support.hpp"

namespace plumbline::baseline {
namespace {

using namespace kubernetes_test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string objects =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata: {a.conf: hello, b.conf: 'password: x'}\n"
    "binaryData: {raw: aGk=}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\n"
    "data: {key: aGk=}\nstringData: {plain: hi}\n";

std::string pod(const std::string& volumes, const std::string& more_spec = {}, const std::string& more_metadata = {}) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: 11-22, labels: {b: 'x\"y', a: z}" +
         more_metadata + "}\nspec: {nodeName: n1" + more_spec + ", volumes: [" + volumes + "]}\n";
}

/// "path mode group content", the path from the volumes' folder on.
std::vector<std::string> files_of(const std::string& text) {
  const auto b = read(objects + text);
  if (!b) return {b.error().message()};
  std::vector<std::string> lines;
  const std::string folder = "/var/lib/kubelet/pods/11-22/volumes/";
  for (const auto& file : b->files) {
    EXPECT_THAT(file.path, StartsWith(folder));
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", *file.mode);
    std::string content = file.content.value_or("?");
    if (content == "sha256:" + to_hex(sha256("hello"))) content = "hello";
    if (content == key.of_digest(sha256("hi"))) content = "keyed(hi)";
    if (content == "sha256:" + to_hex(sha256("hi"))) content = "hi";
    EXPECT_EQ(file.owner, "0");
    EXPECT_NE(find(*b, file.address), nullptr) << file.address;
    lines.push_back(file.path.substr(std::min(folder.size(), file.path.size())) + " " + mode + " " +
                    file.group.value_or("?") + " " + content);
  }
  return lines;
}
std::string skips(const std::string& text) {
  const auto b = read(objects + text);
  return b ? skips_of(*b) : b.error().message();
}

TEST(KubeletVolumes, hold_every_key_of_a_config_map) {
  const auto files = files_of(pod("{name: v, configMap: {name: c}}"));
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0], "kubernetes.io~configmap/v/a.conf 0644 0 hello");
  EXPECT_THAT(files[1], StartsWith("kubernetes.io~configmap/v/b.conf 0644 0 hmac-sha256:"));
  EXPECT_EQ(files[2], "kubernetes.io~configmap/v/raw 0644 0 hi");
}

TEST(KubeletVolumes, of_a_pod_whose_uid_is_none_are_told) {
  for (const std::string uid : {"../../../etc", "..", "a/b", "'a\tb'", "'%2e'"}) {
    std::string text = pod("{name: v, configMap: {name: c}}");
    text.replace(text.find("11-22"), 5, uid);
    EXPECT_THAT(files_of(text), IsEmpty()) << uid;
    EXPECT_THAT(skips(text), HasSubstr("k8s:s/v1/Pod/n/p: its metadata.uid is none that Kubernetes gives")) << uid;
  }
}

TEST(KubeletVolumes, hold_the_items_that_are_named) {
  EXPECT_THAT(files_of(pod("{name: v, configMap: {name: c, defaultMode: 0400, items: [{key: a.conf, path: x//y.conf}, "
                           "{key: raw, path: z, mode: 0755}]}}")),
              ElementsAre("kubernetes.io~configmap/v/x/y.conf 0400 0 hello", "kubernetes.io~configmap/v/z 0755 0 hi"));
  EXPECT_THAT(skips(pod("{name: v, configMap: {name: c, items: [{key: no, path: x}]}}")),
              HasSubstr("k8s:s/v1/Pod/n/p: its volumes: not compared: v/x (its key is not there)"));
}

TEST(KubeletVolumes, of_secrets_are_keyed) {
  EXPECT_THAT(
      files_of(pod("{name: v, secret: {secretName: s}}")),
      ElementsAre("kubernetes.io~secret/v/key 0644 0 keyed(hi)", "kubernetes.io~secret/v/plain 0644 0 keyed(hi)"));
}

TEST(KubeletVolumes, are_put_together_of_several_sources) {
  const std::string projected =
      "{name: v, projected: {defaultMode: 0440, sources: [{configMap: {name: c, items: [{key: a.conf, path: same}]}}, "
      "{secret: {name: s, items: [{key: key, path: same}]}}, {serviceAccountToken: {path: token}}, "
      "{configMap: {name: kube-root-ca.crt}}, {downwardAPI: {items: [{path: me, fieldRef: {fieldPath: "
      "metadata.name}}]}}]}}";
  const auto files = files_of(pod(projected));
  ASSERT_EQ(files.size(), 2u);
  EXPECT_THAT(files[0], StartsWith("kubernetes.io~projected/v/me 0440 0 sha256:"));
  EXPECT_EQ(files[1], "kubernetes.io~projected/v/same 0440 0 keyed(hi)");
  EXPECT_THAT(skips(pod(projected)), AllOf(HasSubstr("v/token (a token that the cluster renews)"),
                                           HasSubstr("v (its ConfigMap is not in this source)")));
}

TEST(KubeletVolumes, tell_the_fields_of_a_live_pod) {
  const auto b =
      read(objects + pod("{name: v, downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}}, "
                         "{path: b, fieldRef: {fieldPath: \"metadata.labels['b']\"}}, "
                         "{path: cpu, resourceFieldRef: {resource: limits.cpu}}]}}"));
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->files.size(), 3u);
  EXPECT_EQ(b->files[0].content, "sha256:" + to_hex(sha256("x\"y")));
  EXPECT_EQ(b->files[0].address, "k8s:s/v1/Pod/n/p");
  EXPECT_EQ(b->files[1].content, std::nullopt);
  EXPECT_EQ(b->files[2].content, "sha256:" + to_hex(sha256("a=\"z\"\nb=\"x\\\"y\"")));
  EXPECT_EQ(b->files[2].path, "/var/lib/kubelet/pods/11-22/volumes/kubernetes.io~downward-api/v/l");
}

TEST(KubeletVolumes, belong_to_the_group_of_the_pod) {
  const std::string volume = "{name: v, configMap: {name: c, defaultMode: 0600, items: [{key: a.conf, path: a}]}}";
  EXPECT_THAT(files_of(pod(volume, ", securityContext: {fsGroup: 2000}")),
              ElementsAre("kubernetes.io~configmap/v/a 0640 2000 hello"));
  EXPECT_THAT(files_of(pod(volume, ", hostUsers: false")), ElementsAre("kubernetes.io~configmap/v/a 0600 ? hello"));
}

TEST(KubeletVolumes, are_on_a_node_only_while_the_pod_is) {
  const std::string volume = "{name: v, configMap: {name: c}}";
  EXPECT_THAT(files_of(pod(volume, ", os: {name: windows}")), IsEmpty());
  EXPECT_THAT(files_of(pod(volume, {}, ", deletionTimestamp: x")), IsEmpty());
  EXPECT_THAT(files_of(pod(volume, {}, ", annotations: {kubernetes.io/config.mirror: x}")), IsEmpty());
  EXPECT_THAT(files_of(pod(volume) + "status: {phase: Failed}\n"), IsEmpty());
  EXPECT_THAT(files_of("---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nspec: {volumes: [" + volume +
                       "]}\n"),
              IsEmpty());
}

TEST(KubeletVolumes, of_a_controlled_pod_belong_to_what_is_on_top) {
  const auto owned = [](const std::string& kind, const std::string& name) {
    return ", ownerReferences: [{apiVersion: apps/v1, kind: " + kind + ", name: " + name + ", controller: true}]";
  };
  const std::string me = "{name: v, downwardAPI: {items: [{path: me, fieldRef: {fieldPath: metadata.name}}]}}";
  const std::string set = "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r, namespace: n" +
                          owned("Deployment", "d") + "}\nspec: {}\n";
  const std::string deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\n";
  const auto b = read(pod(me, {}, owned("ReplicaSet", "r")) + set + deployment);
  ASSERT_TRUE(b) << b.error().message();
  ASSERT_EQ(b->files.size(), 1u);
  EXPECT_EQ(b->files[0].address, "k8s:s/apps/v1/Deployment/n/d");
  EXPECT_THAT(skips(pod(me, {}, owned("ReplicaSet", "r")) + set), HasSubstr("the pod's owner is not in this source"));
  // A circle is no top.
  EXPECT_THAT(skips(pod(me, {}, owned("ReplicaSet", "r")) + set + deployment.substr(0, deployment.size() - 2) +
                    owned("ReplicaSet", "r") + "}\n"),
              HasSubstr("the pod's owner is not in this source"));
}

TEST(KubeletVolumes, stay_in_their_volume) {
  for (const char* path : {"../x", "a/../../x", "/etc/passwd", "''", ".", "'a/..'"}) {
    const std::string text =
        pod("{name: v, configMap: {name: c, items: [{key: raw, path: " + std::string(path) + "}]}}");
    EXPECT_THAT(files_of(text), IsEmpty()) << path;
    EXPECT_THAT(skips(text), HasSubstr("a path that kubelet does not take")) << path;
  }
  EXPECT_THAT(files_of(pod("{name: ../v, configMap: {name: c}}")), IsEmpty());
  EXPECT_THAT(files_of(pod("{name: v, configMap: {name: c, defaultMode: 7777}}")), IsEmpty());
  auto elsewhere = pod("{name: v, configMap: {name: c}}");
  elsewhere.replace(elsewhere.find("11-22"), 5, "../..");
  EXPECT_THAT(files_of(elsewhere), IsEmpty());
}

TEST(KubeletVolumes, of_a_template_are_known_before_there_is_a_pod) {
  BaselineBuilder out;
  const auto texts = KubernetesObjects::read(
      {"/srv/k.yaml", "k8s:s/", {}},
      objects +
          "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j, namespace: n}\nspec: {jobTemplate: {spec: "
          "{template: {metadata: {labels: {a: b}}, spec: {volumes: [{name: v, configMap: {name: c, items: [{key: "
          "a.conf, path: x}]}}, {name: w, downwardAPI: {items: [{path: l, fieldRef: {fieldPath: "
          "metadata.labels}}]}}]}}}}}\n",
      out);
  ASSERT_TRUE(texts) << texts.error().message();
  const auto* job = texts->find("batch", "CronJob", "n", "j");
  ASSERT_NE(job, nullptr);
  const auto pod = pod_template_of(*job);
  ASSERT_TRUE(pod);
  WorkBudget budget(1000);
  LeftOut unknown;
  std::vector<VolumeFile> files;
  ASSERT_TRUE(KubeletVolumes(*texts, keys, budget).append_files(*pod, job->address, files, unknown));
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].volume + " " + std::string(files[0].plugin) + " " + files[0].path, "v kubernetes.io~configmap x");
  EXPECT_EQ(files[0].content, "sha256:" + to_hex(sha256("hello")));
  EXPECT_EQ(files[1].content, std::nullopt);
  EXPECT_EQ(files[1].address, job->address);
  EXPECT_EQ(pod_template_of(*texts->find("", "ConfigMap", "n", "c")), std::nullopt);
}

}  // namespace
}  // namespace plumbline::baseline
