// What a host's name alone says.
#include "cloud/named_host.hpp"

#include <gtest/gtest.h>

namespace plumbline::cloud {
namespace {

std::string told(std::string_view host) {
  const auto named = named_host(host);
  if (!named) return "";
  return std::to_string(static_cast<int>(named->provider)) + " " + named->service + " " + named->region;
}

TEST(NamedHost, is_a_service_of_a_cloud) {
  EXPECT_EQ(told("ec2.eu-west-1.amazonaws.com"), "1 ec2 eu-west-1");
  EXPECT_EQ(told("bucket.s3.us-west-2.amazonaws.com"), "1 s3 us-west-2");
  EXPECT_EQ(told("iam.amazonaws.com"), "1 iam ");
  EXPECT_EQ(told("compute.googleapis.com"), "2 compute ");
  EXPECT_EQ(told("management.azure.com"), "3 management ");
}

TEST(NamedHost, what_runs_there_is_none) {
  for (const char* host : {"my-lb-123.eu-west-1.elb.amazonaws.com", "abc.execute-api.eu-west-1.amazonaws.com",
                           "db-1.abc.eu-west-1.rds.amazonaws.com", "my-lb-123.eu-west-1.elb.amazonaws.com.example",
                           "example.org", "", "amazonaws.com", "10.0.0.1"})
    EXPECT_EQ(told(host), "") << host;
}

}  // namespace
}  // namespace plumbline::cloud
