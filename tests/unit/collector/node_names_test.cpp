#include "collector/ingest/node_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::collector {
namespace {

using ::testing::HasSubstr;

const http::Caller web_1{"the certificate of web-1", false, {"web-1", "web-1.example"}};
const http::Caller web_2{"the certificate of web-2", false, {"web-2"}};
const http::Caller renamed{"the certificate of web-2", false, {"web-1", "web-9"}};
const http::Caller anybody{"the agents' token", true, {}};

TEST(NodeNames, a_caller_speaks_for_his_node_alone) {
  NodeNames names;
  EXPECT_EQ(names.claim("a", "web-1", &web_1), "");
  EXPECT_EQ(names.claim("b", "web-1.example", &web_1), "");
  EXPECT_THAT(names.claim("c", "web-1", &web_2),
              HasSubstr("the certificate of web-2 may not speak for the node web-1"));
  EXPECT_THAT(names.claim("c", "", &web_2), HasSubstr("without a name"));
}

TEST(NodeNames, an_id_is_of_whom_it_first_came) {
  NodeNames names;
  EXPECT_EQ(names.claim("a", "web-1", &web_1), "");
  EXPECT_THAT(names.claim("a", "web-2", &web_2), HasSubstr("the node id a is that of web-1"));
  EXPECT_EQ(names.claim("a", "web-1", &web_1), "") << "and stays his";
  EXPECT_EQ(names.claim("a", "web-9", &renamed), "") << "who may speak for both renames it";
  EXPECT_THAT(names.claim("a", "web-1", &web_1), HasSubstr("is that of web-9"));
}

TEST(NodeNames, who_is_not_asked_claims_what_he_likes) {
  NodeNames names;
  EXPECT_EQ(names.claim("a", "web-1", nullptr), "");
  EXPECT_EQ(names.claim("a", "web-2", &anybody), "");
  EXPECT_EQ(names.claim("a", "web-2", &web_2), "");
}

}  // namespace
}  // namespace plumbline::collector
