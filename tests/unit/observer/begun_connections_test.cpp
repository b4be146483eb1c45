// By what a connection is named: what its client says, else what DNS said of its address.
#include "agent/begun_connections.hpp"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/unit/support/client_hello.hpp"
#include "tests/unit/support/dns_message.hpp"

namespace plumbline::agent {
namespace {

using test::DnsMessage;
using test::hello;
using ::testing::ElementsAre;

class FakeHellos final : public Hellos {
 public:
  std::vector<hello_record> records;
  std::function<void()> before;
  int ring_fd() const override { return -1; }
  void consume(const Sample& sample) override {
    if (before) before();
    for (const auto& record : std::exchange(records, {})) sample(record);
  }
  hello_counters read_counters() const override { return {}; }
};

class FakeAnswers final : public DnsAnswers {
 public:
  std::vector<dns_record> records;
  int ring_fd() const override { return -1; }
  void consume(const Sample& sample) override {
    for (const auto& record : std::exchange(records, {})) sample(record);
  }
  dns_counters read_counters() const override { return {}; }
};

class BegunConnectionsTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t here = 7;  // a network namespace

  void answer(const std::string& name, std::uint8_t last, std::uint32_t net_ns = here) {
    const std::string address{10, 0, 0, static_cast<char>(last)};
    const auto bytes =
        DnsMessage(name).add(DnsMessage::pointer(DnsMessage::question), test::dns_a, 60, address).bytes();
    auto& record = answers_->records.emplace_back();
    record.net_ns = net_ns;
    record.length = record.kept = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(record.data, bytes.data(), bytes.size());
  }
  void connection(const std::string& bytes, std::uint8_t last) {
    auto& record = hellos_->records.emplace_back();
    record.actor.tgid = 1;
    record.net_ns = here;
    const std::uint8_t address[] = {0xff, 0xff, 10, 0, 0, last};
    std::memcpy(record.address + 10, address, sizeof address);
    record.length = record.kept = static_cast<std::uint32_t>(std::min(bytes.size(), sizeof record.data));
    std::memcpy(record.data, bytes.data(), record.kept);
  }
  std::vector<std::string> told() {
    connections_.take();
    connections_.expire(INT64_MAX / 2);
    return std::exchange(told_, {});
  }

  FakeHellos* hellos_ = new FakeHellos;  // connections_ owns both
  FakeAnswers* answers_ = new FakeAnswers;
  std::vector<std::string> told_;
  SystemClock clock_;
  BegunConnections connections_{std::unique_ptr<Hellos>(hellos_),
                                std::unique_ptr<DnsAnswers>(answers_),
                                {},
                                [this](const mark_actor&, const UnseenHost& unseen) {
                                  told_.push_back(unseen.host + (unseen.by == HostBy::dns ? " dns" : " sni"));
                                },
                                clock_};
};

const std::string ec2 = "ec2.eu-west-1.amazonaws.com", sts = "sts.eu-west-1.amazonaws.com";

TEST_F(BegunConnectionsTest, what_a_client_asks_for_is_believed_first) {
  answer(ec2, 1);
  connection(hello(sts.c_str()), 1);
  EXPECT_THAT(told(), ElementsAre(sts + " sni"));
}

TEST_F(BegunConnectionsTest, without_a_name_the_address_tells) {
  answer(ec2, 1);
  answer(sts, 2, here + 1);
  connection(hello(nullptr), 1);
  connection(hello(nullptr), 2);
  connection(hello(nullptr), 3);
  EXPECT_THAT(told(), ElementsAre(ec2 + " dns")) << "what others were told is nobody's business";
  EXPECT_EQ(connections_.counts().unnamed, 3u);
  EXPECT_EQ(connections_.counts().named_by_dns, 1u);
}

TEST_F(BegunConnectionsTest, a_message_in_two_pieces_has_none) {
  answer(ec2, 1);
  connection(hello(sts.c_str()).substr(0, 60), 1);
  EXPECT_THAT(told(), ElementsAre(ec2 + " dns"));
}

TEST_F(BegunConnectionsTest, the_name_beside_an_encrypted_one_is_not_whom_it_wants) {
  std::string encrypted = hello("front.example");
  const std::string session_ticket("\0\x23\0\0", 4);
  const auto at = encrypted.find(session_ticket);
  ASSERT_NE(at, std::string::npos);
  encrypted.replace(at, 2, "\xfe\x0d");
  answer(ec2, 1);
  connection(encrypted, 1);
  connection(hello("front.example"), 1);
  EXPECT_THAT(told(), ElementsAre(ec2 + " dns")) << "and one that is not encrypted is somebody else's";
}

// Its answer was there before it connected, and is read before it is asked for.
TEST_F(BegunConnectionsTest, an_answer_that_comes_while_hellos_are_read_is_not_too_late) {
  hellos_->before = [&] { answer(ec2, 1); };
  connection(hello(nullptr), 1);
  EXPECT_THAT(told(), ElementsAre(ec2 + " dns"));
}

}  // namespace
}  // namespace plumbline::agent
