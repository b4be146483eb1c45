// The exporter with real sockets, against a strict double of the collector.
#include "agent/export/exporter.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "agent/export/collector_client.hpp"
#include "tests/unit/export/collector_double.hpp"
#include "tests/unit/export/temp_spool.hpp"

namespace plumbline::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ExporterTest : public testing::Test {
 protected:
  ExporterTest() : spool_(clock_) {
    options_.url = collector_.url();
    options_.node_id = "0123456789abcdef0123456789abcdef";
    options_.node = "node-1";
    options_.labels_json = "{\"env\":\"test\"}";
    options_.backoff_first = milliseconds(1);
    options_.backoff_cap = milliseconds(5);
    options_.interval = seconds(60);  // so that only the wake-up can make it quick
    options_.heartbeat = seconds(60);
    options_.dead_letter_file = spool_.directory + "/dead-letter.ndjson";
  }
  void start() {
    exporter_ = std::make_unique<Exporter>(options_, *spool_.spool, clock_);
    exporter_->start();
  }
  void stop() {
    exporter_->stop();
    EXPECT_EQ(collector_.problems, std::vector<std::string>{});
  }
  bool stored(std::uint64_t count) {
    return collector_.wait([&] { return collector_.stored.size() == count; });
  }
  /// The collector stores before it answers, and stop() cuts an answer that is under way.
  void wait_until_acknowledged(std::uint64_t sequence) {
    while (spool_.spool->status().acknowledged < sequence) std::this_thread::yield();
  }
  bool requests(std::uint64_t count) {
    return collector_.wait([&] { return collector_.requests >= count; });
  }

  SystemClock clock_;
  TempSpool spool_;
  CollectorDouble collector_;
  ExporterOptions options_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(ExporterTest, WhatIsAppendedGoesOutAtOnceOverOneConnection) {
  start();
  ASSERT_TRUE(requests(1)) << "the first heartbeat";
  for (std::uint64_t i = 1; i <= 20; ++i) {
    spool_.append(1);
    ASSERT_TRUE(stored(i)) << "the interval is a minute: only the append can have woken it";
  }
  wait_until_acknowledged(20);
  stop();
  EXPECT_EQ(collector_.connections, 1u);
  EXPECT_EQ(collector_.batches[0].labels_json, "{\"env\":\"test\"}");
  EXPECT_EQ(collector_.stored.at(7).body, "{\"finding\":{\"n\":7,\"pad\":\"\"},\"drift\":null}");
  EXPECT_EQ(exporter_->status().acked, 20u);
  EXPECT_EQ(exporter_->status().retries, 0u);
}

TEST_F(ExporterTest, EveryKindOfFailureIsRetriedWithoutLossOrConflict) {
  spool_.append(50, 2000);
  options_.batch_records = 5;
  options_.timeout = milliseconds(400);
  collector_.next({Mood::error_500, Mood::half_answer, Mood::proper, Mood::garbage, Mood::hang_up, Mood::hang_up,
                   Mood::too_much, Mood::proper, Mood::hang, Mood::half_answer, Mood::trickle});
  start();
  ASSERT_TRUE(stored(50));
  stop();
  EXPECT_GE(exporter_->status().retries, 8u);
  EXPECT_EQ(exporter_->status().protocol_errors, 2u);
  EXPECT_GE(collector_.duplicates, 5u) << "what was stored without an acknowledgement came again";
  EXPECT_NE(exporter_->status().last_error, "");
}

TEST_F(ExporterTest, ABusyCollectorIsLeftAloneForAsLongAsItAsks) {
  collector_.next({Mood::busy});
  start();
  ASSERT_TRUE(requests(1));
  const auto before = std::chrono::steady_clock::now();
  spool_.append(1);
  ASSERT_TRUE(stored(1));
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(500)) << "Retry-After was one second";
  stop();
}

TEST_F(ExporterTest, TheCollectorMayBeDownTheWholeTime) {
  {
    const CollectorDouble gone;
    options_.url = gone.url();
  }
  spool_.append(3);
  start();
  while (exporter_->status().failures < 5) std::this_thread::yield();
  exporter_->stop();
  const ExporterStatus status = exporter_->status();
  EXPECT_EQ(status.lag_records, 3u);
  EXPECT_EQ(status.oldest_unsent, 1u);
  EXPECT_NE(status.last_error.find("cannot connect"), std::string::npos) << status.last_error;
  spool_.reopen();
  EXPECT_EQ(spool_.spool->read(0, 10, 1 << 20)->size(), 3u);
}

TEST_F(ExporterTest, ARestartSendsWhatWasLeft) {
  spool_.append(10);
  options_.batch_records = 4;
  start();
  ASSERT_TRUE(stored(10));
  wait_until_acknowledged(10);
  stop();
  exporter_.reset();
  spool_.reopen();
  spool_.append(2);
  start();
  ASSERT_TRUE(stored(12));
  stop();
  EXPECT_EQ(collector_.duplicates, 0u);
}

TEST_F(ExporterTest, StopsAtOnceWhileTheServerHangs) {
  for (const Mood mood : {Mood::hang, Mood::trickle}) {
    const std::uint64_t seen = collector_.requests;
    collector_.next({mood});
    options_.timeout = seconds(300);
    spool_.append(1);
    start();
    ASSERT_TRUE(requests(seen + 1));
    const auto before = std::chrono::steady_clock::now();
    exporter_->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(60)) << "the time-out was five minutes";
    exporter_.reset();
  }
}

TEST_F(ExporterTest, ARecordRefusedForEverIsSetAsideAndTheRestArrives) {
  collector_.refuse(4);
  spool_.append(10);
  start();
  ASSERT_TRUE(stored(9));
  wait_until_acknowledged(10);
  stop();
  EXPECT_EQ(collector_.stored.count(4), 0u);
  EXPECT_EQ(spool_.spool->status().acknowledged, 10u);
  std::ifstream file(options_.dead_letter_file);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(line.rfind("{\"sequence\":4,", 0), 0u);
  EXPECT_FALSE(std::getline(file, line));
}

TEST_F(ExporterTest, SendsTheTokenThatIsInTheFileNow) {
  const std::string path = spool_.directory + "/token";
  std::ofstream(path) << "old\n";
  options_.token_file = path;
  collector_.require_token("new-token");
  spool_.append(1);
  start();
  while (exporter_->status().last_error.find("HTTP 401") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(exporter_->status().last_error.find("old"), std::string::npos);
  std::ofstream(path + ".next") << "new-token\n";
  ASSERT_EQ(std::rename((path + ".next").c_str(), path.c_str()), 0);
  ASSERT_TRUE(stored(1));
  stop();
}

TEST(CollectorClient, RefusesUrlsAndTokensThatMakeNoSense) {
  const SystemClock clock;
  for (const char* url :
       {"", "collector:9650", "ftp://x", "http://", "http://user:hunter2@host", "http://host/?q=1", "http://a b"}) {
    const auto made = make_collector_client({url, "", "", seconds(1)}, clock);
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(made.error().message().find("hunter2"), std::string::npos);
  }
  for (const char* url : {"http://collector.example:9650", "http://127.collector.example:9650"})
    EXPECT_FALSE(make_collector_client({url, "/token", "", seconds(1)}, clock))
        << "a token never travels unencrypted to another machine";
  EXPECT_TRUE(make_collector_client({"https://collector.example:9650/base/", "/token", "", seconds(1)}, clock));
  EXPECT_TRUE(make_collector_client({"http://[::1]:9650", "/token", "", seconds(1)}, clock));
}

TEST(CollectorClient, SaysWhyATokenCannotBeRead) {
  const SystemClock clock;
  const auto client = make_collector_client({"http://127.0.0.1:1", "/nonexistent/token", "", seconds(1)}, clock);
  const Answer answer = client.value()->post("x");
  EXPECT_EQ(answer.status, 0);
  EXPECT_NE(answer.error.find("/nonexistent/token"), std::string::npos) << answer.error;
}

}  // namespace
}  // namespace plumbline::agent
