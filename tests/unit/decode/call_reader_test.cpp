// What of an exchange is kept, which call it is, and which of its tries are told.
#include "agent/decode/call_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "agent/decode/call_tries.hpp"
#include "agent/decode/http_connections.hpp"

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

HttpMessage ec2(const std::string& host = "ec2.eu-west-1.amazonaws.com") {
  HttpMessage head;
  head.method = "POST";
  head.target = "/";
  head.host = host;
  head.add_header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  head.add_header("Authorization",
                  "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, "
                  "SignedHeaders=host, Signature=abc");
  head.add_header("amz-sdk-invocation-id", "11-22");
  return head;
}

TEST(CallReader, wants_the_form_that_names_its_operation) {
  const auto interest = interest_of(ec2());
  EXPECT_TRUE(interest.is_ours);
  EXPECT_FALSE(interest.wanted.ignore);
  EXPECT_GT(interest.wanted.request_bytes, 10'000u);
  EXPECT_GT(interest.wanted.response_bytes, 10'000u);
}

TEST(CallReader, wants_nothing_of_what_only_reads_or_is_no_cloud) {
  HttpMessage get;
  get.method = "GET";
  get.target = "/bucket/key";
  get.host = "s3.amazonaws.com";
  get.add_header("Authorization",
                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/us-east-1/s3/aws4_request, Signature=a");
  EXPECT_TRUE(interest_of(get).wanted.ignore);
  EXPECT_TRUE(interest_of(get).is_ours) << "others of the connection may change something";
  HttpMessage page;
  page.method = "GET";
  page.target = "/index.html";
  page.host = "example.org";
  EXPECT_TRUE(interest_of(page).wanted.ignore);
  EXPECT_FALSE(interest_of(page).is_ours);
}

TEST(CallReader, wants_no_byte_of_an_objects_content) {
  HttpMessage put;
  put.method = "PUT";
  put.target = "/bucket/key";
  put.host = "s3.amazonaws.com";
  put.add_header("Authorization",
                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/us-east-1/s3/aws4_request, Signature=a");
  EXPECT_FALSE(interest_of(put).wanted.ignore);
  EXPECT_EQ(interest_of(put).wanted.request_bytes, 0u);
}

TEST(CallReader, keeps_what_an_answer_may_show_to_be_kubernetes) {
  HttpMessage bare;  // of who is known by a certificate alone
  bare.method = "DELETE";
  bare.target = "/api/v1/namespaces/shop/secrets/key";
  bare.host = "10.0.0.1:8443";
  const auto interest = interest_of(bare);
  EXPECT_FALSE(interest.wanted.ignore);
  EXPECT_GT(interest.wanted.response_bytes, 10'000u);
  EXPECT_FALSE(interest.is_ours) << "anybody may ask so";
  bare.method = "GET";
  EXPECT_TRUE(interest_of(bare).wanted.ignore);
  bare.method = "POST";
  bare.target = "/api/v1/orders";
  EXPECT_TRUE(interest_of(bare).wanted.ignore) << "Kubernetes has no orders";
}

/// 5 GiB in aws-chunked within HTTP's own chunks, after "Expect: 100-continue": known by its head, and nothing of it
/// held.
TEST(CallReader, names_an_upload_of_any_size_and_holds_nothing_of_it) {
  std::vector<ReadCall> calls;
  HttpConnections all({}, {[](const HttpMessage& head, std::uint64_t) { return interest_of(head); },
                           [&](HttpExchange&& exchange, const mark_actor& actor, std::uint64_t) {
                             EXPECT_TRUE(exchange.request.body.empty());
                             calls.push_back(read_call(exchange, actor));
                           },
                           [](const capture_connection_key&) {}, [](const capture_connection_key&) {},
                           [](const mark_actor&) { return false; }});
  std::array<std::uint64_t, 2> at{};
  const auto tell = [&](capture_direction direction, const std::string& text, std::uint32_t length) {
    capture_record record{};
    record.actor.tgid = 7;
    record.connection = 1;
    record.offset = at[direction == CAPTURE_OUT];
    record.length = length;
    record.kept = static_cast<std::uint32_t>(text.size());
    record.direction = static_cast<__u8>(direction);
    at[direction == CAPTURE_OUT] += length;
    all.take(record, text);
    EXPECT_LT(all.counters().http.held_bytes, 4'096u);
  };
  const auto say = [&](capture_direction direction, const std::string& text) {
    tell(direction, text, static_cast<std::uint32_t>(text.size()));
  };
  say(CAPTURE_OUT,
      "PUT /logs/big HTTP/1.1\r\nHost: s3.amazonaws.com\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
      "Content-Encoding: aws-chunked\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n"
      "x-amz-decoded-content-length: 5368709120\r\nAuthorization: AWS4-HMAC-SHA256 "
      "Credential=AKIAIOSFODNN7EXAMPLE/20261127/us-east-1/s3/aws4_request, Signature=a\r\n\r\n");
  say(CAPTURE_IN, "HTTP/1.1 100 Continue\r\n\r\n");
  say(CAPTURE_OUT, "140000000\r\n");
  for (int i = 0; i < 5; ++i) tell(CAPTURE_OUT, "10000\r\ncanary", 1U << 30);
  say(CAPTURE_OUT, "\r\n0\r\n\r\n");
  say(CAPTURE_IN, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  all.end_all(1'000);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].operation.operation, "PutObject");
  EXPECT_EQ(calls[0].operation.outcome, cloud::Outcome::succeeded);
  EXPECT_EQ(calls[0].operation.touched.at(0).ids.at(0), "logs/big");
}

/// What hands out credentials is read, though it changes nothing: who acts with them is known by it.
TEST(CallReader, wants_answers_that_hand_out_credentials) {
  HttpMessage session;
  session.method = "POST";
  session.target = "/clusters/prod/assume-role-for-pod-identity";
  session.host = "eks-auth.eu-west-1.api.aws";
  EXPECT_FALSE(interest_of(session).wanted.ignore);
  EXPECT_GT(interest_of(session).wanted.response_bytes, 10'000u);
  session.target = "/clusters/prod/something-else";
  EXPECT_EQ(interest_of(session).wanted.request_bytes, 0u);
}

TEST(CallReader, names_the_call_and_its_outcome) {
  HttpExchange exchange;
  exchange.request = ec2();
  exchange.request.body = "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-1";
  exchange.last_seen = 99;
  HttpMessage answer;
  answer.status = 200;
  answer.body =
      "<DeleteSecurityGroupResponse><requestId>r-1</requestId><return>true</return></DeleteSecurityGroupResponse>";
  exchange.response = std::move(answer);
  mark_actor actor{};
  actor.tgid = 7;
  const auto call = read_call(exchange, actor);
  EXPECT_EQ(call.operation.service, "ec2");
  EXPECT_EQ(call.operation.operation, "DeleteSecurityGroup");
  EXPECT_EQ(call.operation.outcome, cloud::Outcome::succeeded);
  EXPECT_EQ(call.operation.invocation, "11-22");
  EXPECT_EQ(call.host, "ec2.eu-west-1.amazonaws.com");
  EXPECT_EQ(call.status, 200);
  EXPECT_EQ(call.seen_at, 99);
  EXPECT_EQ(call.actor.tgid, 7u);
}

class CallTriesTest : public ::testing::Test {
 protected:
  CallTries make(const CallTries::Options& options = {}) {
    return {options, [this](ReadCall&& call) {
              told.push_back(call.operation.operation + " " + std::string(cloud::word(call.operation.outcome)) + " x" +
                             std::to_string(call.tries));
            }};
  }
  static ReadCall one(const std::string& invocation, cloud::Outcome outcome, int status, std::int64_t at = 0,
                      const std::string& why = {}) {
    ReadCall call;
    call.actor.tgid = 7;
    call.operation.unmapped = cloud::Unmapped::no;
    call.operation.service = "ec2";
    call.operation.operation = "Op" + invocation;
    call.operation.invocation = invocation;
    call.operation.outcome = outcome;
    call.operation.error_code = why;
    call.status = status;
    call.seen_at = at;
    return call;
  }
  std::vector<std::string> told;
};

using cloud::Outcome;

TEST_F(CallTriesTest, that_failed_for_now_are_one_with_the_one_that_did_not) {
  auto tries = make();
  for (int i = 0; i < 3; ++i) tries.take(one("1", Outcome::failed, 503));
  tries.take(one("1", Outcome::failed, 400, 0, "ThrottlingException"));
  EXPECT_THAT(told, IsEmpty());
  tries.take(one("1", Outcome::succeeded, 200));
  EXPECT_THAT(told, ElementsAre("Op1 succeeded x5"));
  EXPECT_EQ(tries.folded(), 4u);
  EXPECT_EQ(tries.waiting(), 0u);
}

TEST_F(CallTriesTest, are_told_at_once_where_nobody_tries_again) {
  auto tries = make();
  tries.take(one("1", Outcome::succeeded, 200));
  tries.take(one("2", Outcome::denied, 403));
  tries.take(one("3", Outcome::failed, 400, 0, "ValidationError"));
  tries.take(one("4", Outcome::dry_run, 412));
  tries.take(one("", Outcome::failed, 503));
  EXPECT_THAT(told,
              ElementsAre("Op1 succeeded x1", "Op2 denied x1", "Op3 failed x1", "Op4 dry_run x1", "Op failed x1"));
}

TEST_F(CallTriesTest, whose_answer_nobody_saw_are_told_when_no_other_came) {
  auto tries = make();
  tries.take(one("1", Outcome::unknown, 0, 1'000'000'000));
  tries.take(one("2", Outcome::unknown, 0, 2'000'000'000));
  tries.expire(31'000'000'000);
  EXPECT_THAT(told, ElementsAre("Op1 unknown x1"));
  tries.tell_all();
  EXPECT_THAT(told, ElementsAre("Op1 unknown x1", "Op2 unknown x1"));
}

TEST_F(CallTriesTest, of_which_one_may_have_worked_leave_it_open_where_the_last_was_refused) {
  auto tries = make();
  tries.take(one("1", Outcome::unknown, 0));
  tries.take(one("1", Outcome::failed, 400, 0, "InvalidPermission.Duplicate"));
  tries.take(one("2", Outcome::unknown, 0));
  tries.take(one("2", Outcome::failed, 503));
  tries.take(one("2", Outcome::denied, 403));
  tries.take(one("3", Outcome::failed, 500));
  tries.take(one("3", Outcome::failed, 409, 0, "AlreadyExists"));
  tries.take(one("4", Outcome::failed, 429));  // it did not
  tries.take(one("4", Outcome::denied, 403));
  tries.take(one("5", Outcome::unknown, 0));
  tries.take(one("5", Outcome::succeeded, 200));
  tries.take(one("6", Outcome::unknown, 0));
  tries.take(one("6", Outcome::failed, 503));
  tries.take(one("7", Outcome::failed, 500));
  tries.take(one("7", Outcome::failed, 500));
  tries.take(one("8", Outcome::failed, 500));
  tries.take(one("8", Outcome::failed, 429));  // and its client gives up
  tries.tell_all();
  EXPECT_THAT(told, ElementsAre("Op1 unknown x2", "Op2 unknown x3", "Op3 unknown x2", "Op4 denied x2",
                                "Op5 succeeded x2", "Op6 unknown x2", "Op7 failed x2", "Op8 unknown x2"));
}

TEST_F(CallTriesTest, of_another_process_are_another_call) {
  auto tries = make();
  tries.take(one("1", Outcome::failed, 500));
  auto other = one("1", Outcome::succeeded, 200);
  other.actor.tgid = 8;
  tries.take(std::move(other));
  EXPECT_THAT(told, ElementsAre("Op1 succeeded x1"));
}

TEST_F(CallTriesTest, that_ask_for_something_else_are_another_call) {
  auto tries = make();
  const auto put = [&](const std::string& bucket, Outcome outcome, int status) {
    auto call = one("1", outcome, status);
    call.operation.parameters.members.push_back({"Bucket", cloud::Value::of_text(bucket)});
    tries.take(std::move(call));
  };
  put("managed", Outcome::unknown, 0);
  put("my-own", Outcome::succeeded, 200);
  EXPECT_THAT(told, ElementsAre("Op1 succeeded x1"));
  tries.tell_all();
  EXPECT_THAT(told, ElementsAre("Op1 succeeded x1", "Op1 unknown x1")) << "nobody hides a call behind another one";
}

TEST_F(CallTriesTest, that_are_too_many_are_told_oldest_first) {
  auto tries = make({.wait_ns = 1, .max_waiting = 2});
  for (const char* id : {"1", "2", "3"}) tries.take(one(id, Outcome::failed, 500));
  EXPECT_THAT(told, ElementsAre("Op1 failed x1"));
  EXPECT_EQ(tries.crowded(), 1u);
}

}  // namespace
}  // namespace plumbline::agent
