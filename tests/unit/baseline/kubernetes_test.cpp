#include "baseline/source/kubernetes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "baseline/source/kubernetes_names.hpp"
#include "baseline/source/kubernetes_quantity.hpp"
#include "baseline/value/canonical.hpp"
#include "tests/unit/baseline/kubernetes_support.hpp"

namespace plumbline::baseline {
namespace {

using namespace kubernetes_test;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\n";
const std::string deployment =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\nspec: {replicas: 2, ";

class Kustomized : public ::testing::Test {
 protected:
  void SetUp() override {
    auto result = read(content_of(FIXTURES "/kubernetes/kustomize/shop.yaml"));
    ASSERT_TRUE(result) << result.error().message();
    shop = std::move(*result);
  }
  Baseline shop;
};

TEST_F(Kustomized, names_its_objects_as_the_api_does) {
  ASSERT_EQ(shop.resources.size(), 10u);
  const auto* web = find(shop, "k8s:s/apps/v1/Deployment/shop/web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->provider, "kubernetes");
  EXPECT_EQ(web->type, "apps/v1/Deployment");
  EXPECT_THAT(web->ids, ElementsAre("/apis/apps/v1/namespaces/shop/deployments/web", "apps/Deployment/shop/web"));
  const auto* ns = find(shop, "k8s:s/v1/Namespace/shop");
  ASSERT_NE(ns, nullptr);
  EXPECT_THAT(ns->ids, ElementsAre("/api/v1/namespaces/shop", "Namespace/shop"));
  const auto* policy = find(shop, "k8s:s/networking.k8s.io/v1/NetworkPolicy/shop/web");
  ASSERT_NE(policy, nullptr);
  EXPECT_THAT(policy->ids, Contains("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/web"));
}

TEST_F(Kustomized, flattens_lists_by_their_merge_keys) {
  const auto& web = *find(shop, "k8s:s/apps/v1/Deployment/shop/web");
  const std::string container = "spec.template.spec.containers[name=web]";
  EXPECT_EQ(value(web, container + ".image"), "\"registry.example/shop/web:1.5\"");
  EXPECT_EQ(value(web, container + ".ports[containerPort=8080].containerPort"), "\"8080\"");
  EXPECT_EQ(value(web, container + ".env[name=REGION].value"), "\"eu\"");
  EXPECT_EQ(value(web, container + ".volumeMounts[name=conf].mountPath"), "\"/etc/nginx\"");
  EXPECT_EQ(value(web, "spec.template.spec.volumes[name=all].projected.defaultMode"), "\"288\"");
  EXPECT_EQ(value(*find(shop, "k8s:s/v1/Service/shop/web"), "spec.ports[name=http].port"), "\"80\"");
  const auto& cache = *find(shop, "k8s:s/apps/v1/StatefulSet/shop/cache");
  EXPECT_EQ(value(cache, "spec.volumeClaimTemplates[name=data].spec.resources.requests.storage"), "\"1Gi\"");
  EXPECT_EQ(value(cache, "spec.volumeClaimTemplates[name=data].spec.accessModes"), "[\"ReadWriteOnce\"]");
}

TEST_F(Kustomized, writes_quantities_as_the_server_does) {
  const auto& web = *find(shop, "k8s:s/apps/v1/Deployment/shop/web");
  const std::string resources = "spec.template.spec.containers[name=web].resources";
  EXPECT_EQ(value(web, resources + ".requests.cpu"), "\"500m\"");
  EXPECT_EQ(value(web, resources + ".requests.memory"), "\"1536Mi\"");
  EXPECT_EQ(value(web, resources + ".limits.cpu"), "\"2\"");
  EXPECT_EQ(attribute(web, resources + ".limits.cpu")->hash, fingerprints.of("\"2\""));
}

TEST_F(Kustomized, keeps_no_secret) {
  const auto& secret = *find(shop, "k8s:s/v1/Secret/shop/web-db-5679hc4ftg");
  const auto* password = attribute(secret, "data.password");
  ASSERT_NE(password, nullptr);
  EXPECT_TRUE(password->sensitive);
  EXPECT_EQ(password->hash, fingerprints.of(canonical_text("canary-kustomize-password").text));
  EXPECT_EQ(value(secret, "type"), "\"Opaque\"");
  const auto& web = *find(shop, "k8s:s/apps/v1/Deployment/shop/web");
  EXPECT_EQ(value(web, "spec.template.spec.containers[name=web].env[name=DB_PASSWORD].value"), "(secret)");
  EXPECT_EQ(value(web, "spec.template.spec.containers[name=web].env[name=DB_PASSWORD].name"), "\"DB_PASSWORD\"");
  EXPECT_EQ(value(web, "spec.template.spec.initContainers[name=migrate].args"), "(secret)");
  EXPECT_THAT(all_of(shop), Not(HasSubstr("canary")));
  EXPECT_THAT(all_of(shop), Not(HasSubstr("Y2FuYXJ5")));
  EXPECT_THAT(shop.revision.at("content"), StartsWith("hmac-sha256:"));
}

TEST_F(Kustomized, ignores_what_its_authors_ignore) {
  const auto& web = *find(shop, "k8s:s/apps/v1/Deployment/shop/web");
  EXPECT_THAT(web.ignored,
              ElementsAre("metadata.annotations.example\\.com/touched", "spec.replicas",
                          "spec.template.spec.containers[name=web].image",
                          "spec.template.spec.containers[name=web].resources.limits",
                          "spec.template.spec.initContainers[]", "spec.template.spec.initContainers[name=injected]"));
  // The service is tracked by no application of that name: its tracking id came along with a copy.
  EXPECT_THAT(find(shop, "k8s:s/v1/Service/shop/web")->ignored, ElementsAre("spec.ports[name=http].port"));
  EXPECT_THAT(find(shop, "k8s:s/apps/v1/StatefulSet/shop/cache")->ignored,
              ElementsAre("spec.replicas", "spec.template.spec.containers[name=redis].image"));
  EXPECT_THAT(skips_of(shop),
              AllOf(HasSubstr("Application/shop/shop: spec.ignoreDifferences[0].jqPathExpressions[2] is no plain path"),
                    HasSubstr("HelmRelease/shop/cache: spec.driftDetection.ignore[1].target")));
}

TEST_F(Kustomized, keeps_a_tracking_id_only_where_it_names_its_own_object) {
  const std::string id = "metadata.annotations.argocd\\.argoproj\\.io/tracking-id";
  EXPECT_EQ(value(*find(shop, "k8s:s/apps/v1/Deployment/shop/web"), id), "\"shop:apps/Deployment:shop/web\"");
  EXPECT_EQ(value(*find(shop, "k8s:s/v1/Service/shop/web"), id), "(none)");
  EXPECT_THAT(skips_of(shop),
              HasSubstr("v1/Service/shop/web: not compared: " + id + " (copied, names another object)"));
}

TEST(Kubernetes, string_data_and_data_are_the_same) {
  const auto hash = [](const std::string& data) {
    const auto b = read("apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\n" + data);
    return b ? attribute(b->resources.at(0), "data.a")->hash : 0;
  };
  EXPECT_NE(hash("data: {a: aGk=}"), 0u);
  EXPECT_EQ(hash("data: {a: aGk=}"), hash("stringData: {a: hi}"));
  EXPECT_EQ(hash("data: {a: eA==}\nstringData: {a: hi}"), hash("stringData: {a: hi}"));
  EXPECT_EQ(hash("data: {a: }"), 0u);
}

TEST(Kubernetes, a_secret_that_cannot_be_read_is_told_without_its_value) {
  const auto b = read(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata: {a: canary!, b: [canary]}\n"
      "stringData: {c: 'ENC[AES256_GCM,data:canary]'}\nsops: {mac: canary}\n");
  ASSERT_TRUE(b);
  EXPECT_THAT(skips_of(*b), AllOf(HasSubstr("data.a (not base64)"), HasSubstr("data.b (not text)"),
                                  HasSubstr("data.c (encrypted by SOPS)"), HasSubstr("sops")));
  EXPECT_THAT(all_of(*b), Not(HasSubstr("canary")));
}

TEST(Kubernetes, texts_with_a_secret_line_are_secret) {
  const auto of = [](const std::string& text) {
    const auto b = read(config_map + "data: {x: \"" + text + "\"}\n");
    return b ? value(b->resources.at(0), "data.x") : b.error().message();
  };
  EXPECT_EQ(of("db.password = canary"), "(secret)");
  EXPECT_EQ(of("a: b\\n  apiToken: canary\\n"), "(secret)");
  EXPECT_EQ(of("x\\nDB_PASSWORD='canary'"), "(secret)");
  EXPECT_EQ(of("postgres://user:canary@db/x"), "(secret)");
  EXPECT_EQ(of("password:\\n"), "\"password:\\u000a\"");
  EXPECT_EQ(of("passwordFile = /run/x"), "\"passwordFile = /run/x\"");
}

TEST(Kubernetes, leaves_out_what_the_server_adds) {
  const auto b = read(
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: n\n  uid: u-1\n  resourceVersion: '5'\n"
      "  generation: 2\n  creationTimestamp: '2026-01-01T00:00:00Z'\n  selfLink: /x\n  managedFields: [{manager: "
      "kubectl}]\n"
      "  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"data\":\"canary\"}'}\n"
      "status: {a: b}\ndata: {k: v}\n");
  ASSERT_TRUE(b) << b.error().message();
  std::vector<std::string> paths;
  for (const auto& attribute : b->resources[0].attributes) paths.push_back(attribute.path);
  EXPECT_THAT(paths, ElementsAre("metadata.name", "metadata.namespace", "data.k"));
  EXPECT_THAT(b->resources[0].ids, ElementsAre("/api/v1/namespaces/n/configmaps/c", "ConfigMap/n/c", "u-1"));
}

TEST(Kubernetes, opens_lists) {
  const auto b = read(R"({"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[
      {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"}},
      {"apiVersion":"apps/v1","kind":"DeploymentList","items":[{"metadata":{"name":"d","namespace":"n"}}]}]})");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_NE(find(*b, "k8s:s/v1/ConfigMap/n/a"), nullptr);
  EXPECT_NE(find(*b, "k8s:s/apps/v1/Deployment/n/d"), nullptr);
  EXPECT_THAT(b->revision.at("content"), StartsWith("sha256:"));
  const auto typed = read(R"({"apiVersion":"v1","kind":"ConfigMapList","metadata":{"resourceVersion":"77"},"items":[
      {"metadata":{"name":"a","namespace":"n"}}]})");
  ASSERT_TRUE(typed);
  EXPECT_THAT(typed->revision, ElementsAre(std::pair("resourceVersion", "77")));
}

TEST(Kubernetes, takes_the_revision_from_one_commit) {
  const auto annotated = [](const std::string& name, const std::string& commit) {
    return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name +
           ", annotations: {app.openshift.io/vcs-ref: '" + commit + "'}}\n";
  };
  EXPECT_EQ(read(annotated("a", "0123abcd"))->revision.at("commit"), "0123abcd");
  EXPECT_FALSE(read(annotated("a", "0123abcd") + annotated("b", "4567abcd"))->revision.contains("commit"));
}

TEST(Kubernetes, tells_of_an_object_without_its_namespace) {
  const auto b = read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->resources[0].address, "k8s:s/v1/ConfigMap/c");
  EXPECT_THAT(b->resources[0].ids, ElementsAre("ConfigMap/c"));
  EXPECT_THAT(skips_of(*b), HasSubstr("names no namespace"));
}

TEST(Kubernetes, asks_the_definition_of_a_custom_resource) {
  const std::string definition =
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: oxen.example.com}\n"
      "spec:\n  group: example.com\n  names: {kind: Ox, plural: oxen}\n  scope: Cluster\n"
      "  versions: [{name: v1, schema: {openAPIV3Schema: {type: object, properties: {a: {type: string}}}}}]\n";
  const std::string ox = "apiVersion: example.com/v1\nkind: Ox\nmetadata: {name: o}\n";
  EXPECT_THAT(read(ox)->resources[0].ids, ElementsAre("/apis/example.com/v1/oxs/o", "example.com/Ox/o"));
  const auto b = read(ox + "---\n" + definition);
  ASSERT_TRUE(b);
  EXPECT_THAT(b->resources[0].ids, ElementsAre("/apis/example.com/v1/oxen/o", "example.com/Ox/o"));
  EXPECT_EQ(value(b->resources[1], "spec.versions[name=v1].schema.openAPIV3Schema"),
            R"({"properties":{"a":{"type":"string"}},"type":"object"})");
}

TEST(Kubernetes, leaves_out_what_no_author_declared) {
  const auto b = read(config_map +
                      "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r, namespace: n, ownerReferences: "
                      "[{apiVersion: apps/v1, kind: Deployment, name: d, controller: true}]}\n"
                      "---\napiVersion: v1\nkind: Event\nmetadata: {name: e, namespace: n}\n"
                      "---\napiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l, namespace: n}\n"
                      "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: n, annotations: "
                      "{helm.sh/hook: pre-install}}\n"
                      "---\napiVersion: v1\nkind: Secret\nmetadata: {name: sh.helm.release.v1.a.v1, namespace: n}\n"
                      "type: helm.sh/release.v1\n"
                      "---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
                      "---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: p-, namespace: n}\n"
                      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: ../p, namespace: n}\n"
                      "---\napiVersion: v1\nkind: Pod\nspec: {}\n");
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(b->resources.size(), 1u);
  const auto skips = skips_of(*b);
  for (const char* why : {"ReplicaSet/n/r: its controller made it", "Event/n/e: an event", "Lease/n/l: a lease",
                          "Job/n/j: a hook of Helm", "a.v1: Helm's own record", "Kustomization: input of kustomize",
                          "Pod: the server makes up its name (generateName) (/srv/k.yaml:",
                          "Pod: its name or namespace is none", "Pod: it has no metadata.name"})
    EXPECT_THAT(skips, HasSubstr(why));
}

TEST(Kubernetes, the_last_of_two_counts) {
  const auto b = read(config_map + "data: {k: a}\n---\n" + config_map + "data: {k: b}\n");
  ASSERT_TRUE(b);
  ASSERT_EQ(b->resources.size(), 1u);
  EXPECT_EQ(value(b->resources[0], "data.k"), "\"b\"");
  EXPECT_THAT(skips_of(*b), HasSubstr("k8s:s/v1/ConfigMap/n/c: it stands again further down"));
}

TEST(Kubernetes, lists_without_a_merge_key_keep_their_order) {
  const auto of = [](const std::string& pod) {
    const auto b = read(deployment + "template: {spec: {" + pod + "}}}");
    std::map<std::string, std::string> values;
    for (const auto& found : b->resources.at(0).attributes)
      if (found.path.starts_with("spec.template.spec.")) values[found.path.substr(19)] = found.value;
    return values;
  };
  EXPECT_THAT(of("tolerations: [{key: b}, {key: a, operator: Exists}]"),
              ElementsAre(std::pair("tolerations[0].key", "\"b\""), std::pair("tolerations[1].key", "\"a\""),
                          std::pair("tolerations[1].operator", "\"Exists\""), std::pair("tolerations[]", "\"2\"")));
  EXPECT_THAT(of("containers: [{name: b}, {name: a}]"),
              ElementsAre(std::pair("containers[]", "[\"a\",\"b\"]"), std::pair("containers[name=a].name", "\"a\""),
                          std::pair("containers[name=b].name", "\"b\"")));
  EXPECT_THAT(of("containers: [{name: a}, {name: a}]"),
              ElementsAre(std::pair("containers[0].name", "\"a\""), std::pair("containers[1].name", "\"a\""),
                          std::pair("containers[]", "\"2\"")));
  EXPECT_THAT(of("x: [b, a], y: []"), ElementsAre(std::pair("x", "[\"b\",\"a\"]"), std::pair("y", "")));
}

TEST(Kubernetes, an_empty_map_is_something_where_it_stands_for_a_choice) {
  const auto b = read(deployment + "strategy: {}, template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}");
  EXPECT_EQ(value(b->resources[0], "spec.template.spec.volumes[name=v].emptyDir"), "{}");
  EXPECT_EQ(attribute(b->resources[0], "spec.strategy"), nullptr);
}

TEST(Kubernetes, refuses_what_is_not_kubernetes) {
  EXPECT_THAT(error_of("a: 1\n"), AllOf(StartsWith("/srv/k.yaml:1:"), HasSubstr("apiVersion or kind is missing")));
  EXPECT_THAT(error_of(config_map + "---\n- a\n"), AllOf(StartsWith("/srv/k.yaml:5"), HasSubstr("not an object")));
  EXPECT_THAT(error_of("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\"}]}"),
              StartsWith("/srv/k.yaml:1#/items/0: apiVersion or kind is missing"));
  for (const char* nothing : {"", "# a\n", "---\n---\n", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}"})
    EXPECT_THAT(error_of(nothing), HasSubstr("no object of Kubernetes")) << nothing;
  EXPECT_THAT(error_of("{\"apiVersion\": \"v1\", \"kind\": \"Pod\","), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("apiVersion: v1/b/c\nkind: Pod\n"), HasSubstr("no name that Kubernetes takes"));
  EXPECT_THAT(error_of("apiVersion: \"a\\nb\"\nkind: Pod\n"), AllOf(HasSubstr("no name"), Not(HasSubstr("\n"))));
  EXPECT_THAT(error_of(config_map + "data: {a: 1, a: 2}\n"), HasSubstr("stands twice"));
}

TEST(Kubernetes, long_names_above_many_values_are_refused) {
  std::string text = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{")" +
                     std::string(200'000, 'k') + R"(":{"a":1)";
  for (int i = 0; i < 20'000; ++i) text += ",\"a" + std::to_string(i) + "\":1";
  EXPECT_THAT(error_of(text + "}}}"), HasSubstr("multiply"));
}

TEST(KubernetesNames, plurals_are_those_of_the_api) {
  EXPECT_EQ(plural_of_kind("Ingress"), "ingresses");
  EXPECT_EQ(plural_of_kind("NetworkPolicy"), "networkpolicies");
  EXPECT_EQ(plural_of_kind("Endpoints"), "endpoints");
  EXPECT_EQ(plural_of_kind("StorageClass"), "storageclasses");
  EXPECT_EQ(plural_of_kind("Gateway"), "gateways");
  EXPECT_EQ(scope_of_kind("", "Node"), KindScope::cluster);
  EXPECT_EQ(scope_of_kind("apps", "Deployment"), KindScope::namespaced);
  EXPECT_EQ(scope_of_kind("example.com", "Ox"), KindScope::unknown);
}

TEST(KubernetesQuantity, is_written_as_the_server_does) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"0.5", "500m"},  {"1000m", "1"}, {"1.5Gi", "1536Mi"}, {"1024Mi", "1Gi"}, {"1000", "1k"}, {"1500m", "1500m"},
      {"0", "0"},       {"0Gi", "0"},   {"-1.5", "-1500m"},  {"1e3", "1k"},     {"1E", "1E"},   {"100Mi", "100Mi"},
      {"0.5Ki", "512"}, {"+2", "2"},    {".5", "500m"},      {"5.", "5"},       {"1e-3", "1m"}, {"0.0000000001", "1n"}};
  for (const auto& [text, canonical] : pairs) EXPECT_EQ(canonical_quantity(text), canonical) << text;
  for (const char* odd : {"", "x", "1x", "1 Gi", "1.2.3", "--1", ".", "Gi", "1e", "1e99", "99999999999999999999999999E",
                          "9999999999999999999999999999999999999999999", "4611686018427387904.000000001"})
    EXPECT_EQ(canonical_quantity(odd), std::nullopt) << odd;
}

}  // namespace
}  // namespace plumbline::baseline
