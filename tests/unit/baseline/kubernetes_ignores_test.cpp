#include "baseline/source/kubernetes_ignores.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/baseline/kubernetes_support.hpp"

namespace plumbline::baseline {
namespace {

using namespace kubernetes_test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string deployment =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\nspec: {replicas: 2, ";

TEST(KubernetesIgnores, what_is_scaled_has_no_replicas) {
  const std::string scaler =
      "\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: NS}\n"
      "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}}\n";
  const auto ignored = [&](std::string text) {
    for (auto at = text.find("NS"); at != std::string::npos; at = text.find("NS")) text.replace(at, 2, "n");
    return read(text)->resources[0].ignored;
  };
  EXPECT_THAT(ignored(deployment + "}" + scaler), ElementsAre("spec.replicas"));
  EXPECT_THAT(ignored(deployment + "}" + "\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n" +
                      "metadata: {name: k, namespace: n}\nspec: {scaleTargetRef: {name: d}}\n"),
              ElementsAre("spec.replicas"));
  auto elsewhere = scaler;
  elsewhere.replace(elsewhere.find("NS"), 2, "other");
  EXPECT_THAT(ignored(deployment + "}" + elsewhere), IsEmpty());
  EXPECT_THAT(
      ignored("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\nspec: {paused: true}\n"),
      ElementsAre("spec.replicas"));
}

TEST(KubernetesIgnores, rules_of_argo_stay_with_their_application) {
  const auto ignored = [](const std::string& tracking, const std::string& rule) {
    const auto b =
        read("apiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: n" + tracking +
             "}\nspec: {ports: [{port: 80}, {port: 81}], externalIPs: [a, b]}\n---\n"
             "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\n"
             "spec: {ignoreDifferences: [" +
             rule + "]}\n");
    return b ? b->resources.at(0).ignored : std::vector<std::string>{b.error().message()};
  };
  const auto tracked = [](const std::string& id) {
    return ", annotations: {argocd.argoproj.io/tracking-id: '" + id + "'}";
  };
  const std::string rule = "{kind: Service, jsonPointers: [/spec/ports/1/port]}";
  EXPECT_THAT(ignored("", rule), ElementsAre("spec.ports[port=81].port"));
  EXPECT_THAT(ignored(tracked("app:/Service:n/w"), rule), ElementsAre("spec.ports[port=81].port"));
  EXPECT_THAT(ignored(tracked("argocd_app:/Service:n/w"), rule), ElementsAre("spec.ports[port=81].port"));
  EXPECT_THAT(ignored(tracked("other:/Service:n/w"), rule), IsEmpty());
  EXPECT_THAT(ignored("", "{group: '*', kind: '*', jsonPointers: [/spec/externalIPs/0, /x~1y/z]}"),
              ElementsAre("spec.externalIPs", "x/y.z"));
  EXPECT_THAT(ignored("", "{group: apps, kind: Service, jsonPointers: [/spec]}"), IsEmpty());
  EXPECT_THAT(ignored("", "{kind: Service, namespace: m, jsonPointers: [/spec]}"), IsEmpty());
  const auto jq = [&](const std::string& path) {
    return ignored("", "{kind: Service, jqPathExpressions: ['" + path + "']}");
  };
  EXPECT_THAT(jq(".spec.ports[].port"), ElementsAre("spec.ports[port=80].port", "spec.ports[port=81].port"));
  EXPECT_THAT(jq(".spec[\"ports\"][1]?"), ElementsAre("spec.ports[]", "spec.ports[port=81]"));
  EXPECT_THAT(jq(".spec | .ports[0].port"), ElementsAre("spec.ports[port=80].port"));
  EXPECT_THAT(jq(".metadata.annotations.\"a.b/c\""), ElementsAre("metadata.annotations.a\\.b/c"));
  EXPECT_THAT(jq(".spec.externalIPs[]"), ElementsAre("spec.externalIPs"));
  for (const char* odd : {".", "", "..", ".a|keys", ".a[", ".a[-1]", ".a[\"b", ".a.", ".a[] | select(.b > 1)", "[.a]"})
    EXPECT_THAT(jq(odd), IsEmpty()) << odd;
}

TEST(KubernetesIgnores, rules_of_flux_go_to_what_it_labels) {
  const auto ignored = [](const std::string& labels, const std::string& rule) {
    const auto b = read("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: n" + labels +
                        "}\nspec: {replicas: 1}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
                        "metadata: {name: app, namespace: flux}\nspec: {ignore: [" +
                        rule + "]}\n");
    return b ? b->resources.at(0).ignored : std::vector<std::string>{b.error().message()};
  };
  const std::string own =
      ", labels: {kustomize.toolkit.fluxcd.io/name: app, kustomize.toolkit.fluxcd.io/namespace: flux}";
  const std::string foreign =
      ", labels: {kustomize.toolkit.fluxcd.io/name: app, kustomize.toolkit.fluxcd.io/namespace: x}";
  EXPECT_THAT(ignored(own, "{paths: [/spec/replicas]}"), ElementsAre("spec.replicas"));
  EXPECT_THAT(ignored(foreign, "{paths: [/spec/replicas]}"), IsEmpty());
  EXPECT_THAT(ignored("", "{paths: [/spec/replicas]}"), IsEmpty());
  EXPECT_THAT(ignored("", "{paths: [/spec/replicas], target: {kind: Deployment}}"), ElementsAre("spec.replicas"));
  EXPECT_THAT(ignored("", "{paths: [/spec/replicas], target: {kind: '^(Deployment|DaemonSet)$', name: 'w.*'}}"),
              ElementsAre("spec.replicas"));
  EXPECT_THAT(ignored(own, "{paths: [/spec/replicas], target: {kind: Service}}"), IsEmpty());
  EXPECT_THAT(ignored(own, "{paths: [/spec/replicas], target: {labelSelector: 'a=b'}}"), IsEmpty());
}

TEST(KubernetesIgnores, many_rules_for_many_objects_are_refused) {
  std::string text;
  for (int i = 0; i < 5'000; ++i)
    text += "---\napiVersion: v1\nkind: A\nmetadata: {name: a" + std::to_string(i) + "}\n";
  text +=
      "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: a}\n"
      "spec:\n  ignoreDifferences:\n";
  for (int i = 0; i < 5'000; ++i) text += "  - {kind: A, jsonPointers: [/a]}\n";
  EXPECT_THAT(error_of(text), HasSubstr("multiply"));
}

}  // namespace
}  // namespace plumbline::baseline
