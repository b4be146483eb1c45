#include "agent/decode/dns_answer.hpp"

#include <gmock/gmock.h>

#include "tests/unit/support/dns_message.hpp"

namespace plumbline::agent {
namespace {

using test::dns_a;
using test::dns_aaaa;
using test::dns_cname;
using test::DnsMessage;
using ::testing::ElementsAre;

const std::string asked = DnsMessage::pointer(DnsMessage::question);
const std::string four = "\x0a\x01\x02\x03", other_four = "\x0a\x01\x02\x04";
const std::string host = "ec2.eu-west-1.amazonaws.com";

IpAddress v4(const std::string& bytes) {
  IpAddress address{};
  address[10] = address[11] = 0xff;
  std::copy(bytes.begin(), bytes.end(), address.begin() + 12);
  return address;
}

TEST(DnsAnswer, gives_the_addresses_of_the_name_that_was_asked_for) {
  const auto found = dns_answer(
      DnsMessage("EC2.eu-west-1.AmazonAWS.com").add(asked, dns_a, 60, four).add(asked, dns_a, 20, other_four).bytes());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, host);
  EXPECT_THAT(found->addresses, ElementsAre(v4(four), v4(other_four)));
  EXPECT_EQ(found->ttl, 20u);
}

TEST(DnsAnswer, of_ipv6) {
  const std::string six = "\x2a\x05\xd0\x18\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c";
  const auto found = dns_answer(DnsMessage(host, dns_aaaa).add(asked, dns_aaaa, 60, six).bytes());
  ASSERT_TRUE(found);
  EXPECT_EQ(std::string(found->addresses[0].begin(), found->addresses[0].end()), six);
}

TEST(DnsAnswer, by_way_of_aliases_in_any_order) {
  const std::string one = DnsMessage::name_of("a.example"), two = DnsMessage::name_of("b.example");
  const auto found = dns_answer(DnsMessage(host)
                                    .add(two, dns_a, 60, four)
                                    .add(one, dns_cname, 30, two)
                                    .add(DnsMessage::name_of("stranger.example"), dns_a, 5, other_four)
                                    .add(asked, dns_cname, 300, one)
                                    .bytes());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, host);
  EXPECT_THAT(found->addresses, ElementsAre(v4(four))) << "and not a stranger's";
  EXPECT_EQ(found->ttl, 30u);
}

TEST(DnsAnswer, aliases_that_go_in_a_circle_end) {
  const std::string one = DnsMessage::name_of("a.example");
  EXPECT_FALSE(dns_answer(DnsMessage(host)
                              .add(asked, dns_cname, 60, one)
                              .add(one, dns_cname, 60, asked)
                              .add(DnsMessage::name_of("c.example"), dns_a, 60, four)
                              .bytes()));
}

TEST(DnsAnswer, that_is_none_is_left_alone) {
  const std::string good = DnsMessage(host).add(asked, dns_a, 60, four).bytes();
  ASSERT_TRUE(dns_answer(good));
  for (const auto& [at, byte, why] : {std::tuple{2, '\x01', "a question"},
                                      {2, '\xa8', "another operation"},
                                      {3, '\x83', "no such name"},
                                      {5, '\2', "two questions"},
                                      {5, '\0', "no question"}}) {
    std::string changed = good;
    changed[static_cast<std::size_t>(at)] = byte;
    EXPECT_FALSE(dns_answer(changed)) << why;
  }
  EXPECT_FALSE(dns_answer(DnsMessage(host).bytes())) << "nothing answered";
  EXPECT_FALSE(dns_answer(DnsMessage(host, 16).add(asked, dns_a, 60, four).bytes())) << "asked for text";
  EXPECT_FALSE(dns_answer(DnsMessage(host).add(asked, dns_a, 60, "abc").bytes())) << "no address";
  EXPECT_FALSE(dns_answer(DnsMessage("a b.example").add(asked, dns_a, 60, four).bytes())) << "no host's name";
  EXPECT_FALSE(dns_answer(DnsMessage("").add(asked, dns_a, 60, four).bytes())) << "the root";
}

TEST(DnsAnswer, pointers_only_lead_back) {
  DnsMessage itself(host);
  itself.add(DnsMessage::pointer(itself.size()), dns_a, 60, four);
  EXPECT_FALSE(dns_answer(itself.bytes()));
  DnsMessage ahead(host);
  ahead.add(DnsMessage::pointer(ahead.size() + 2), dns_a, 60, four);
  EXPECT_FALSE(dns_answer(ahead.bytes()));
  std::string each_other = DnsMessage(host).add(asked, dns_a, 60, four).bytes();
  each_other.replace(DnsMessage::question, 2, DnsMessage::pointer(DnsMessage::question));
  EXPECT_FALSE(dns_answer(each_other));
}

TEST(DnsAnswer, names_have_a_length_that_dns_allows) {
  std::string longest;
  while (longest.size() < 245) longest += std::string(longest.empty() ? "" : ".") + "abcdefg";
  longest.resize(253, 'x');
  EXPECT_TRUE(dns_answer(DnsMessage(longest).add(asked, dns_a, 60, four).bytes()));
  EXPECT_FALSE(dns_answer(DnsMessage(longest + "y").add(asked, dns_a, 60, four).bytes()));
}

// The kernel side keeps the first bytes of a long one.
TEST(DnsAnswer, may_be_cut_at_any_byte) {
  const std::string whole = DnsMessage(host).add(asked, dns_a, 60, four).add(asked, dns_a, 60, other_four).bytes();
  std::size_t most = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);  // a copy, so that a read past its end is seen
    const auto found = dns_answer(cut);
    const std::size_t count = found ? found->addresses.size() : 0;
    EXPECT_TRUE(count == most || count == most + 1) << size;
    most = count;
  }
  EXPECT_EQ(most, 2u);
}

}  // namespace
}  // namespace plumbline::agent
