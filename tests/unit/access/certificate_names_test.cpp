#include "access/certificate_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::access {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CertificateNames, a_uri_of_a_node_says_it_alone) {
  EXPECT_THAT(nodes_of({"jo", {"web-2"}, {"spiffe://example/node/web-1"}}), ElementsAre("web-1"));
  EXPECT_THAT(nodes_of({"", {}, {"spiffe://a/b/node/web-1", "spiffe://a/node/web%2F1%20x"}}), ElementsAre("web-1"))
      << "no name of a node has a slash";
  EXPECT_THAT(nodes_of({"", {}, {uri_of_node("web 1")}}), ElementsAre("web 1"));
}

TEST(CertificateNames, else_dns_names_and_the_common_name_are_the_nodes) {
  EXPECT_THAT(nodes_of({"web-1", {"web-1.example", "web-1.lan"}, {"spiffe://example/ns/shop"}}),
              ElementsAre("web-1.example", "web-1.lan", "web-1"));
  EXPECT_THAT(nodes_of({"", {""}, {"spiffe://example/node/", "spiffe://example/node/%zz"}}), IsEmpty());
  EXPECT_THAT(names_of({"web-1", {"a"}, {"u:b"}}), ElementsAre("u:b", "a", "web-1"));
}

TEST(CertificateNames, dns_names_are_labels_and_no_more) {
  for (const char* name : {"localhost", "a.b-c.example", "*.example", "plumbline-collector.plumbline.svc"})
    EXPECT_TRUE(is_dns_name(name)) << name;
  for (const char* none :
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "*", "a.*", "*a.b", "a,DNS:b", "a b", "a:b", "a/b", "ä"})
    EXPECT_FALSE(is_dns_name(none)) << none;
  EXPECT_TRUE(is_dns_name(std::string(63, 'a')));
  EXPECT_FALSE(is_dns_name(std::string(64, 'a')));
}

}  // namespace
}  // namespace plumbline::access
