#include "agent/correlate/clusters.hpp"

#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

TEST(Clusters, a_server_is_known_by_host_and_port_however_they_are_written) {
  Clusters clusters;
  EXPECT_TRUE(clusters.add("prod", "https://API.prod.example"));
  EXPECT_TRUE(clusters.add("prod", "https://10.0.0.1:6443/"));
  EXPECT_TRUE(clusters.add("lab", "https://[fd00::1]:6443"));
  EXPECT_EQ(clusters.of("api.prod.example"), "prod");
  EXPECT_EQ(clusters.of("Api.Prod.Example:443"), "prod");
  EXPECT_EQ(clusters.of("10.0.0.1:6443"), "prod");
  EXPECT_EQ(clusters.of("[FD00::1]:6443"), "lab");
  EXPECT_EQ(clusters.of_url("https://api.prod.example:443"), "prod");
  for (const char* other : {"", ":", "[", "]", "10.0.0.1", "10.0.0.1:443", "api.prod.example:6443", "fd00::1",
                            "[fd00::1]", "x.api.prod.example", "api.prod.example.x"})
    EXPECT_EQ(clusters.of(other), "") << other;
}

TEST(Clusters, a_server_is_of_one_cluster) {
  Clusters clusters;
  EXPECT_TRUE(clusters.add("prod", "https://a"));
  EXPECT_TRUE(clusters.add("prod", "https://a:443")) << "the same again";
  EXPECT_FALSE(clusters.add("lab", "https://a"));
  EXPECT_EQ(clusters.of("a"), "prod");
  EXPECT_FALSE(clusters.add("lab", "no URL"));
  EXPECT_EQ(clusters.of_url("no URL"), "");
}

TEST(Clusters, pods_call_their_own_by_its_service) {
  Clusters clusters;
  clusters.add("in-cluster", "https://10.96.0.1:443");
  clusters.add_service_names("in-cluster", "443");
  for (const char* name : {"10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                           "kubernetes.default.svc.cluster.local:443"})
    EXPECT_EQ(clusters.of(name), "in-cluster") << name;
  EXPECT_EQ(clusters.of("kubernetes.default.svc:6443"), "");
}

TEST(Clusters, a_url_is_where_a_client_says_to_be) {
  EXPECT_TRUE(Clusters::is_at("https://a:6443", "A:6443"));
  EXPECT_FALSE(Clusters::is_at("https://a:6443", "a"));
  EXPECT_FALSE(Clusters::is_at("no URL", ""));
}

}  // namespace
}  // namespace plumbline::agent
