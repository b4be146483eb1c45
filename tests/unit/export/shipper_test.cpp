// What the exporter decides, with the collector's answers given by the test and without time passing.
#include "agent/export/shipper.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>

#include "include/wire/batch.hpp"
#include "include/wire/batch_read.hpp"
#include "tests/unit/export/temp_spool.hpp"

namespace plumbline::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ManualClock final : public Clock {
 public:
  WallNs wall() const override { return now; }
  std::int64_t boot() const override { return now; }
  std::int64_t now = 1'700'000'000'000'000'000;
};

/// Gives the scripted answers and keeps what was sent; a proper acknowledgement where the script is empty.
class ScriptedTransport final : public Transport {
 public:
  Answer post(const std::string& body) override {
    auto batch = wire::decode_batch(wire::zstd_decompress(body, 64 << 20).value(), {}).value();
    std::vector<std::uint64_t> sequences;
    for (const auto& record : batch.records) sequences.push_back(record.sequence);
    sent.push_back(sequences);
    batches.push_back(std::move(batch));
    if (judge) return judge(sequences);
    if (answers.empty()) return ack(sequences.empty() ? 0 : sequences.back());
    Answer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void cancel() noexcept override {}

  static Answer ack(std::uint64_t through) {
    return {200, "{\"accepted_through\":" + std::to_string(through) + ",\"items\":[]}", {}, ""};
  }

  std::deque<Answer> answers;
  std::function<Answer(const std::vector<std::uint64_t>&)> judge;
  std::vector<std::vector<std::uint64_t>> sent;
  std::vector<wire::Batch> batches;
};

class ShipperTest : public testing::Test {
 protected:
  ShipperTest() : spool_(clock_) {
    options_.node_id = "0123456789abcdef0123456789abcdef";
    options_.node = "node-1";
    options_.boot_id = "b";
    options_.agent_version = "1";
    options_.batch_records = 8;
    options_.heartbeat = seconds(15);
    options_.dead_letter_file = spool_.directory + "/dead-letter.ndjson";
    options_.random = [this] { return random_; };
    make();
  }
  void make() { shipper_ = std::make_unique<Shipper>(options_, *spool_.spool, clock_, transport_); }
  void first_heartbeat() {
    shipper_->step();
    transport_.sent.clear();
    transport_.batches.clear();
  }
  std::uint64_t acknowledged() const { return spool_.spool->status().acknowledged; }
  std::vector<std::string> dead_letters() const {
    std::ifstream file(options_.dead_letter_file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  ManualClock clock_;
  TempSpool spool_;
  ScriptedTransport transport_;
  ExporterOptions options_;
  double random_ = 0.5;
  std::unique_ptr<Shipper> shipper_;
};

using Batches = std::vector<std::vector<std::uint64_t>>;

TEST_F(ShipperTest, SaysHelloAtTheStartAndThenOnlyWhenSilent) {
  options_.health = [] { return std::string("{\"spool\":\"ok\"}"); };
  make();
  shipper_->step();
  ASSERT_EQ(transport_.sent, (Batches{{}}));
  EXPECT_EQ(transport_.batches[0].node_id, options_.node_id);
  EXPECT_EQ(transport_.batches[0].health_json, "{\"spool\":\"ok\"}");
  EXPECT_EQ(transport_.batches[0].oldest_unsent, 0u);
  const NextStep quiet = shipper_->step();
  EXPECT_EQ(transport_.sent.size(), 1u);
  EXPECT_TRUE(quiet.on_append);
  EXPECT_EQ(quiet.wait, options_.interval);
  clock_.now += std::chrono::nanoseconds(seconds(15)).count();
  shipper_->step();
  EXPECT_EQ(transport_.sent.size(), 2u);
  EXPECT_EQ(shipper_->status().batches, 2u);
}

TEST_F(ShipperTest, SendsWhatWaitsInBatchesAndAcknowledgesIt) {
  spool_.append(20);
  for (int i = 0; i < 3; ++i) shipper_->step();
  EXPECT_EQ(transport_.sent, (Batches{{1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 16}, {17, 18, 19, 20}}));
  EXPECT_EQ(transport_.batches[1].oldest_unsent, 9u);
  EXPECT_EQ(acknowledged(), 20u);
  const ExporterStatus status = shipper_->status();
  EXPECT_EQ(status.sent, 20u);
  EXPECT_EQ(status.acked, 20u);
  EXPECT_EQ(status.lag_records, 0u);
  EXPECT_EQ(status.oldest_unsent, 0u);
}

TEST_F(ShipperTest, TheFirstOfABurstGoesAtOnceAndTheRestTogether) {
  first_heartbeat();
  spool_.append(1);
  const NextStep after_one = shipper_->step();
  EXPECT_EQ(after_one.wait, options_.pace);
  EXPECT_FALSE(after_one.on_append);
  spool_.append(20);
  EXPECT_EQ(shipper_->step().wait, milliseconds(0)) << "a full batch has more behind it";
  EXPECT_EQ(shipper_->step().wait, milliseconds(0));
  EXPECT_EQ(shipper_->step().wait, options_.pace);
  const NextStep idle = shipper_->step();
  EXPECT_GT(idle.wait, options_.pace);
  EXPECT_TRUE(idle.on_append);
}

TEST_F(ShipperTest, APartialAcknowledgementSendsOnlyTheRestAgain) {
  first_heartbeat();
  spool_.append(5);
  transport_.answers = {ScriptedTransport::ack(3)};
  shipper_->step();
  EXPECT_EQ(acknowledged(), 3u);
  EXPECT_EQ(shipper_->status().oldest_unsent, 4u);
  shipper_->step();
  EXPECT_EQ(transport_.sent, (Batches{{1, 2, 3, 4, 5}, {4, 5}}));
}

TEST_F(ShipperTest, WhatMakesNoSenseIsIgnoredCountedAndSentAgain) {
  first_heartbeat();
  spool_.append(2);
  transport_.answers = {ScriptedTransport::ack(1000),
                        {200, "<html>", {}, ""},
                        {200, "{\"accepted_through\":2,\"ite", {}, ""},
                        {200, "{\"accepted_through\":-1,\"items\":[]}", {}, ""},
                        ScriptedTransport::ack(0)};
  for (int i = 0; i < 5; ++i) {
    const NextStep next = shipper_->step();
    EXPECT_FALSE(next.on_append) << "a failing collector is left alone";
    EXPECT_EQ(acknowledged(), 0u) << i;
  }
  EXPECT_EQ(shipper_->status().protocol_errors, 4u);
  EXPECT_EQ(shipper_->status().retries, 5u);
  EXPECT_EQ(shipper_->status().failures, 5u);
  shipper_->step();
  EXPECT_EQ(acknowledged(), 2u);
  EXPECT_EQ(shipper_->status().failures, 0u);
}

TEST_F(ShipperTest, BacksOffWithFullJitterUpToTheCapForEver) {
  first_heartbeat();
  spool_.append(1);
  options_.backoff_first = milliseconds(250);
  random_ = 1.0;
  make();
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 40; ++i) {
    transport_.answers = {{0, "", {}, "cannot connect"}};
    waits.push_back(std::chrono::duration_cast<milliseconds>(shipper_->step().wait).count());
  }
  EXPECT_EQ(std::vector<std::int64_t>(waits.begin(), waits.begin() + 8),
            (std::vector<std::int64_t>{250, 500, 1000, 2000, 4000, 8000, 16000, 30000}));
  EXPECT_EQ(waits.back(), 30000);
  EXPECT_EQ(shipper_->status().last_error, "cannot connect");
  random_ = 0.25;
  transport_.answers = {{500, "", {}, ""}};
  EXPECT_EQ(shipper_->step().wait, milliseconds(7500));
  shipper_->step();
  EXPECT_EQ(acknowledged(), 1u);
  transport_.answers = {{500, "", {}, ""}};
  spool_.append(1);
  random_ = 1.0;
  EXPECT_EQ(shipper_->step().wait, milliseconds(250)) << "success begins it anew";
}

TEST_F(ShipperTest, ObeysRetryAfterUpToAnHour) {
  first_heartbeat();
  spool_.append(1);
  transport_.answers = {{429, "", seconds(90), ""}, {503, "", std::chrono::hours(100), ""}};
  EXPECT_EQ(shipper_->step().wait, seconds(90));
  EXPECT_EQ(shipper_->step().wait, std::chrono::hours(1));
}

TEST_F(ShipperTest, HalvesARefusedBatchAndSetsAsideOnlyTheBadRecord) {
  first_heartbeat();
  spool_.append(8);
  transport_.judge = [](const std::vector<std::uint64_t>& sequences) -> Answer {
    for (const auto sequence : sequences)
      if (sequence == 6) return {400, "{\"title\":\"no\xc3\"}", {}, ""};
    return ScriptedTransport::ack(sequences.empty() ? 0 : sequences.back());
  };
  for (int i = 0; i < 40 && acknowledged() < 8; ++i) shipper_->step();
  EXPECT_EQ(acknowledged(), 8u);
  const auto lines = dead_letters();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].rfind("{\"sequence\":6,\"type\":\"finding\",\"id\":\"id-6\"", 0), 0u) << lines[0];
  EXPECT_NE(lines[0].find("\"why\":\"HTTP 400 "), std::string::npos);
  EXPECT_NE(lines[0].find("\"body\":{\"finding\":{\"n\":6"), std::string::npos);
  EXPECT_EQ(shipper_->status().dead_letters, 1u);
  EXPECT_EQ(shipper_->status().acked, 7u);
  EXPECT_NE(shipper_->status().last_error.find("record 6"), std::string::npos);
}

TEST_F(ShipperTest, TooLargeABatchIsHalvedToo) {
  first_heartbeat();
  spool_.append(8);
  transport_.judge = [](const std::vector<std::uint64_t>& sequences) -> Answer {
    if (sequences.size() > 3) return {413, "", {}, ""};
    return ScriptedTransport::ack(sequences.back());
  };
  for (int i = 0; i < 20 && acknowledged() < 8; ++i) shipper_->step();
  EXPECT_EQ(acknowledged(), 8u);
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(ShipperTest, ACollectorThatRefusesTheAgentGetsNoRecordSetAside) {
  first_heartbeat();
  spool_.append(3);
  transport_.judge = [](const std::vector<std::uint64_t>&) -> Answer { return {400, "who are you", {}, ""}; };
  for (int i = 0; i < 50; ++i) shipper_->step();
  EXPECT_EQ(acknowledged(), 0u);
  EXPECT_TRUE(dead_letters().empty());
  EXPECT_NE(shipper_->status().last_error.find("refuses this agent"), std::string::npos)
      << shipper_->status().last_error;
}

TEST_F(ShipperTest, ACollectorThatRefusesEveryRecordIsWaitedOut) {
  first_heartbeat();
  spool_.append(40);
  bool healed = false;
  transport_.judge = [&](const std::vector<std::uint64_t>& sequences) -> Answer {
    if (!sequences.empty() && !healed) return {422, "", {}, ""};
    return ScriptedTransport::ack(sequences.empty() ? 0 : sequences.back());
  };
  for (int i = 0; i < 500; ++i) shipper_->step();
  EXPECT_EQ(dead_letters().size(), 16u);
  EXPECT_EQ(acknowledged(), 16u);
  healed = true;
  for (int i = 0; i < 20; ++i) shipper_->step();
  EXPECT_EQ(acknowledged(), 40u);
  EXPECT_EQ(dead_letters().size(), 16u);
}

TEST_F(ShipperTest, UnauthorizedIsNoReasonToSetAside) {
  first_heartbeat();
  spool_.append(1);
  for (int i = 0; i < 30; ++i) {
    transport_.answers = {{401, "", {}, ""}};
    shipper_->step();
  }
  EXPECT_EQ(acknowledged(), 0u);
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(ShipperTest, WithoutADeadLetterFileARefusedRecordStays) {
  options_.dead_letter_file.clear();
  make();
  first_heartbeat();
  spool_.append(2);
  transport_.judge = [](const std::vector<std::uint64_t>& sequences) -> Answer {
    if (!sequences.empty() && sequences.front() == 1) return {400, "", {}, ""};
    return ScriptedTransport::ack(sequences.empty() ? 0 : sequences.back());
  };
  for (int i = 0; i < 50; ++i) shipper_->step();
  EXPECT_EQ(acknowledged(), 0u);
  EXPECT_EQ(shipper_->status().lag_records, 2u);
}

TEST_F(ShipperTest, AHoleInTheSpoolEndsABatchAndIsNotWaitedFor) {
  first_heartbeat();
  spool_.append(6);
  const std::string segment = spool_.directory + "/spool/00000000000000000001.seg";
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  for (const char* victim : {"{\"n\":3", "{\"n\":6"}) {
    file.seekp(static_cast<std::streamoff>(bytes.find(victim)));
    file << '#';
  }
  file.close();
  for (int i = 0; i < 4; ++i) shipper_->step();
  EXPECT_EQ(transport_.sent, (Batches{{1, 2}, {4, 5}}));
  EXPECT_EQ(acknowledged(), 6u);
  EXPECT_EQ(shipper_->status().skipped, 2u);
}

TEST(DeadLetters, AddsOnceRepairsATornEndAndBeginsAnewAtItsBound) {
  ManualClock clock;
  TempSpool spool(clock);
  const std::string path = spool.directory + "/dead.ndjson";
  DeadLetters letters(path, 400);
  const wire::Record one{1, "finding", "id-1", 5, "{\"a\":1}"};
  const wire::Record two{2, "finding", "id-2", 5, "{\"a\":2}"};
  ASSERT_TRUE(letters.add(one, "HTTP 400", 9));
  const auto once = std::filesystem::file_size(path);
  ASSERT_TRUE(letters.add(one, "HTTP 400", 10));
  EXPECT_EQ(std::filesystem::file_size(path), once);
  std::ofstream(path, std::ios::app) << "{\"sequence\":2,\"torn";
  ASSERT_TRUE(letters.add(two, "HTTP 400", 9));
  EXPECT_EQ(std::filesystem::file_size(path), 2 * once);
  const wire::Record large{3, "finding", "id-3", 5, "{\"a\":\"" + std::string(200, 'x') + "\"}"};
  ASSERT_TRUE(letters.add(large, "", 9));
  EXPECT_EQ(std::filesystem::file_size(path + ".old"), 2 * once);
  EXPECT_EQ(letters.forgotten(), 0u);
  ASSERT_TRUE(letters.add({4, "finding", "id-4", 5, large.body}, "", 9));
  EXPECT_EQ(letters.forgotten(), 2u) << "what the older file held";
}

}  // namespace
}  // namespace plumbline::agent
