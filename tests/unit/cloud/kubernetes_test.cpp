#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* not_cloud = "neither host nor signature is that of a known cloud";
constexpr const char* kubectl = "kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07";
const std::string deployment = "/apis/apps/v1/namespaces/shop/deployments/web";

Sent by_kubectl(std::string method, std::string path, std::string type = "application/json", std::string body = "") {
  return Sent{std::move(method), "10.96.0.1", std::move(path), {{"User-Agent", kubectl}, {"Content-Type", type}}, body};
}

/// "attribute=value" of the first candidate; "attribute-" of what is taken away.
std::vector<std::string> settings_of(const Operation& operation, std::size_t candidate = 0) {
  std::vector<std::string> all;
  if (operation.touched.empty() || operation.touched[0].candidates.size() <= candidate) return all;
  for (const auto& setting : operation.touched[0].candidates[candidate].settings) {
    std::string text = setting.value.text;
    for (const auto& item : setting.value.items) text += (text.empty() ? "" : ",") + item.text;
    if (setting.value.kind == Value::Kind::secret) text = "(secret)";
    if (setting.value.kind == Value::Kind::null) text = "null";
    all.push_back(setting.attribute + (setting.removes ? "-" : "=" + text));
  }
  return all;
}

struct NameCase {
  const char *method, *path, *wanted, *level;
};

/// requestinfo.go's own examples, and levels.
TEST(Kubernetes, names_calls_by_the_grammar_of_paths) {
  constexpr NameCase cases[] = {
      {"GET", "/api/v1/namespaces/shop/pods", "v1:list pods", "list"},
      {"GET", "/api/v1/namespaces/shop/pods?watch=true", "v1:watch pods", "list"},
      {"GET", "/api/v1/namespaces/shop/pods?watch=0", "v1:list pods", "list"},
      {"GET", "/api/v1/watch/namespaces/shop/pods", "v1:watch pods", "list"},
      {"GET", "/api/v1/namespaces/shop/pods/p", "v1:get pods", "read"},
      {"HEAD", "/api/v1/namespaces/shop/pods/p", "v1:get pods", "read"},
      {"GET", "/api/v1/namespaces/shop/pods/p/log?container=c", "v1:get pods/log", "read"},
      {"GET", "/api/v1/namespaces", "v1:list namespaces", "list"},
      {"DELETE", "/api/v1/namespaces/shop", "v1:delete namespaces", "write"},
      {"PUT", "/api/v1/namespaces/shop/finalize", "v1:update namespaces/finalize", "write"},
      {"PUT", "/api/v1/namespaces/shop/status", "v1:update namespaces/status", "write"},
      {"DELETE", "/api/v1/namespaces/shop/pods", "v1:deletecollection pods", "write"},
      {"PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale", "apps/v1:patch deployments/scale", "write"},
      {"POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "rbac.authorization.k8s.io/v1:create clusterroles",
       "permissions"},
      {"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
       "authorization.k8s.io/v1:create selfsubjectaccessreviews", "read"},
      {"GET", "/api/v1/namespaces/shop/pods/p/exec?command=sh", "v1:get pods/exec", "write"},
      {"PATCH", "/apis/cert-manager.io/v1/clusterissuers/ca", "cert-manager.io/v1:patch clusterissuers", "write"},
      {"GET", "/api/v1/namespaces/shop/services/web:80/proxy/a/b", "v1:get services/proxy", "read"},
      {"GET", "/apis/apps/v1?timeout=32s", ":get /apis/apps/v1", "read"},
      {"GET", "/version", ":get /version", "read"},
      {"PATCH", "/k8s/clusters/c-m-1/apis/apps/v1/namespaces/shop/deployments/web", "apps/v1:patch deployments",
       "write"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + c.path);
    const auto sent = by_kubectl(c.method, c.path);
    EXPECT_EQ(sent.name(), c.wanted);
    EXPECT_EQ(word(sent.decoded().level), c.level);
  }
}

/// What tells an API server from any other one, one sign at a time.
TEST(Kubernetes, knows_its_clients) {
  const Sent bare{"GET", "10.96.0.1", "/api/v1/nodes", {}, "", false};
  EXPECT_EQ(bare.name(), not_cloud);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"User-Agent", "controller/v0.1 (linux/amd64) kubernetes/$Format"},
           {"user-agent", "Helm/3.18.0"},
           {"Kubectl-Command", "kubectl get"},
           {"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"},
           {"Accept", "application/vnd.kubernetes.protobuf"},
           {"Authorization", "Bearer k8s-aws-v1.aHR0cHM6Ly9zdHM"}}) {
    SCOPED_TRACE(name + value);
    EXPECT_EQ(bare.with(name, value).name(), "v1:list nodes");
  }
  for (const auto host : {"kubernetes.default.svc:443", "10.0.0.1:6443", "A1.gr7.eu-west-1.eks.amazonaws.com"}) {
    Sent at = bare;
    at.host = host;
    EXPECT_EQ(at.name(), "v1:list nodes") << host;
  }
  // A token alone is enough where the path names a namespace and a resource of its own.
  Sent pods{"GET", "10.96.0.1", "/api/v1/namespaces/shop/pods", {{"Authorization", "Bearer x"}}, "", false};
  EXPECT_EQ(pods.name(), "v1:list pods");
  pods.headers = {{"User-Agent", "HashiCorp/1.0 Terraform/1.11.4"}};
  EXPECT_EQ(pods.name(), "v1:list pods");
  // No sign in the head: the body, then the answer.
  const Sent create{"POST", "10.96.0.1", "/api/v1/namespaces", {}, R"({"apiVersion":"v1","kind":"Namespace"})", false};
  EXPECT_EQ(create.name(), "v1:create namespaces");
  EXPECT_EQ(word(create.carrying("{}").decoded(201).provider), "");
  EXPECT_EQ(bare.decoded(200, "{}", {{"Audit-Id", "a-1"}}).operation, "list nodes");
  EXPECT_EQ(bare.decoded(200, R"({"kind":"NodeList","apiVersion":"v1"})").operation, "list nodes");
}

/// Services in a cluster take service accounts' tokens, too.
TEST(Kubernetes, a_token_of_the_cluster_is_not_enough) {
  const std::pair<std::string, std::string> token{"Authorization",
                                                  "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZ"
                                                  "GVmYXVsdC5zdmMifQ.x"};
  for (const auto path : {"/metrics", "/version", "/api/v1/query", "/api/v1/write", "/healthz"})
    EXPECT_EQ((Sent{"GET", "prometheus:9090", path, {token}, "", false}.name()), not_cloud) << path;
  EXPECT_EQ((Sent{"DELETE", "10.96.0.1", "/api/v1/nodes/n1", {token}, "", false}.name()), "v1:delete nodes");
}

TEST(Kubernetes, leaves_other_apis_alone) {
  const std::vector<std::pair<std::string, std::string>> json = {{"Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"},
                                                                 {"Content-Type", "application/json"},
                                                                 {"User-Agent", "Go-http-client/1.1"}};
  for (const std::string path : {"/api/v1/users",
                                 "/api/v1/users/7/orders",
                                 "/api/v1/services",
                                 "/api/v1/nodes/n1",
                                 "/api/v1/events?limit=5",
                                 "/api/v1/query?query=up",
                                 "/api/v1/namespaces/default/workflows",
                                 "/api/v1/namespaces/default",
                                 "/api/v2/pods",
                                 "/api/v1",
                                 "/api/users",
                                 "/apis/shop.orders/v1/orders/5",
                                 "/apis/orders/v1/items",
                                 "/apis",
                                 "/v1/pods",
                                 "/api/v1/namespaces//",
                                 "/version",
                                 "/healthz",
                                 "/metrics",
                                 "/apis/apps/latest/deployments",
                                 "/"})
    for (const std::string method : {"GET", "PUT", "POST", "PATCH", "DELETE"}) {
      const Sent sent{method, "shop.example.com", path, json, R"({"name":"x"})", false};
      EXPECT_EQ(word(sent.decoded(200, R"({"id":7})").provider), "") << method << " " << path;
      EXPECT_FALSE(to_json(sent.decoded(200)).empty());
    }
}

/// Hard case: no fieldManager, another kind in the body, one attribute.
TEST(Kubernetes, scale_sets_replicas_of_the_deployment) {
  const Operation operation =
      by_kubectl("PATCH", deployment + "/scale", "application/merge-patch+json", R"({"spec":{"replicas":5}})")
          .decoded(200, R"({"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"web","uid":"not-of-it"}})",
                   {{"Audit-Id", "a-1"}});
  EXPECT_EQ(word(operation.semantics), "merge");
  EXPECT_EQ(operation.request_id, "a-1");
  EXPECT_EQ(word(operation.outcome), "succeeded");
  ASSERT_EQ(operation.touched.size(), 1u);
  const Touched& touched = operation.touched[0];
  EXPECT_EQ(touched.type, "apps/Deployment");
  EXPECT_THAT(touched.ids, ElementsAre(deployment, "apps/Deployment/shop/web", "shop/web",
                                       "apiVersion=apps/v1,kind=Deployment,namespace=shop,name=web"));
  std::vector<std::string> types;
  for (const auto& candidate : touched.candidates) types.push_back(candidate.iac_type);
  EXPECT_THAT(types, ElementsAre("apps/v1/Deployment", "kubernetes_deployment", "kubernetes_deployment_v1",
                                 "kubernetes_manifest", "kubernetes:apps/v1:Deployment"));
  EXPECT_THAT(settings_of(operation), ElementsAre("spec.replicas=5"));
  EXPECT_THAT(settings_of(operation, 3), ElementsAre("manifest.spec.replicas=5"));
}

/// Hard case: as `kubectl set image` sends it. The two others are not touched.
TEST(Kubernetes, strategic_merge_of_one_container_among_three) {
  const Operation operation =
      by_kubectl("PATCH", deployment + "?fieldManager=kubectl-set", "application/strategic-merge-patch+json",
                 R"({"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"web"},{"name":"side"},)"
                 R"({"name":"third"}],"containers":[{"image":"busybox:2","name":"side"}]}}}})")
          .decoded(200);
  EXPECT_THAT(settings_of(operation), ElementsAre("spec.template.spec.containers[name=side].image=busybox:2",
                                                  "spec.template.spec.containers[name=side].name=side"));
  const Operation removal =
      by_kubectl("PATCH", deployment, "application/strategic-merge-patch+json",
                 R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]},)"
                 R"("spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}})")
          .decoded(200);
  EXPECT_THAT(settings_of(removal), ElementsAre("metadata.finalizers-", "spec.template.spec.containers[name=side]-"));
}

TEST(Kubernetes, whole_objects_tell_which_items_a_list_has) {
  const Operation operation =
      by_kubectl(
          "PUT", deployment, "application/json",
          R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"u","labels":{"a.b":"c"},)"
          R"("managedFields":[{"manager":"m"}]},"spec":{"template":{"spec":{"containers":[)"
          R"({"name":"b","ports":[{"containerPort":80}]},{"name":"a","emptyDir":{},"resources":{}}]}}},)"
          R"("status":{"replicas":1}})")
          .decoded(200);
  EXPECT_EQ(word(operation.semantics), "replace");
  EXPECT_THAT(
      settings_of(operation),
      ElementsAre("metadata.labels.a\\.b=c", "spec.template.spec.containers[name=b].name=b",
                  "spec.template.spec.containers[name=b].ports[containerPort=80].containerPort=80",
                  "spec.template.spec.containers[name=b].ports[]=80", "spec.template.spec.containers[name=a].name=a",
                  "spec.template.spec.containers[name=a].emptyDir=", "spec.template.spec.containers[]=b,a"));
}

TEST(Kubernetes, json_patches_are_deltas_by_place) {
  const Operation operation =
      by_kubectl(
          "PATCH", deployment, "application/json-patch+json",
          R"([{"op":"test","path":"/spec/replicas","value":1},{"op":"replace","path":"/spec/replicas","value":3},)"
          R"({"op":"replace","path":"/spec/template/spec/containers/0/image","value":"x"},)"
          R"({"op":"add","path":"/metadata/labels/a.b~1c","value":"d"},)"
          R"({"op":"remove","path":"/metadata/annotations/1"},{"op":"add","path":"/status/x","value":1}])")
          .decoded(200);
  EXPECT_EQ(word(operation.semantics), "delta");
  EXPECT_THAT(settings_of(operation), ElementsAre("spec.replicas=3", "spec.template.spec.containers[0].image=x",
                                                  "metadata.labels.a\\.b/c=d", "metadata.annotations.1-"));
  EXPECT_EQ(operation.touched[0].candidates[0].settings[2].parameter, "/metadata/labels/a.b~1c");
}

TEST(Kubernetes, applies_are_read_as_json_and_as_yaml) {
  const std::string path = "/api/v1/namespaces/shop/configmaps/conf?fieldManager=fm&force=false";
  for (const std::string body : {R"({"apiVersion":"v1","kind":"ConfigMap","data":{"LEVEL":"debug"}})",
                                 "apiVersion: v1\nkind: ConfigMap\ndata:\n  LEVEL: debug\n"}) {
    const Operation operation = by_kubectl("PATCH", path, "application/apply-patch+yaml", body).decoded(200);
    EXPECT_EQ(word(operation.semantics), "merge");
    EXPECT_FALSE(operation.parameters_cut);
    EXPECT_THAT(settings_of(operation), ElementsAre("data.LEVEL=debug")) << body;
    EXPECT_THAT(settings_of(operation, 1), ElementsAre("data.LEVEL=debug"));  // kubernetes_config_map
  }
}

TEST(Kubernetes, secrets_are_never_told) {
  const std::string path = "/api/v1/namespaces/shop/secrets/db";
  const std::vector<Sent> all = {
      by_kubectl(
          "PUT", path, "application/json",
          R"({"kind":"Secret","data":{"user":"Y2FuYXJ5"},"stringData":{"key":"canary"},"metadata":{"annotations":)"
          R"({"kubectl.kubernetes.io/last-applied-configuration":"canary"}}})"),
      by_kubectl("PATCH", path, "application/merge-patch+json", R"({"data":{"user":"Y2FuYXJ5canary"}})"),
      by_kubectl(
          "PATCH", path, "application/json-patch+json",
          R"([{"op":"add","path":"/data/user","value":"canary"},{"op":"replace","path":"","value":{"x":"canary"}}])"),
      by_kubectl("PATCH", path, "application/apply-patch+yaml", "stringData:\n  user: canary\n"),
      by_kubectl(
          "PUT", deployment, "application/json",
          R"({"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"DB_PASSWORD","value":"canary"}],)"
          R"("args":["--password=canary"]}]}}}})"),
      by_kubectl("PATCH", "/api/v1/namespaces/shop/configmaps/c", "application/json-patch+json",
                 R"([{"op":"add","path":"/data/password","value":"canary"}])"),
      by_kubectl("GET", "/api/v1/namespaces/shop/pods/p/exec?command=mysql&command=--password=canary"),
  };
  for (const auto& sent : all) {
    const Operation operation = sent.decoded(200, R"({"kind":"Secret","data":{"user":"canary"}})");
    EXPECT_EQ(operation.unmapped, Unmapped::no);
    EXPECT_THAT(to_json(operation), Not(HasSubstr("canary"))) << sent.path << sent.body;
    EXPECT_THAT(to_json(operation), Not(HasSubstr("Y2FuYXJ5")));
    EXPECT_THAT(to_json(operation), HasSubstr("sensitive"));
  }
  EXPECT_THAT(settings_of(all[0].decoded(200)), Contains("data.user=(secret)"));
  // References are no secrets.
  const Operation volume = by_kubectl("PATCH", deployment, "application/merge-patch+json",
                                      R"({"spec":{"volumes":[{"name":"v","secret":{"secretName":"db"}}]}})")
                               .decoded(200);
  EXPECT_THAT(settings_of(volume), Contains("spec.volumes[name=v].secret.secretName=db"));
}

TEST(Kubernetes, dry_runs_and_refusals) {
  const auto patch = by_kubectl("PATCH", deployment + "?dryRun=All", "application/merge-patch+json", "{}");
  EXPECT_EQ(word(patch.decoded(200).outcome), "dry_run");
  EXPECT_EQ(word(by_kubectl("DELETE", deployment, "application/json", R"({"dryRun":["All"]})").decoded(200).outcome),
            "dry_run");
  const Operation denied = patch.decoded(403, R"({"kind":"Status","apiVersion":"v1","reason":"Forbidden"})");
  EXPECT_EQ(word(denied.outcome), "denied");
  EXPECT_EQ(denied.error_code, "Forbidden");
  EXPECT_EQ(word(patch.decoded(409).outcome), "failed");
  EXPECT_EQ(word(patch.decoded(0).outcome), "unknown");
  const auto exec = by_kubectl("GET", "/api/v1/namespaces/shop/pods/p/exec?command=sh&command=-c");
  EXPECT_EQ(word(exec.decoded(101).outcome), "succeeded");
  EXPECT_EQ(exec.decoded(101).parameters.find("command")->items.size(), 2u);
}

TEST(Kubernetes, names_of_what_is_created) {
  const std::string pods = "/api/v1/namespaces/shop/pods";
  const auto named = by_kubectl("POST", pods, "application/json", R"({"metadata":{"name":"p"}})").decoded(201);
  EXPECT_THAT(named.touched[0].ids, Contains("Pod/shop/p"));
  EXPECT_FALSE(named.touched[0].from_answer);
  const auto generated = by_kubectl("POST", pods, "application/json", R"({"metadata":{"generateName":"p-"}})")
                             .decoded(201, R"({"kind":"Pod","metadata":{"name":"p-7","uid":"u-7"}})");
  EXPECT_THAT(generated.touched[0].ids, Contains("Pod/shop/p-7"));
  EXPECT_THAT(generated.touched[0].ids, Contains("u-7"));
  EXPECT_TRUE(generated.touched[0].from_answer);
  // As kubectl create secret sends it.
  const std::string protobuf(
      "k8s\0\n\x0c\n\x02v1\x12\x06Secret\x12\x37\n\x16\n\x02"
      "db\x12\0\x1a\x04shop\"\0*\0\x32\0"
      "8\0B\0\x12\x1b\n\x08password\x12\x0f"
      "canary-password\x1a\0\x1a\0\"\0",
      79);
  const auto secret =
      by_kubectl("POST", "/api/v1/namespaces/shop/secrets", "application/vnd.kubernetes.protobuf", protobuf)
          .decoded(201, protobuf);
  EXPECT_THAT(secret.touched[0].ids, Contains("Secret/shop/db"));
  EXPECT_THAT(to_json(secret), Not(HasSubstr("canary")));
  const auto custom = by_kubectl("POST", "/apis/cert-manager.io/v1/namespaces/shop/issuers", "application/json",
                                 R"({"kind":"Issuer","metadata":{"name":"ca"}})")
                          .decoded(201);
  EXPECT_EQ(custom.touched[0].type, "cert-manager.io/Issuer");
  const auto deleted = by_kubectl("DELETE", "/apis/cert-manager.io/v1/namespaces/shop/issuers/ca").decoded(200);
  EXPECT_EQ(deleted.touched[0].type, "cert-manager.io/issuers");  // nothing says its kind
}

TEST(Kubernetes, who_a_token_says_to_be) {
  // {"alg":"none"}.{"iss":"https://kubernetes.default.svc","sub":"system:serviceaccount:shop:deployer"}.x
  const auto sent = by_kubectl("DELETE", deployment)
                        .with("Authorization",
                              "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMiLCJzdWIi"
                              "OiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpkZXBsb3llciJ9.canary");
  const Operation operation = sent.decoded(200);
  EXPECT_EQ(operation.principal, "system:serviceaccount:shop:deployer");
  EXPECT_THAT(to_json(operation), Not(HasSubstr("eyJ")));
  EXPECT_THAT(to_json(operation), HasSubstr(R"("subject":"system:serviceaccount:shop:deployer","proof":"claimed")"));
  EXPECT_EQ(by_kubectl("DELETE", deployment).with("Authorization", "Bearer opaque").decoded().principal, "");
}

/// API servers decode a path before they divide it.
TEST(Kubernetes, reads_a_path_as_the_server_does_that_decodes_it) {
  for (const auto path : {"/%61pi/v1/namespaces/shop/configmaps/web", "/api/v%31/namespaces/shop/configmaps/web",
                          "/api/v1/%6eamespaces/shop/configmaps/web", "/api/v1/namespaces/shop/config%6Daps/web",
                          "/api/v1/namespaces/sho%70/configmaps/%77eb", "/api%2Fv1/namespaces/shop/configmaps/web",
                          "/api/v1%2fnamespaces/shop%2Fconfigmaps/web"}) {
    SCOPED_TRACE(path);
    const Sent sent = by_kubectl("PATCH", path, "application/merge-patch+json", R"({"data":{"a":"b"}})");
    EXPECT_EQ(sent.name(), "v1:patch configmaps");
    const Operation operation = sent.decoded(200);
    EXPECT_EQ(operation.operation, "patch configmaps");
    ASSERT_EQ(operation.touched.size(), 1U);
    EXPECT_EQ(operation.touched[0].ids,
              by_kubectl("PATCH", "/api/v1/namespaces/shop/configmaps/web").decoded(200).touched[0].ids);
    EXPECT_THAT(settings_of(operation), ElementsAre("data.a=b"));
  }
  EXPECT_EQ(by_kubectl("PATCH", "/apis/%61pps/v1/namespaces/shop/%64eployments/web/sc%61le").name(),
            "apps/v1:patch deployments/scale");
  // Decoded once, not twice.
  EXPECT_EQ(by_kubectl("PATCH", "/%2561pi/v1/namespaces/shop/configmaps/web").name(), not_cloud);
  // Who shows no sign is known by the answer, at such a path too.
  const Sent bare{"DELETE", "10.96.0.1", "/api/v1/namespaces/shop/config%6Daps/web", {}, "", false};
  EXPECT_EQ(bare.decoded(200, "", {{"Audit-Id", "1"}}).operation, "delete configmaps");
}

/// Whatever signature of AWS is put beside it.
TEST(Kubernetes, is_not_hidden_by_a_signature_of_aws) {
  const std::string path = "/api/v1/namespaces/shop/configmaps/web";
  const std::string presigned = path +
                                "?X-Amz-Credential=AKIAQ3EGVTNLQBZXABCD%2F20261123%2Feu-west-1%2Fs3%2Faws4_request"
                                "&X-Amz-Signature=0";
  const std::pair<std::string, std::string> bearer{"Authorization", "Bearer x"},
      signature{"Authorization", scope("s3")};
  // An API server takes the first of two.
  EXPECT_EQ((Sent{"PATCH", "10.96.0.1", path, {bearer, signature}, "", false}.name()), "v1:patch configmaps");
  EXPECT_EQ((Sent{"PATCH", "10.96.0.1", path, {bearer, {"X-Amzn-Authorization", scope("s3")}}, "", false}.name()),
            "v1:patch configmaps");
  // A client certificate needs no header at all.
  for (const auto host : {"10.0.0.1:6443", "A1.gr7.eu-west-1.eks.amazonaws.com"}) {
    EXPECT_EQ((Sent{"DELETE", host, presigned, {}, "", false}.name()), "v1:delete configmaps") << host;
    EXPECT_EQ((Sent{"DELETE", host, path, {signature}, "", false}.name()), "v1:delete configmaps") << host;
  }
  EXPECT_EQ(
      (Sent{"PATCH", "10.96.0.1", presigned, {{"Content-Type", "application/merge-patch+json"}}, "", false}.name()),
      "v1:patch configmaps");
  EXPECT_EQ((Sent{"PUT", "10.96.0.1", presigned, {}, R"({"apiVersion":"v1","kind":"ConfigMap"})", false}.name()),
            "v1:update configmaps");
  // Who shows no sign is known by the answer, whatever host is named.
  for (const auto host : {"10.96.0.1", "s3.eu-west-1.amazonaws.com"})
    EXPECT_EQ((Sent{"DELETE", host, presigned, {}, "", false}.decoded(200, "", {{"Audit-Id", "1"}}).operation),
              "delete configmaps")
        << host;
}

/// A store of its own may have such names, too.
TEST(Kubernetes, leaves_objects_of_a_store_alone) {
  const std::string key = "/api/v1/namespaces/shop/configmaps/web";
  EXPECT_EQ(Sent::to("s3", "DELETE", key).name(), "s3:DeleteObject");
  EXPECT_EQ(Sent::to("s3", "DELETE", key, "s3.eu-west-1.amazonaws.com").with("User-Agent", "Go-http-client/1.1").name(),
            "s3:DeleteObject");
  EXPECT_EQ(Sent::to("s3", "PUT", key).carrying("hello").name(), "s3:PutObject");
  EXPECT_EQ(Sent::to("s3", "DELETE", key).decoded(204, "", {{"x-amz-request-id", "1"}}).operation, "DeleteObject");
  // A path that is Kubernetes' by its form alone is a store's where the host or the answer says so.
  const std::string object = "/apis/apps/v1/namespaces/x/deployments/y";
  EXPECT_EQ(Sent::to("s3", "PUT", object).name(), "apps/v1:update deployments");
  EXPECT_EQ(Sent::to("s3", "PUT", object).decoded(200).operation, "update deployments");
  EXPECT_EQ(Sent::to("s3", "PUT", object).decoded(200, "", {{"X-Amz-Request-Id", "1"}}).operation, "PutObject");
  EXPECT_EQ(Sent::to("s3", "PUT", key).decoded(200).operation, "PutObject");  // of nothing
  EXPECT_EQ(Sent::to("s3", "PUT", object, "logs.s3.eu-west-1.amazonaws.com").name(), "s3:PutObject");
}

}  // namespace
}  // namespace plumbline::cloud
