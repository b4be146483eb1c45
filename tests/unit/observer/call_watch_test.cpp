// The listening thread: from copied plaintext to calls that wait, with probes that are a double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <thread>

#include "agent/seen_call.hpp"
#include "tests/unit/observer/call_watch_fixture.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Says that a process asked for a cloud's host, once.
class FakeHellos final : public Hellos {
 public:
  explicit FakeHellos(std::uint32_t pid) : pid_(pid) { ::eventfd_write(ring_.get(), 1); }
  int ring_fd() const override { return ring_.get(); }
  void consume(const Sample& sample) override {
    eventfd_t waiting = 0;
    if (::eventfd_read(ring_.get(), &waiting) != 0) return;
    hello_record record{};
    record.actor.tgid = pid_;
    record.actor.at_boot_ns = 500;
    std::memcpy(record.actor.comm, "java", 5);
    static const std::string name = "ec2.eu-west-1.amazonaws.com";
    const auto size = [](std::size_t n) { return std::string{static_cast<char>(n >> 8), static_cast<char>(n)}; };
    const std::string names = std::string("\0", 1) + size(name.size()) + name;
    const std::string extension = std::string("\0\0", 2) + size(names.size() + 2) + size(names.size()) + names;
    const std::string body =
        std::string(34, 'r') + std::string("\0\0\2\x13\1\1\0", 7) + size(extension.size()) + extension;
    const std::string hello =
        std::string("\x16\3\1", 3) + size(body.size() + 4) + std::string("\1\0", 2) + size(body.size()) + body;
    record.length = record.kept = static_cast<std::uint32_t>(hello.size());
    std::memcpy(record.data, hello.data(), hello.size());
    sample(record);
  }
  hello_counters read_counters() const override { return {1, 0, 0}; }

 private:
  const std::uint32_t pid_;
  const Fd ring_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_F(CallWatchTest, a_call_waits_to_be_taken) {
  start();
  call(1, "sg-1");
  wait_until_woken();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
  EXPECT_THAT(taken(), ElementsAre());
}

TEST_F(CallWatchTest, which_stack_of_cloudformation_is_changed) {
  start();
  for (const char* body : {"Action=UpdateStack&Version=2010-05-15&StackName=shop&UsePreviousTemplate=true",
                           "Action=ExecuteChangeSet&Version=2010-05-15&StackName=shop&ChangeSetName=c1",
                           "Action=SetStackPolicy&Version=2010-05-15&StackName=shop&StackPolicyBody=%7B%7D"}) {
    capture_->write(1, CAPTURE_OUT, signed_form("cloudformation", "AKIAIOSFODNN7EXAMPLE", body));
    capture_->write(1, CAPTURE_IN, answer("<r/>"));
  }
  wait_until_woken();
  watch_->stop();
  std::vector<std::string> stacks;
  for (ReadCall call; watch_->take(call);) stacks.push_back(seen_call_of(call).stack);
  EXPECT_THAT(stacks, ElementsAre("shop", "shop", ""));
}

TEST_F(CallWatchTest, which_change_set_is_of_which_stack) {
  start();
  const std::string arn = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/c1/5d1c";
  const std::string made = "<CreateChangeSetResponse><CreateChangeSetResult><Id>" + arn +
                           "</Id><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/77</StackId>"
                           "</CreateChangeSetResult></CreateChangeSetResponse>";
  capture_->write(1, CAPTURE_OUT,
                  signed_form("cloudformation", "AKIAIOSFODNN7EXAMPLE",
                              "Action=CreateChangeSet&Version=2010-05-15&StackName=shop&ChangeSetName=c1"));
  capture_->write(1, CAPTURE_IN, answer(made));
  capture_->write(1, CAPTURE_OUT,
                  signed_form("cloudformation", "AKIAIOSFODNN7EXAMPLE",
                              "Action=ExecuteChangeSet&Version=2010-05-15&ChangeSetName=" + arn));
  capture_->write(1, CAPTURE_IN, answer("<r/>"));
  wait_until_woken();
  watch_->stop();
  std::vector<SeenCall> calls;
  for (ReadCall call; watch_->take(call);) calls.push_back(seen_call_of(call));
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].change_set, arn);
  EXPECT_EQ(calls[0].made_for, "shop");
  EXPECT_EQ(calls[0].stack, "") << "nothing changes yet";
  EXPECT_EQ(calls[1].change_set, arn);
  EXPECT_EQ(calls[1].made_for, "");
}

TEST_F(CallWatchTest, a_list_without_secrets_is_in_the_states_terms) {
  start();
  capture_->write(
      1, CAPTURE_OUT,
      signed_form(
          "ec2", "AKIAIOSFODNN7EXAMPLE",
          "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp"
          "&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"));
  capture_->write(1, CAPTURE_IN, answer("<r/>"));
  wait_until_woken();
  watch_->stop();
  ReadCall call;
  ASSERT_TRUE(watch_->take(call));
  const SeenCall seen = seen_call_of(call);
  std::size_t lists = 0;
  for (const auto& target : seen.targets)
    for (const auto& type : *target.types)
      for (const auto& setting : type.settings)
        if (setting.attribute == "ingress") {
          ++lists;
          EXPECT_FALSE(setting.is_as_sent);
          EXPECT_THAT(setting.json.value_or(""), HasSubstr("0.0.0.0/0"));
        }
  EXPECT_GT(lists, 0u);
}

using Said = std::pair<std::uint64_t, std::optional<bool>>;

TEST_F(CallWatchTest, who_is_out_of_scope_is_left_alone) {
  proc_.write("7/cgroup", "0::/left/alone\n");
  proc_.write("7/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1");
  start();
  capture_->write(1, CAPTURE_OUT, request("sg-1"));
  capture_->write(1, CAPTURE_IN, answer());
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre());
  EXPECT_THAT(capture_->scopes, ElementsAre(Said(1, true)));
}

TEST_F(CallWatchTest, whether_a_cgroup_is_left_alone_is_answered_when_something_is_executed_there) {
  for (const auto& [pid, cgroup] : {std::pair("7", "/left/alone/below"), {"8", "/looked/at"}}) {
    proc_.write(pid + std::string("/cgroup"), "0::" + std::string(cgroup) + "\n");
    proc_.write(pid + std::string("/stat"), "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1");
  }
  start();
  capture_->execute(7, 100);
  capture_->execute(8, 101);
  capture_->execute(9, 102);  // gone by now
  watch_->stop();
  EXPECT_THAT(capture_->scopes, ElementsAre(Said(100, true), Said(101, false), Said(102, std::nullopt)));
  const auto scope = wire::Json::parse(watch_->status_json())["scope"];
  EXPECT_EQ(scope["cgroups"], 2);
  EXPECT_EQ(scope["cgroups_excluded"], 1);
}

TEST_F(CallWatchTest, who_is_out_of_scope_is_not_told_as_unseen) {
  proc_.write("7/cgroup", "0::/left/alone\n");
  proc_.write("7/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1");
  clock_.pass(std::chrono::seconds(60));
  start(100, std::make_unique<FakeHellos>(7));
  while (wire::Json::parse(watch_->status_json())["connections_unseen"] != 1) std::this_thread::yield();
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre());
}

TEST_F(CallWatchTest, who_is_out_of_scope_is_not_heard_without_tls_either) {
  proc_.write("8/cgroup", "0::/left/alone\n");
  proc_.write("8/stat", "8 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1");
  start();
  plain_->write(5, "127.0.0.1:4566", PLAIN_OUT, request("sg-1"));
  plain_->write(5, "127.0.0.1:4566", PLAIN_IN, answer());
  while (plain_->ignored().empty()) std::this_thread::yield();
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre());
}

TEST_F(CallWatchTest, what_is_under_way_is_told_at_a_stop) {
  start();
  capture_->write(1, CAPTURE_OUT, request("sg-1"));
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup unknown"));
}

TEST_F(CallWatchTest, where_nobody_takes_calls_the_ring_is_left_and_a_stop_does_not_hang) {
  start(1);
  for (std::uint64_t i = 1; i <= 5; ++i) call(i, "sg-" + std::to_string(i));
  wait_until_woken();
  watch_->stop();
  EXPECT_EQ(taken().size(), 5u);
}

TEST_F(CallWatchTest, a_loss_is_told_with_the_time_that_holds_it) {
  start();
  const WallNs before = clock_.wall();
  call(1, "sg-1");
  wait_until_woken();
  clock_.pass(std::chrono::seconds(5));
  capture_->lose(3);
  watch_->stop();
  const auto lost = watch_->take_lost();
  EXPECT_EQ(lost.pieces, 3u);
  EXPECT_GE(lost.from, before);
  EXPECT_LE(lost.from, before + 5'000'000'000);
  EXPECT_EQ(lost.until, before + 5'000'000'000);
  EXPECT_EQ(watch_->take_lost().pieces, 0u);
}

TEST_F(CallWatchTest, a_request_of_which_too_little_was_read_is_lost) {
  start();
  std::string cut = request("sg-1");
  cut.resize(cut.find("Action="));  // the form that names the operation never came
  capture_->write(1, CAPTURE_OUT, cut);
  watch_->stop();
  EXPECT_THAT(taken(), IsEmpty());
  EXPECT_EQ(watch_->take_lost().pieces, 1u);
}

TEST_F(CallWatchTest, what_was_kept_for_its_answer_and_is_nobodys_is_not_lost) {
  start();
  capture_->write(1, CAPTURE_OUT,
                  "DELETE /api/v1/namespaces/shop/pods/a HTTP/1.1\r\nHost: somebody\r\nContent-Length: 9\r\n\r\n{");
  watch_->stop();
  EXPECT_THAT(taken(), IsEmpty());
  EXPECT_EQ(watch_->take_lost().pieces, 0u);
  EXPECT_THAT(watch_->metrics_text(), HasSubstr("plumbline_calls_unmapped_total 0\n"));
}

TEST_F(CallWatchTest, a_connection_of_which_nothing_is_seen_is_told_with_its_host) {
  clock_.pass(std::chrono::seconds(60));
  start(100, std::make_unique<FakeHellos>(9));
  call(1, "sg-1");  // by another process
  wait_until_woken();
  const auto is_told = [this] {
    const auto spots = watch_->blind_spots();
    return std::any_of(spots.begin(), spots.end(), [](const auto& one) { return one.id == "calls_unseen"; });
  };
  while (!is_told()) std::this_thread::yield();
  EXPECT_THAT(taken(), ::testing::Contains("unknown unknown"));
  const auto spots = watch_->blind_spots();
  EXPECT_THAT(spots,
              ::testing::Contains(::testing::Field(&wire::BlindSpot::scope, "java → ec2.eu-west-1.amazonaws.com")));
}

TEST_F(CallWatchTest, one_whose_process_is_heard_is_not) {
  start(100, std::make_unique<FakeHellos>(7));
  call(1, "sg-1");
  wait_until_woken();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
  clock_.pass(std::chrono::seconds(20));
  call(2, "sg-2");
  wait_until_woken();  // and the turn that follows is done before a stop
  watch_->stop();
  EXPECT_THAT(taken(), ElementsAre("DeleteSecurityGroup succeeded"));
}

/// A role that is assumed changes nothing; who acts as it afterwards is known by it.
TEST_F(CallWatchTest, who_assumed_a_role_is_known_by_it) {
  start();
  const std::string role = "arn:aws:sts::123456789012:assumed-role/deployer/ci";
  capture_->write(1, CAPTURE_OUT,
                  signed_form("sts", "AKIAIOSFODNN7EXAMPLE",
                              "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdeployer"));
  capture_->write(1, CAPTURE_IN,
                  answer("<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>" + role +
                         "</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>"
                         "<SecretAccessKey>canary</SecretAccessKey></Credentials></AssumeRoleResult>"
                         "</AssumeRoleResponse>"));
  capture_->write(2, CAPTURE_OUT, request("sg-1", "ASIAIOSFODNN7EXAMPLE"));
  capture_->write(2, CAPTURE_IN, answer());
  capture_->write(3, CAPTURE_OUT, request("sg-2"));
  capture_->write(3, CAPTURE_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall by_role, by_key, more;
  ASSERT_TRUE(watch_->take(by_role) && watch_->take(by_key));
  EXPECT_FALSE(watch_->take(more));
  EXPECT_EQ(by_role.principal_arn, role);
  const auto seen = seen_call_of(by_role).call;
  EXPECT_EQ(seen.principal, "ASIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(seen.principal_arn, role);
  EXPECT_THAT(seen.principal_chain, ElementsAre("AKIAIOSFODNN7EXAMPLE"));
  EXPECT_EQ(seen.principal_proof, "observed");
  const auto other = seen_call_of(by_key).call;
  EXPECT_EQ(other.principal_arn, "");
  EXPECT_EQ(other.principal_proof, "claimed");
}

/// At a host that is nobody's a call is known by its signature.
TEST_F(CallWatchTest, a_call_without_tls_is_a_call) {
  start();
  std::string local = request("sg-1");
  local.replace(local.find("ec2.eu-west-1.amazonaws.com"), 27, "localhost:4566");
  plain_->write(1, "127.0.0.1:4566", PLAIN_OUT, local.substr(0, 40));
  plain_->write(1, "127.0.0.1:4566", PLAIN_OUT, local.substr(40));
  plain_->write(1, "127.0.0.1:4566", PLAIN_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall call, more;
  ASSERT_TRUE(watch_->take(call));
  EXPECT_FALSE(watch_->take(more));
  EXPECT_EQ(call.operation.operation, "DeleteSecurityGroup");
  EXPECT_EQ(call.operation.region, "eu-west-1");
  EXPECT_EQ(call.operation.outcome, cloud::Outcome::succeeded);
  EXPECT_EQ(call.actor.tgid, 8u);
  EXPECT_EQ(call.host, "localhost:4566");
}

TEST_F(CallWatchTest, metadata_services_are_listened_to_and_what_is_configured) {
  start();
  EXPECT_THAT(plain_->endpoints(), ElementsAre("169.254.169.254:80", "[fd00:ec2::254]:80", "169.254.170.2:80",
                                               "169.254.170.23:80", "[fd00:ec2::23]:80", "127.0.0.1:4566"));
  watch_->set_plain_urls({});
  EXPECT_EQ(plain_->endpoints().size(), 5u);
}

/// Credentials that the instance was given, and a call with them over TLS. What another address says is not believed,
/// whatever its path.
TEST_F(CallWatchTest, who_got_credentials_of_a_metadata_service_is_known_by_its_role) {
  start();
  const auto hand_out = [&](std::uint64_t connection, const std::string& address, const std::string& role,
                            const std::string& key) {
    plain_->write(connection, address, PLAIN_OUT,
                  "GET /latest/meta-data/iam/security-credentials/" + role +
                      " HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token: canary\r\n\r\n");
    plain_->write(connection, address, PLAIN_IN,
                  answer(R"({"Code": "Success", "AccessKeyId": ")" + key +
                         R"(", "SecretAccessKey": "canary", "Token": "canary"})"));
  };
  hand_out(1, "169.254.169.254:80", "web", "ASIAIOSFODNN7EXAMPLE");
  hand_out(2, "127.0.0.1:4566", "admin", "ASIAIOSFODNN7EXAMPLF");
  while (watch_->metrics_text().find("plumbline_credentials_handed_out_total 1") == std::string::npos) {
    clock_.pass(std::chrono::seconds(2));
    std::this_thread::yield();
  }
  capture_->write(2, CAPTURE_OUT, request("sg-1", "ASIAIOSFODNN7EXAMPLE"));
  capture_->write(2, CAPTURE_IN, answer());
  capture_->write(3, CAPTURE_OUT, request("sg-2", "ASIAIOSFODNN7EXAMPLF"));
  capture_->write(3, CAPTURE_IN, answer());
  wait_until_woken();
  watch_->stop();
  ReadCall by_role, by_key;
  ASSERT_TRUE(watch_->take(by_role) && watch_->take(by_key));
  const auto seen = seen_call_of(by_role).call;
  EXPECT_THAT(seen.principal_chain, ElementsAre("role/web", "imds"));
  EXPECT_EQ(seen.principal_proof, "observed");
  EXPECT_EQ(seen_call_of(by_key).call.principal_proof, "claimed");
  EXPECT_THAT(watch_->status_json() + watch_->metrics_text(), ::testing::Not(HasSubstr("canary")));
}

TEST_F(CallWatchTest, an_endpoint_that_nobody_knows_is_ignored_in_its_kernel_side) {
  start();
  for (int i = 0; i < 16; ++i) plain_->write(5, "127.0.0.1:4566", PLAIN_OUT, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  while (plain_->ignored().empty()) std::this_thread::yield();
  watch_->stop();
  EXPECT_THAT(plain_->ignored(), ElementsAre(5u));
}

TEST_F(CallWatchTest, says_what_it_sees_and_nothing_that_is_secret) {
  start();
  call(1, "sg-1");
  wait_until_woken();
  watch_->stop();
  EXPECT_THAT(watch_->status_json(), HasSubstr(R"("calls":1)"));
  EXPECT_THAT(watch_->metrics_text(), HasSubstr("plumbline_http_requests_total 1\n"));
  EXPECT_THAT(watch_->status_json() + watch_->metrics_text(), ::testing::Not(HasSubstr("canary")));
  EXPECT_FALSE(watch_->blind_spots().empty());
}

}  // namespace
}  // namespace plumbline::agent
