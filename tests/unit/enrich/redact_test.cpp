#include "agent/enrich/redact.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;

TEST(RedactArgv, hides_values_of_names_that_sound_secret) {
  EXPECT_THAT(redact_argv({"db", "--password=hunter2", "--token", "abc", "-v"}),
              ElementsAre("db", "--password=***", "--token", "***", "-v"));
  EXPECT_THAT(redact_argv({"sh", "-c", "PGPASSWORD=hunter2 psql -h db"}),
              ElementsAre("sh", "-c", "PGPASSWORD=*** psql -h db"));
  EXPECT_THAT(redact_argv({"x", R"({"api_key": "hunter2", "port": 1})"}),
              ElementsAre("x", R"({"api_key": "***", "port": 1})"));
  EXPECT_THAT(redact_argv({"curl", "https://me:hunter2@host/path"}), ElementsAre("curl", "https://me:***@host/path"));
}

TEST(RedactArgv, leaves_the_rest_alone) {
  EXPECT_THAT(redact_argv({"vi", "/etc/nginx.conf", "a=b", "http://host:80/x@y"}),
              ElementsAre("vi", "/etc/nginx.conf", "a=b", "http://host:80/x@y"));
  EXPECT_THAT(redact_argv({}), ElementsAre());
}

}  // namespace
}  // namespace plumbline::agent
