#include "cloud/http.hpp"

#include <gtest/gtest.h>

namespace plumbline::cloud {
namespace {

TEST(Http, decodes_percent_and_leaves_what_is_none) {
  EXPECT_EQ(percent_decoded("a%2Fb+c"), "a/b+c");
  EXPECT_EQ(percent_decoded("a+b%zz%4", true), "a b%zz%4");
  EXPECT_TRUE(percent_equal("a%2fb", "a/b"));
  EXPECT_FALSE(percent_equal("a%2fb", "a/"));
  EXPECT_FALSE(percent_equal("a%2f", "a/b"));
}

TEST(Http, walks_a_query) {
  EXPECT_EQ(query_value("a=1&&b&c=", "b"), "");
  EXPECT_EQ(query_value("a=1&&b&c=", "c"), "");
  EXPECT_EQ(query_value("%61=1", "a"), "1");
  EXPECT_FALSE(query_value("a=1", "A"));
  QueryWalk walk("policy&prefix=");
  QueryPair pair;
  ASSERT_TRUE(walk.next(pair));
  EXPECT_FALSE(pair.has_value);
  ASSERT_TRUE(walk.next(pair));
  EXPECT_TRUE(pair.has_value);
  EXPECT_FALSE(walk.next(pair));
}

TEST(Http, splits_targets_of_proxies_too) {
  EXPECT_EQ(split_target("/a?b#c").path, "/a");
  EXPECT_EQ(split_target("/a?b#c").query, "b");
  EXPECT_EQ(split_target("https://s3.amazonaws.com/a?b").path, "/a");
  EXPECT_EQ(split_target("https://s3.amazonaws.com").path, "");
  EXPECT_EQ(split_target("*").path, "*");
}

TEST(Http, takes_needless_escapes_out_of_a_path) {
  EXPECT_EQ(plain_target("/%61pi/v%31/a%2Db%5f%7E"), "/api/v1/a-b_~");
  EXPECT_EQ(plain_target("/a%2Fb%3A%25%2561?%61=%31"), "/a%2Fb%3A%25%2561?%61=%31");
  EXPECT_EQ(plain_target("/a%"), "/a%");
  EXPECT_EQ(plain_target("/a%4?"), "/a%4?");
  EXPECT_EQ(plain_target(""), "");
}

}  // namespace
}  // namespace plumbline::cloud
