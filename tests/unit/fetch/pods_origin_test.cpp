// The pods of a node against a strict double of the API server: what it is asked, over how many connections, and what
// the reader of Kubernetes makes of the answers.
#include "fetch/pods_origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "baseline/baseline.hpp"
#include "baseline/kubelet.hpp"
#include "fetch/pods_document.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using namespace test;
using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* list_path = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500";

class PodsOrigin : public testing::Test {
 protected:
  PodsOrigin() {
    put("ConfigMap", "conf", {{"app.conf", "hello"}});
    put("Secret", "db", {{"password", "Q0FOQVJZ"}});
    pods_ = {pod("web", json::parse(R"([{"name": "conf", "configMap": {"name": "conf"}},
                                        {"name": "all", "projected": {"sources": [
                                          {"secret": {"name": "db"}},
                                          {"configMap": {"name": "gone", "optional": true}}]}}])"))};
  }
  ~PodsOrigin() override { EXPECT_THAT(server_.problems(), IsEmpty()); }

  json metadata(const std::string& name, const std::string& uid) {
    return {{"name", name},
            {"namespace", "shop"},
            {"uid", uid},
            {"resourceVersion", std::to_string(++version_)},
            {"managedFields", json::array({{{"manager", "CANARY-field"}}})}};
  }
  json pod(const std::string& name, json volumes) {
    return {{"metadata", metadata(name, "uid-" + name)},
            {"spec", {{"nodeName", "node-1"}, {"containers", json::array()}, {"volumes", std::move(volumes)}}},
            {"status", {{"phase", "Running"}, {"podIP", "10.0.0.7"}}}};
  }
  void put(const std::string& kind, const std::string& name, json data) {
    objects_[(kind == "Secret" ? "secrets/" : "configmaps/") + name] = {
        {"kind", kind}, {"apiVersion", "v1"}, {"metadata", metadata(name, "uid-" + name)}, {"data", std::move(data)}};
  }
  Reply answer(const Asked& asked) {
    const std::string accept = asked.header("accept");
    const bool slim = accept.find("as=PartialObjectMetadata") != std::string::npos;
    if (asked.header("authorization") != "Bearer CANARY-token") return {401, "{}", {}};
    if (!accept.ends_with("application/json")) return {406, "{}", {}};
    const std::string target = asked.target;
    if (const auto broken = broken_.find(target); broken != broken_.end())
      return {broken->second, R"({"kind":"Status","message":"CANARY"})", {}};
    if (target.starts_with("/api/v1/pods?")) {
      if (slim != (accept.find("PartialObjectMetadataList") != std::string::npos)) return {406, "{}", {}};
      return list(target, slim);
    }
    constexpr std::string_view start = "/api/v1/namespaces/shop/";
    const auto object = target.starts_with(start) ? objects_.find(target.substr(start.size())) : objects_.end();
    if (object == objects_.end()) return {404, R"({"kind":"Status"})", {}};
    if (!slim) return {200, object->second.dump(), {}};
    return {200, json{{"kind", "PartialObjectMetadata"}, {"metadata", object->second["metadata"]}}.dump(), {}};
  }
  /// Pages of `page_` pods; the token is their place and has a character that is to be encoded.
  Reply list(const std::string& target, bool slim) {
    std::size_t first = 0;
    const std::string path = list_path, next = "&continue=at%2F";
    if (target.starts_with(path + next))
      first = std::stoul(target.substr(path.size() + next.size()));
    else if (target != path)
      return {400, "{}", {}};
    json items = json::array();
    for (std::size_t i = first; i < std::min(pods_.size(), first + page_); ++i)
      items.push_back(slim ? json{{"metadata", pods_[i]["metadata"]}} : pods_[i]);
    json about{{"resourceVersion", std::to_string(version_)}};
    if (endless_ || first + page_ < pods_.size()) about["continue"] = "at/" + std::to_string(first + page_);
    return {200, json{{"kind", "PodList"}, {"metadata", about}, {"items", items}}.dump(), {}};
  }

  std::unique_ptr<Origin> make(std::string node = "node-1") {
    auto origin = make_pods_origin({std::move(node),
                                    {server_.url(), dir_.write("token", "CANARY-token\n"), ""},
                                    {},
                                    environment_of(variables_),
                                    register_});
    EXPECT_TRUE(origin) << origin.error().message();
    return std::move(*origin);
  }
  /// Fetches; what the reader makes of it is in `read_` where something was taken.
  Result<Fetched> fetch(Origin& origin, const std::string& known = "") {
    read_.reset();
    auto fetched = origin.fetch(known, [&](std::string_view bytes) -> Result<void> {
      text_ = bytes;
      auto loaded = baseline::parse({"node", "kubernetes", std::string(baseline::pods_location)}, bytes, key_);
      if (!loaded) return loaded.error();
      read_ = std::move(*loaded);
      return {};
    });
    EXPECT_THAT(fetched ? "" : fetched.error().message(), Not(HasSubstr("CANARY")));
    return fetched;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> all;
    if (!read_) return {"(nothing taken)"};
    for (const auto& file : read_->files) all.push_back(file.address + " " + file.path);
    return all;
  }
  std::string skipped() const {
    std::string all;
    for (const auto& left_out : read_->skipped) all += left_out.address + ": " + left_out.why + "\n";
    return all;
  }
  std::vector<std::string> asked_since(std::size_t before) const {
    std::vector<std::string> all;
    for (const auto& asked : server_.asked())
      all.push_back((asked.header("accept") == "application/json" ? "whole " : "slim ") + asked.target);
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }
  std::size_t asked() const { return server_.asked().size(); }

  static constexpr const char* web = "/var/lib/kubelet/pods/uid-web/volumes/kubernetes.io~";
  const TempDir dir_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  Variables variables_;
  std::vector<json> pods_;
  std::shared_ptr<PodRegister> register_ = std::make_shared<PodRegister>();
  std::map<std::string, json> objects_;
  std::map<std::string, int> broken_;  ///< target → status
  std::size_t page_ = 500;
  bool endless_ = false;
  int version_ = 100;
  std::optional<baseline::Baseline> read_;
  std::string text_;
  StrictServer server_{[this](const Asked& asked) { return answer(asked); }, true};
};

TEST_F(PodsOrigin, tells_the_register_what_the_pods_run_as_and_from) {
  const auto origin = make();
  const std::string id(64, 'a');
  pods_[0]["spec"]["serviceAccountName"] = "web";
  auto first = fetch(*origin);
  ASSERT_TRUE(first);
  EXPECT_EQ(register_->facts_of("uid-web", id).service_account, "web");
  EXPECT_EQ(register_->facts_of("uid-web", id).image_digest, "") << "it was not started yet";
  // A container starts: nothing that the baseline is made of has changed.
  pods_[0]["metadata"]["resourceVersion"] = "9999";
  pods_[0]["status"]["containerStatuses"] = json::array(
      {{{"containerID", "containerd://" + id}, {"imageID", "registry.example/web@sha256:63c8"}}, 7, {{"imageID", 7}}});
  const auto second = fetch(*origin, first->version);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->unchanged);
  EXPECT_EQ(register_->facts_of("uid-web", id).image_digest, "sha256:63c8");
  pods_.clear();
  ASSERT_TRUE(fetch(*origin, second->version));
  EXPECT_EQ(register_->facts_of("uid-web", id).service_account, "");
}

TEST_F(PodsOrigin, brings_the_pods_and_what_they_mount) {
  const auto origin = make();
  const auto fetched = fetch(*origin);
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_THAT(files(), ElementsAre(std::string("k8s:node/v1/ConfigMap/shop/conf ") + web + "configmap/conf/app.conf",
                                   std::string("k8s:node/v1/Secret/shop/db ") + web + "projected/all/password"));
  EXPECT_EQ(read_->files[0].content, "sha256:" + baseline::to_hex(baseline::sha256("hello")));
  EXPECT_EQ(read_->files[1].content, key_.of_digest(baseline::sha256("CANARY")));
  EXPECT_EQ(read_->revision.at("resourceVersion"), std::to_string(version_));
  EXPECT_THAT(skipped(), HasSubstr("all (its ConfigMap is not there, or the agent may not get it)"));
  EXPECT_THAT(text_, AllOf(Not(HasSubstr("managedFields")), Not(HasSubstr("podIP"))));
  EXPECT_EQ(server_.connections(), 1u);
  EXPECT_EQ(asked(), 4u) << "the list, and three objects";
}

TEST_F(PodsOrigin, costs_metadata_where_nothing_changed) {
  const auto origin = make();
  const auto first = fetch(*origin).value();
  const auto before = asked();
  const auto second = fetch(*origin, first.version).value();
  EXPECT_TRUE(second.unchanged);
  EXPECT_EQ(second.version, first.version);
  EXPECT_FALSE(read_);
  EXPECT_THAT(asked_since(before),
              ElementsAre(std::string("slim ") + list_path, "slim /api/v1/namespaces/shop/configmaps/conf",
                          "slim /api/v1/namespaces/shop/configmaps/gone", "slim /api/v1/namespaces/shop/secrets/db"));
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(PodsOrigin, takes_no_notice_of_a_pods_status) {
  const auto origin = make();
  const auto first = fetch(*origin).value();
  server_.change([&] {
    pods_[0]["metadata"]["resourceVersion"] = "900";
    pods_[0]["status"]["podIP"] = "10.0.0.8";
  });
  EXPECT_TRUE(fetch(*origin, first.version).value().unchanged);
  const auto before = asked();
  EXPECT_TRUE(fetch(*origin, first.version).value().unchanged);
  EXPECT_THAT(asked_since(before), Not(Contains(HasSubstr("whole"))));
  server_.change([&] {
    pods_[0]["metadata"]["resourceVersion"] = "901";
    pods_[0]["status"]["phase"] = "Succeeded";
  });
  EXPECT_FALSE(fetch(*origin, first.version).value().unchanged);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PodsOrigin, takes_what_changed) {
  const auto origin = make();
  auto version = fetch(*origin).value().version;
  for (const auto& change : std::vector<std::function<void()>>{
           [&] { put("ConfigMap", "conf", {{"app.conf", "other"}}); },
           [&] { put("ConfigMap", "gone", {{"late", "now"}}); }, [&] { objects_.erase("secrets/db"); },
           [&] { pods_.push_back(pod("next", json::parse(R"([{"name": "c", "configMap": {"name": "conf"}}])"))); },
           [&] { pods_.erase(pods_.begin()); }}) {
    server_.change(change);
    const auto now = fetch(*origin, version).value();
    EXPECT_FALSE(now.unchanged);
    EXPECT_NE(now.version, version);
    version = now.version;
  }
  EXPECT_THAT(files(), ElementsAre("k8s:node/v1/ConfigMap/shop/conf "
                                   "/var/lib/kubelet/pods/uid-next/volumes/kubernetes.io~configmap/c/app.conf"));
}

TEST_F(PodsOrigin, does_without_what_it_may_not_get) {
  broken_["/api/v1/namespaces/shop/secrets/db"] = 403;
  const auto origin = make();
  const auto first = fetch(*origin).value();
  EXPECT_THAT(files(), ElementsAre(HasSubstr("conf/app.conf")));
  EXPECT_THAT(skipped(), HasSubstr("its Secret is not there, or the agent may not get it"));
  server_.change([&] { broken_.clear(); });
  EXPECT_FALSE(fetch(*origin, first.version).value().unchanged) << "it may now";
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(PodsOrigin, fails_where_the_server_does) {
  const auto origin = make();
  broken_[list_path] = 403;
  EXPECT_THAT(fetch(*origin).error().message(), HasSubstr("allow the agent's service account to list pods"));
  EXPECT_EQ(fetch(*origin).error().code, ErrorCode::permission);
  server_.change([&] { broken_ = {{"/api/v1/namespaces/shop/secrets/db", 500}}; });
  EXPECT_EQ(fetch(*origin).error().code, ErrorCode::unavailable) << "a part of it is no baseline";
  server_.change([&] { broken_ = {{list_path, 410}}; });
  EXPECT_FALSE(fetch(*origin));
}

TEST_F(PodsOrigin, follows_pages) {
  page_ = 2;
  for (const char* name : {"a", "b", "c", "d"})
    pods_.push_back(pod(name, json::parse(R"([{"name": "c", "configMap": {"name": "conf"}}])")));
  const auto origin = make();
  const auto first = fetch(*origin).value();
  EXPECT_EQ(files().size(), 6u);
  EXPECT_TRUE(fetch(*origin, first.version).value().unchanged);
  server_.change([&] { endless_ = true; });
  EXPECT_THAT(fetch(*origin, first.version).error().message(), HasSubstr("the list does not end"));
}

TEST_F(PodsOrigin, has_bounds) {
  pods_.assign(max_node_pods + 1, pod("web", json::array()));
  page_ = 5000;
  const auto origin = make();
  EXPECT_THAT(fetch(*origin).error().message(), HasSubstr("there are more than 2000"));
}

TEST_F(PodsOrigin, knows_a_node_without_pods) {
  pods_.clear();
  const auto origin = make();
  EXPECT_TRUE(fetch(*origin));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PodsOrigin, asks_for_no_name_that_is_none) {
  pods_ = {pod("web", json::parse(R"([{"name": "a", "configMap": {"name": "../../nodes"}},
                                      {"name": "b", "secret": {"secretName": "x?y"}}, {"name": "c", "secret": 7}, 8])"))};
  const auto origin = make();
  EXPECT_TRUE(fetch(*origin));
  EXPECT_EQ(asked(), 1u);
}

TEST_F(PodsOrigin, takes_no_other_object_for_the_one_it_asked_for) {
  objects_["configmaps/conf"]["metadata"]["name"] = "other";
  EXPECT_THAT(fetch(*make()).error().message(), HasSubstr("the answer is another object"));
  server_.change([&] { objects_["configmaps/conf"] = "no object"; });
  EXPECT_THAT(fetch(*make()).error().message(), HasSubstr("no object of Kubernetes"));
}

TEST_F(PodsOrigin, knows_its_node) {
  variables_["NODE_NAME"] = "node-1";
  EXPECT_TRUE(fetch(*make("")));
  variables_["NODE_NAME"] = "node-1,spec.x=y";
  const auto bad = make_pods_origin({"", {server_.url(), "/t", ""}, {}, environment_of(variables_)});
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message(), HasSubstr("give the baseline `node_name`"));
}

}  // namespace
}  // namespace plumbline::fetch
