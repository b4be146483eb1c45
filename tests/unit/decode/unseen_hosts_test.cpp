// Connections of which nothing but the host's name is seen.
#include "agent/decode/unseen_hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UnseenHostsTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t second = 1'000'000'000;

  static mark_actor actor(std::uint32_t pid, std::int64_t at) {
    mark_actor made{};
    made.tgid = pid;
    made.at_boot_ns = static_cast<std::uint64_t>(at);
    return made;
  }

  std::vector<std::string> told_;
  UnseenHosts hosts_{{5 * second, 600 * second, 2, 2}, [this](const mark_actor& who, const UnseenHost& unseen) {
                       told_.push_back(std::to_string(who.tgid) + " " + unseen.named.service + " " +
                                       unseen.named.region + (unseen.by == HostBy::dns ? " by dns" : ""));
                     }};
};

TEST_F(UnseenHostsTest, one_is_told_after_a_while_and_not_again_soon) {
  hosts_.begun(actor(7, second), "ec2.eu-west-1.amazonaws.com");
  hosts_.expire(5 * second);
  EXPECT_THAT(told_, IsEmpty());
  hosts_.expire(6 * second);
  EXPECT_THAT(told_, ElementsAre("7 ec2 eu-west-1"));
  hosts_.begun(actor(7, 10 * second), "ec2.eu-west-1.amazonaws.com");
  hosts_.expire(20 * second);
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_EQ(hosts_.unseen(), 2u);
  hosts_.begun(actor(7, 700 * second), "ec2.eu-west-1.amazonaws.com");
  hosts_.expire(706 * second);
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(UnseenHostsTest, whose_process_was_heard_meanwhile_is_not) {
  hosts_.heard(7, second / 2);  // before
  hosts_.begun(actor(7, second), "ec2.eu-west-1.amazonaws.com");
  hosts_.begun(actor(8, second), "sts.amazonaws.com");
  hosts_.heard(8, 2 * second);
  hosts_.expire(6 * second);
  EXPECT_THAT(told_, ElementsAre("7 ec2 eu-west-1"));
}

TEST_F(UnseenHostsTest, who_asked_is_remembered_for_as_long_as_there_is_room) {
  auto first = actor(7, second);
  first.start_boot_ns = 5;
  hosts_.begun(first, "sts.amazonaws.com");
  hosts_.begun(actor(8, second), "example.org");
  EXPECT_TRUE(hosts_.has_asked(first));
  EXPECT_FALSE(hosts_.has_asked(actor(8, second)));
  auto later = first;
  later.start_boot_ns = 6;
  EXPECT_FALSE(hosts_.has_asked(later)) << "another process of its number";
  for (std::uint32_t pid = 100; pid < 100 + 4096; ++pid) hosts_.begun(actor(pid, 2 * second), "sts.amazonaws.com");
  EXPECT_FALSE(hosts_.has_asked(first));
  EXPECT_TRUE(hosts_.has_asked(actor(100, 0)));
}

TEST_F(UnseenHostsTest, others_than_clouds_are_nobodys_business) {
  for (const char* host : {"example.org", "my-lb-1.eu-west-1.elb.amazonaws.com.evil.example", "localhost"})
    hosts_.begun(actor(7, second), host);
  EXPECT_EQ(hosts_.waiting(), 0u);
}

TEST_F(UnseenHostsTest, how_its_name_is_known_is_told) {
  hosts_.begun(actor(7, second), "sts.amazonaws.com", HostBy::dns);
  hosts_.expire(6 * second);
  EXPECT_THAT(told_, ElementsAre("7 sts  by dns"));
}

TEST_F(UnseenHostsTest, too_many_are_counted) {
  for (std::uint32_t pid = 1; pid <= 3; ++pid) hosts_.begun(actor(pid, second), "compute.googleapis.com");
  hosts_.begun(actor(4, second), "management.azure.com");
  EXPECT_EQ(hosts_.crowded(), 2u);
  hosts_.expire(6 * second);
  EXPECT_THAT(told_, ElementsAre("3 compute ", "4 management "));
}

}  // namespace
}  // namespace plumbline::agent
