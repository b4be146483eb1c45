// Requests of other people's clients that read or write a source's state.
#include "fetch/state_requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::fetch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> told(const StateRequests& requests, std::string_view method, std::string_view host,
                              std::string_view target) {
  std::vector<std::string> all;
  for (const auto& use : requests.uses(method, host, target))
    all.push_back(use.name + (use.wrote ? " wrote" : " read"));
  return all;
}

SourceConfig source(const std::string& name, const std::string& location, const std::string& endpoint = "") {
  SourceConfig config;
  config.name = name;
  config.location = location;
  config.endpoint = endpoint;
  return config;
}

TEST(StateRequests, s3_in_both_styles_and_all_hosts_of_aws) {
  const StateRequests requests({source("net", "s3://states/env/prod x.tfstate")});
  const std::string key = "/env/prod%20x.tfstate";
  for (const char* host : {"states.s3.eu-west-1.amazonaws.com", "states.s3.amazonaws.com",
                           "states.s3.dualstack.eu-west-1.amazonaws.com", "STATES.s3.cn-north-1.amazonaws.com.cn:443"})
    EXPECT_THAT(told(requests, "GET", host, key), ElementsAre("net read")) << host;
  EXPECT_THAT(told(requests, "PUT", "s3.eu-west-1.amazonaws.com", "/states" + key + "?x-id=PutObject"),
              ElementsAre("net wrote"));
  EXPECT_THAT(told(requests, "GET", "other.s3.amazonaws.com", key), IsEmpty());
  EXPECT_THAT(told(requests, "GET", "states.s3.evil.example", key), IsEmpty());
  EXPECT_THAT(told(requests, "GET", "states.s3.amazonaws.com", "/env/prod"), IsEmpty());
  EXPECT_THAT(told(requests, "HEAD", "states.s3.amazonaws.com", key), IsEmpty());
  EXPECT_THAT(told(requests, "GET", "states.s3.amazonaws.com", "/env/%zz"), IsEmpty());
}

TEST(StateRequests, a_part_of_an_upload_is_none_and_its_end_is) {
  const StateRequests requests({source("net", "s3://states/a")});
  EXPECT_THAT(told(requests, "PUT", "states.s3.amazonaws.com", "/a?partNumber=1&uploadId=x"), IsEmpty());
  EXPECT_THAT(told(requests, "POST", "states.s3.amazonaws.com", "/a?uploads"), IsEmpty());
  EXPECT_THAT(told(requests, "POST", "states.s3.amazonaws.com", "/a?uploadId=x"), ElementsAre("net wrote"));
}

TEST(StateRequests, a_store_of_one_s_own_is_known_by_its_endpoint) {
  const StateRequests requests({source("net", "s3://states/a", "https://Minio.example:9000")});
  EXPECT_THAT(told(requests, "GET", "minio.example:9000", "/states/a"), ElementsAre("net read"));
  EXPECT_THAT(told(requests, "GET", "states.minio.example:9000", "/a"), ElementsAre("net read"));
  EXPECT_THAT(told(requests, "GET", "minio.example", "/states/a"), IsEmpty());
  EXPECT_THAT(told(requests, "GET", "states.s3.amazonaws.com", "/a"), IsEmpty());
}

TEST(StateRequests, google_azure_kubernetes_and_a_url) {
  const StateRequests requests(
      {source("g", "gs://states/env/prod.tfstate"), source("z", "azblob://acc/states/prod.tfstate"),
       source("k", "kubernetes://infra/secrets/tfstate-default-state"), source("h", "https://state.example/prod")});
  EXPECT_THAT(told(requests, "GET", "storage.googleapis.com", "/storage/v1/b/states/o/env%2Fprod.tfstate?alt=media"),
              ElementsAre("g read"));
  EXPECT_THAT(told(requests, "GET", "storage.googleapis.com", "/states/env/prod.tfstate"), ElementsAre("g read"));
  const std::string upload = "/upload/storage/v1/b/states/o?uploadType=multipart&name=";
  EXPECT_THAT(told(requests, "POST", "storage.googleapis.com", upload + "env%2Fprod.tfstate"), ElementsAre("g wrote"));
  EXPECT_THAT(told(requests, "POST", "storage.googleapis.com", upload + "other"), IsEmpty());
  EXPECT_THAT(told(requests, "PUT", "acc.blob.core.windows.net", "/states/prod.tfstate"), ElementsAre("z wrote"));
  EXPECT_THAT(told(requests, "PATCH", "10.0.0.1:6443", "/api/v1/namespaces/infra/secrets/tfstate-default-state"),
              ElementsAre("k wrote"));
  EXPECT_THAT(told(requests, "POST", "state.example", "/prod?ID=1"), ElementsAre("h wrote"));
  EXPECT_THAT(told(requests, "POST", "state.example", "/prod/x"), IsEmpty());
}

TEST(StateRequests, the_lock_of_a_secret_is_a_lease_beside_it) {
  const StateRequests requests({source("k", "kubernetes://infra/secrets/tfstate-default-net"),
                                source("m", "kubernetes://infra/configmaps/tfstate-default-net/x")});
  const std::string lease = "/apis/coordination.k8s.io/v1/namespaces/infra/leases/lock-tfstate-default-net";
  const auto uses = requests.uses("PUT", "10.0.0.1:6443", lease + "?timeout=1s");
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].of, StateUse::Of::lease);
  EXPECT_EQ(uses[0].name, "k");
  EXPECT_THAT(told(requests, "GET", "10.0.0.1:6443", lease), IsEmpty()) << "who looks at a lock has none";
  EXPECT_THAT(told(requests, "PUT", "10.0.0.1:6443", lease + "2"), IsEmpty());
  EXPECT_EQ(requests.uses("GET", "h", "/api/v1/namespaces/infra/secrets/tfstate-default-net").at(0).of,
            StateUse::Of::object);
}

TEST(StateRequests, of_files_and_nonsense_there_are_none) {
  EXPECT_TRUE(StateRequests({source("f", ""), source("b", "s3://no"), source("c", "https://")}).empty());
}

}  // namespace
}  // namespace plumbline::fetch
