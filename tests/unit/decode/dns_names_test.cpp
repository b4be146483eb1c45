#include "agent/decode/dns_names.hpp"

#include <gmock/gmock.h>

namespace plumbline::agent {
namespace {

using ::testing::Optional;

constexpr std::int64_t second = 1'000'000'000;
constexpr std::uint32_t here = 1, elsewhere = 2;  // network namespaces
const std::string ec2 = "ec2.eu-west-1.amazonaws.com", sts = "sts.eu-west-1.amazonaws.com";

IpAddress address(std::uint8_t last) {
  IpAddress made{};
  made.back() = last;
  return made;
}

TEST(DnsNames, are_those_that_were_told_in_the_same_network) {
  DnsNames names({});
  names.learn(here, {ec2, {address(1), address(2)}, 60}, 0);
  EXPECT_THAT(names.name_of(here, address(2), second), Optional(ec2));
  EXPECT_FALSE(names.name_of(elsewhere, address(2), second));
  EXPECT_FALSE(names.name_of(here, address(3), second));
}

TEST(DnsNames, are_of_clouds_alone) {
  DnsNames names({});
  names.learn(here, {"example.org", {address(1)}, 60}, 0);
  EXPECT_EQ(names.size(), 0u);
}

TEST(DnsNames, end_with_their_time_which_has_bounds) {
  DnsNames names({});
  names.learn(here, {ec2, {address(1)}, 5}, 0);
  EXPECT_TRUE(names.name_of(here, address(1), 299 * second));
  EXPECT_FALSE(names.name_of(here, address(1), 300 * second));
  names.learn(here, {ec2, {address(1)}, 1'000'000}, 0);
  names.learn(here, {ec2, {address(1)}, 5}, 0);  // does not shorten it
  EXPECT_TRUE(names.name_of(here, address(1), 3599 * second));
  EXPECT_FALSE(names.name_of(here, address(1), 3600 * second));
  EXPECT_EQ(names.size(), 0u);
}

// Front ends have many names: of one service any will do, of several nobody knows which.
TEST(DnsNames, of_several_services_are_none) {
  DnsNames names({});
  names.learn(here, {"a.s3.eu-west-1.amazonaws.com", {address(1)}, 600}, 0);
  names.learn(here, {"b.s3.eu-west-1.amazonaws.com", {address(1)}, 900}, 0);
  EXPECT_THAT(names.name_of(here, address(1), second), Optional(std::string("b.s3.eu-west-1.amazonaws.com")));
  EXPECT_EQ(names.ambiguous(), 0u);
  names.learn(here, {sts, {address(1)}, 600}, 0);
  EXPECT_FALSE(names.name_of(here, address(1), second));
  EXPECT_EQ(names.ambiguous(), 1u);
}

TEST(DnsNames, too_many_make_room_where_time_is_over_first) {
  DnsNames names({300 * second, 3600 * second, 2, 2});
  names.learn(here, {ec2, {address(1)}, 900}, 0);
  names.learn(here, {ec2, {address(2)}, 600}, 0);
  names.learn(here, {ec2, {address(3)}, 700}, 0);
  EXPECT_EQ(names.size(), 2u);
  EXPECT_EQ(names.crowded(), 1u);
  EXPECT_TRUE(names.name_of(here, address(1), second));
  EXPECT_FALSE(names.name_of(here, address(2), second));
}

// A container that asks for many names, in one network namespace or in several of its own.
TEST(DnsNames, of_one_network_do_not_make_anothers_go) {
  DnsNames names({300 * second, 3600 * second, 8, 4});
  names.learn(here, {ec2, {address(1)}, 300}, 0);
  for (std::uint8_t i = 0; i < 20; ++i) names.learn(elsewhere, {sts, {address(i)}, 3600}, 0);
  EXPECT_EQ(names.size(), 5u);
  EXPECT_TRUE(names.name_of(here, address(1), second));
  for (std::uint32_t network = 3; network < 6; ++network)
    for (std::uint8_t i = 0; i < 20; ++i) names.learn(network, {sts, {address(i)}, 3600}, 0);
  EXPECT_EQ(names.size(), 8u);
  EXPECT_TRUE(names.name_of(here, address(1), second));
  EXPECT_TRUE(names.name_of(5, address(19), second)) << "the newest is known";
}

}  // namespace
}  // namespace plumbline::agent
