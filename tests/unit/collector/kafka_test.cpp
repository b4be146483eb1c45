// The Kafka sink against librdkafka's own mock cluster, a double that speaks the protocol over loopback and fails as it
// is told. The real broker is in tests/siem/kafka_test.py.
#include "collector/forward/kafka.hpp"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "collector/forward/kafka_answers.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/rows.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using Outcome = Delivery::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int16_t produce_request = 0;  // ApiKey of Kafka's protocol
const std::string topic = "drift";

struct Message {
  std::string key, value, record_uid, type;
};

std::string header_of(const rd_kafka_message_t* message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return "";
  return {static_cast<const char*>(value), size};
}

class Kafka : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<char, 256> why{};
    auto* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why.data(), why.size());  // it has no broker of its own, and says so
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    ASSERT_NE(owner_, nullptr) << why.data();
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
    rd_kafka_mock_topic_create(cluster_, topic.c_str(), 1, 1);
    options_.brokers = {rd_kafka_mock_cluster_bootstraps(cluster_)};
    options_.topic = topic;
    options_.tls = false;
    // Longer than any test may take: what waits for it hangs, and is seen.
    options_.timeout = std::chrono::minutes(20);
  }
  void TearDown() override {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }

  std::unique_ptr<Sink> sink() { return make_kafka_sink(options_).value(); }
  void fail(std::vector<rd_kafka_resp_err_t> codes) {
    rd_kafka_mock_push_request_errors_array(cluster_, produce_request, codes.size(), codes.data());
  }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  /// What stands in the topic, from its beginning to its end.
  std::vector<Message> read() {
    std::array<char, 256> why{};
    auto* conf = rd_kafka_conf_new();
    for (const auto& [key, value] : std::vector<std::pair<const char*, std::string>>{
             {"bootstrap.servers", options_.brokers[0]}, {"group.id", "t"}, {"enable.partition.eof", "true"}})
      rd_kafka_conf_set(conf, key, value.c_str(), why.data(), why.size());
    auto* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size());
    auto* all = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(all, topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
    std::vector<Message> found;
    for (bool end = false; !end;) {
      auto* message = rd_kafka_consumer_poll(consumer, 1000);
      if (message == nullptr) continue;
      end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        found.push_back({{static_cast<char*>(message->key), message->key_len},
                         {static_cast<char*>(message->payload), message->len},
                         header_of(message, "record_uid"),
                         header_of(message, "type")});
      rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return found;
  }

  static std::vector<std::string> uids_of(const std::vector<Message>& messages) {
    std::vector<std::string> uids;
    for (const auto& message : messages) uids.push_back(message.record_uid);
    return uids;
  }
  static std::vector<std::string> uids_of(const std::vector<LedgerRecord>& records) {
    std::vector<std::string> uids;
    for (const auto& record : records) uids.push_back(record.node_id + "/" + record.id);
    return uids;
  }

  TempDirectory directory_;
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  KafkaOptions options_;
};

void expect_all_delivered(const Delivery& delivery, std::size_t count) {
  EXPECT_EQ(delivery.outcome, Outcome::delivered) << delivery.why;
  EXPECT_EQ(delivery.count, count);
  for (const auto& exception : delivery.exceptions) ADD_FAILURE() << exception.index << ": " << exception.why;
}

TEST_F(Kafka, records_arrive_in_order_under_their_drift_with_their_id) {
  const auto sent = rows(50);
  expect_all_delivered(sink()->deliver(sent), 50);
  const auto found = read();
  EXPECT_EQ(uids_of(found), uids_of(sent));
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].key, sent[0].node_id + "/d1");
  EXPECT_EQ(found[0].type, "drift");
  EXPECT_EQ(wire::Json::parse(found[0].value)["class_uid"], 2004);
}

TEST_F(Kafka, what_passes_by_itself_does_not_double) {
  fail({RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  const auto sent = rows(5);
  expect_all_delivered(sink()->deliver(sent), 5);
  EXPECT_EQ(uids_of(read()), uids_of(sent));
}

TEST_F(Kafka, what_was_refused_in_company_is_sent_alone) {
  fail({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const auto sent = rows(4);
  expect_all_delivered(sink()->deliver(sent), 4);
  const auto found = uids_of(read());
  const auto wanted = uids_of(sent);
  EXPECT_EQ(found.size(), 4u);
  EXPECT_EQ(std::set(found.begin(), found.end()), std::set(wanted.begin(), wanted.end()));
}

TEST_F(Kafka, what_was_refused_alone_is_a_dead_letter) {
  fail({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const auto delivery = sink()->deliver(rows(1));
  EXPECT_EQ(delivery.outcome, Outcome::delivered) << delivery.why;
  ASSERT_EQ(delivery.exceptions.size(), 1u);
  EXPECT_TRUE(delivery.exceptions[0].refused);
  EXPECT_NE(delivery.exceptions[0].why.find("max.message.bytes of the topic"), std::string::npos)
      << delivery.exceptions[0].why;
}

TEST_F(Kafka, a_record_that_is_too_long_is_refused_before_it_is_sent) {
  options_.max_message_bytes = 8192;
  auto sent = rows(3);
  sent[1].body.insert(1, "\"filler\":\"" + std::string(9000, 'x') + "\",");
  options_.format = Format::plumbline;
  const auto delivery = sink()->deliver(sent);
  ASSERT_EQ(delivery.exceptions.size(), 1u);
  EXPECT_EQ(delivery.exceptions[0].index, 1u);
  EXPECT_TRUE(delivery.exceptions[0].refused);
  EXPECT_NE(delivery.exceptions[0].why.find("max_message_bytes (8192)"), std::string::npos);
  EXPECT_EQ(read().size(), 2u);
}

TEST_F(Kafka, a_topic_that_is_not_there_pauses_until_it_is) {
  rd_kafka_mock_topic_set_error(cluster_, topic.c_str(), RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const auto sink_ = sink();
  const auto sent = rows(3);
  const auto delivery = sink_->deliver(sent);
  EXPECT_EQ(delivery.outcome, Outcome::paused);
  EXPECT_NE(delivery.why.find("create the topic drift"), std::string::npos) << delivery.why;
  rd_kafka_mock_topic_set_error(cluster_, topic.c_str(), RD_KAFKA_RESP_ERR_NO_ERROR);
  expect_all_delivered(sink_->deliver(sent), 3);
  EXPECT_EQ(uids_of(read()), uids_of(sent));
}

TEST_F(Kafka, what_a_person_has_to_grant_pauses_with_its_name) {
  fail({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const auto sink_ = sink();
  const auto sent = rows(3);
  const auto delivery = sink_->deliver(sent);
  EXPECT_EQ(delivery.outcome, Outcome::paused);
  EXPECT_NE(delivery.why.find("grant the user WRITE"), std::string::npos) << delivery.why;
  expect_all_delivered(sink_->deliver(sent), 3);
  EXPECT_EQ(uids_of(read()), uids_of(sent));
}

TEST_F(Kafka, a_cluster_that_is_away_is_told_and_loses_and_doubles_nothing) {
  const auto sink_ = sink();
  auto sent = rows(2);
  expect_all_delivered(sink_->deliver(sent), 2);
  rd_kafka_mock_broker_set_down(cluster_, 1);
  const auto later = rows(6);
  const auto delivery = sink_->deliver(later);
  ASSERT_EQ(delivery.exceptions.size(), 6u);
  for (const auto& exception : delivery.exceptions) EXPECT_FALSE(exception.refused);
  EXPECT_FALSE(delivery.exceptions[0].why.empty());
  rd_kafka_mock_broker_set_up(cluster_, 1);
  // Fewer are offered than are under way, as a rate limit has it.
  expect_all_delivered(sink_->deliver(std::span(later).first(2)), 2);
  expect_all_delivered(sink_->deliver(std::span(later).subspan(2)), 4);
  sent.insert(sent.end(), later.begin(), later.end());
  EXPECT_EQ(uids_of(read()), uids_of(sent));
}

TEST_F(Kafka, cancel_ends_a_delivery_that_waits) {
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 3'600'000);
  const auto sink_ = sink();
  std::thread other([&] { sink_->cancel(); });
  const auto delivery = sink_->deliver(rows(2));
  other.join();
  ASSERT_EQ(delivery.exceptions.size(), 2u);
  EXPECT_FALSE(delivery.exceptions[0].refused);
}

TEST_F(Kafka, many_bytes_go_in_parts) {
  auto sent = rows(5);  // the mock cluster keeps 5 MB
  for (auto& record : sent) record.body.insert(1, "\"filler\":\"" + std::string(900'000, 'x') + "\",");
  options_.format = Format::plumbline;
  const auto sink_ = sink();
  const auto first = sink_->deliver(sent);
  expect_all_delivered(first, 4);
  expect_all_delivered(sink_->deliver(std::span(sent).subspan(4)), 1);
  EXPECT_EQ(uids_of(read()), uids_of(sent));
}

TEST_F(Kafka, files_are_checked_before_anything_is_sent_and_read_again) {
  options_.tls = true;
  options_.ca_file = directory_.path() + "/none.pem";
  const auto none = make_kafka_sink(options_);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message().find("none.pem: No such file"), std::string::npos) << none.error().message();
  options_.ca_file = file("ca.pem", "no certificate\n");
  const auto bad = make_kafka_sink(options_);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message().find("check ca_file"), std::string::npos) << bad.error().message();
  options_.tls = false;
  options_.ca_file.clear();
  options_.sasl_mechanism = "SCRAM-SHA-256";
  options_.sasl_user = "u";
  options_.sasl_password_file = directory_.path() + "/password";
  EXPECT_FALSE(make_kafka_sink(options_));
  file("password", "open sesame\n");
  const auto sink_ = make_kafka_sink(options_);
  ASSERT_TRUE(sink_) << sink_.error().message();
  std::filesystem::remove(options_.sasl_password_file);
  const auto delivery = (*sink_)->deliver(rows(1));
  EXPECT_EQ(delivery.outcome, Outcome::paused);
  EXPECT_NE(delivery.why.find("password"), std::string::npos) << delivery.why;
}

TEST(KafkaAnswers, only_what_a_record_is_to_blame_for_is_refused) {
  EXPECT_EQ(outcome_of_kafka(RD_KAFKA_RESP_ERR_NO_ERROR), Outcome::delivered);
  for (const auto code : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD})
    EXPECT_EQ(outcome_of_kafka(code), Outcome::refused) << rd_kafka_err2name(code);
  for (const auto code : {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__AUTHENTICATION})
    EXPECT_EQ(outcome_of_kafka(code), Outcome::paused) << rd_kafka_err2name(code);
  for (const auto code :
       {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__RESOLVE,
        RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_UNKNOWN})
    EXPECT_EQ(outcome_of_kafka(code), Outcome::retry) << rd_kafka_err2name(code);
}

}  // namespace
}  // namespace plumbline::collector::test
