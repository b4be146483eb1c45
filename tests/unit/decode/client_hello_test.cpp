// Names out of ClientHellos, as OpenSSL makes them and as nobody should.
#include "agent/decode/client_hello.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/client_hello.hpp"

namespace plumbline::agent {
namespace {

using test::hello;
using ::testing::Optional;

TEST(ClientHello, names_the_host_in_every_version) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    EXPECT_THAT(server_name(hello("S3.eu-west-1.amazonaws.com", version)),
                Optional(std::string("s3.eu-west-1.amazonaws.com")));
}

TEST(ClientHello, without_a_name_there_is_none) {
  EXPECT_FALSE(server_name(hello(nullptr)));
}

TEST(ClientHello, what_is_no_name_of_dns_is_none) {
  for (const char* name : {"a b", "evil\"quote", "line\nbreak", "/path"})
    EXPECT_FALSE(server_name(hello(name))) << name;
  EXPECT_FALSE(server_name(hello(std::string(254, 'a').c_str())));
}

TEST(ClientHello, may_be_cut_at_any_byte) {
  const std::string whole = hello("ec2.eu-west-1.amazonaws.com");
  std::size_t shortest = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);  // a copy, so that a read past its end is seen
    const auto name = server_name(cut);
    if (name) {
      EXPECT_EQ(*name, "ec2.eu-west-1.amazonaws.com");
      if (shortest == 0) shortest = size;
    } else {
      EXPECT_EQ(shortest, 0u) << "with more bytes it is not known again: " << size;
    }
  }
  EXPECT_GT(shortest, 0u);
}

TEST(ClientHello, other_messages_are_none) {
  std::string bytes = hello("ec2.eu-west-1.amazonaws.com");
  bytes[5] = 2;  // ServerHello
  EXPECT_FALSE(server_name(bytes));
  EXPECT_FALSE(server_name("GET / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\n\r\n"));
}

}  // namespace
}  // namespace plumbline::agent
