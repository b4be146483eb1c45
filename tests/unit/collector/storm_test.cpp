// The same change on many nodes is one thing for people, and silences hold back what they are told.
#include <gtest/gtest.h>

#include <fstream>

#include "collector/forward/forwarder.hpp"
#include "collector/forward/pagerduty.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/webhook.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::DriftState;
using wire::Json;
using Outcome = Delivery::Outcome;

constexpr const char* sshd = "file:/etc/ssh/sshd_config";

Made node_number(int i) {
  const std::string digits = std::to_string(i);
  return {std::string(32 - digits.size(), '0') + digits, "b0000000", "node-" + digits};
}

class Storm : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    std::ofstream(directory_.path() + "/routing") << "R0UT1NG\n";
    std::ofstream(directory_.path() + "/chat") << receiver_.url("/chat") << "\n";
  }
  void TearDown() override {
    forwarder_.reset();
    store_.reset();
  }
  void open() {
    store_.reset();
    store_ = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  }
  /// One record of the drift of `resource` on node `i`.
  void put(int i, const std::string& resource, DriftState state = DriftState::open,
           wire::Severity severity = wire::Severity::high) {
    const Made node = node_number(i);
    ASSERT_TRUE(store_now(*store_, batch(node, {finding(node, ++sequence_[i], resource, "d-" + resource, state,
                                                        "/etc/app.conf", severity)})));
  }
  std::vector<LedgerRecord> ledger(std::uint64_t after = 0) {
    return store_->ledger_after(after, 10'000, std::size_t{1} << 30).value();
  }
  std::unique_ptr<Sink> pagerduty(bool by_fleet = true) {
    PagerdutyOptions options;
    options.http.url = receiver_.url("/v2/enqueue");
    options.routing_key_file = directory_.path() + "/routing";
    options.by_fleet = by_fleet;
    options.group_wait = milliseconds(1);
    return make_pagerduty_sink(options, store_.get(), watchdog_, clock_).value();
  }
  std::unique_ptr<Sink> chat() {
    SlackOptions options;
    options.url_file = directory_.path() + "/chat";
    options.digest_interval = milliseconds(1);
    return make_slack_sink(options, watchdog_, clock_).value();
  }
  void forward(std::unique_ptr<Sink> sink, bool heeds_silences = true) {
    ForwarderOptions options;
    options.name = "people";
    options.heeds_silences = heeds_silences;
    forwarder_ = std::make_unique<Forwarder>(options, std::move(sink), *store_, clock_);
    forwarder_->start();
  }
  /// Waits until the sink has passed all that the ledger has now.
  void settle() {
    ASSERT_TRUE(eventually([&] { return forwarder_->status().cursor == store_->stats().last_seq; }))
        << forwarder_->status().last_error;
  }
  AlertSilence silence(const std::string& resource, const std::string& node = "", const std::string& severity = "") {
    AlertSilence made;
    made.resource = resource;
    made.node = node;
    made.max_severity = severity;
    made.until = clock_.wall() + 3600 * second;
    made.reason = "a rollout";
    made.created_by = "local";
    made.created_at = clock_.wall();
    return store_->add_silence(made).value();
  }
  Json event(std::size_t i) { return Json::parse(receiver_.requests().at(i).body); }
  std::size_t events() { return receiver_.requests().size(); }

  TempDirectory directory_;
  SystemClock clock_;
  std::shared_ptr<Watchdog> watchdog_ = std::make_shared<Watchdog>();
  std::function<int(std::size_t)> answer_ = [](std::size_t) { return 202; };
  Receiver receiver_{[this](const Received&, std::size_t n) { return Answer::status(answer_(n)); }};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Forwarder> forwarder_;
  std::map<int, std::uint64_t> sequence_;
};

// One change on many nodes -------------------------------------------------------------------------------------------

TEST_F(Storm, one_change_on_many_nodes_is_one_line_of_a_digest) {
  for (int i = 1; i <= 30; ++i) put(i, sshd);
  put(31, sshd, DriftState::resolved);
  put(32, "file:/etc/other");
  const std::string text = Json::parse(slack_message(ledger()))["text"];
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("open `" + std::string(sshd) + "` on 30 nodes (node-1, node-2, node-3, …): mode by"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("open `file:/etc/other` on node-32: mode"), std::string::npos) << text;
}

TEST_F(Storm, other_live_values_are_another_line) {
  put(1, sshd);
  put(2, sshd);
  auto rows = ledger();
  for (auto at = rows[1].body.find("0666"); at != std::string::npos; at = rows[1].body.find("0666"))
    rows[1].body.replace(at, 4, "0777");
  const std::string text = Json::parse(slack_message(rows))["text"];
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST_F(Storm, one_change_on_many_nodes_is_one_page_until_the_last_is_done) {
  for (int i = 1; i <= 200; ++i) put(i, sshd);
  const auto sink = pagerduty();
  const auto opened = ledger();
  EXPECT_EQ(sink->deliver(opened).count, 200u);
  ASSERT_EQ(events(), 1u);
  const Json trigger = event(0);
  EXPECT_EQ(trigger["event_action"], "trigger");
  EXPECT_NE(trigger["payload"]["summary"].get<std::string>().find("on 200 nodes (node-1, node-10, node-100, …)"),
            std::string::npos)
      << trigger;
  const Json details = trigger["payload"]["custom_details"];
  EXPECT_EQ(details["nodes"], 200);
  EXPECT_EQ(details["first_nodes"].size(), 20u);
  EXPECT_EQ(details["different_changes"], 1);

  for (int i = 1; i <= 199; ++i) put(i, sshd, DriftState::resolved);
  EXPECT_EQ(sink->deliver(ledger(200)).count, 199u);
  EXPECT_EQ(events(), 1u) << "one node has it still: neither an end nor another page";
  put(200, sshd, DriftState::resolved);
  EXPECT_EQ(sink->deliver(ledger(399)).count, 1u);
  ASSERT_EQ(events(), 2u);
  EXPECT_EQ(event(1)["event_action"], "resolve");
  EXPECT_EQ(event(1)["dedup_key"], trigger["dedup_key"]);
}

TEST_F(Storm, an_end_that_races_an_opening_leaves_the_page) {
  put(1, sshd);
  const auto sink = pagerduty();
  sink->deliver(ledger());
  put(1, sshd, DriftState::resolved);
  put(2, sshd);  // committed before the end is delivered
  const auto rest = ledger(1);
  sink->deliver(std::span(rest).first(1));
  EXPECT_EQ(events(), 1u) << "node 2 has it open";
  sink->deliver(std::span(rest).last(1));
  ASSERT_EQ(events(), 2u);
  EXPECT_EQ(event(1)["event_action"], "trigger");
}

TEST_F(Storm, what_was_over_before_it_could_be_told_is_no_page) {
  put(1, sshd);
  put(1, sshd, DriftState::resolved);
  const auto rows = ledger();
  EXPECT_EQ(pagerduty()->deliver(rows).count, 2u);
  ASSERT_EQ(events(), 1u);
  EXPECT_EQ(event(0)["event_action"], "resolve");
}

TEST_F(Storm, a_page_each_node_is_there_for_who_asks) {
  put(1, sshd);
  put(2, sshd);
  const auto sink = pagerduty(false);
  EXPECT_EQ(sink->pace().max_records, 1u);
  for (const auto& row : ledger()) sink->deliver(std::span(&row, 1));
  ASSERT_EQ(events(), 2u);
  EXPECT_NE(event(0)["dedup_key"], event(1)["dedup_key"]);
}

TEST_F(Storm, incidents_of_a_batch_fail_by_themselves) {
  for (int i = 1; i <= 3; ++i) put(i, "file:/etc/" + std::to_string(i % 2));
  const auto rows = ledger();
  answer_ = [](std::size_t n) { return n == 0 ? 202 : 429; };
  const Delivery later = pagerduty()->deliver(rows);
  EXPECT_EQ(later.outcome, Outcome::delivered);
  ASSERT_EQ(later.exceptions.size(), 1u);
  EXPECT_EQ(later.exceptions[0].index, 1u);
  EXPECT_FALSE(later.exceptions[0].refused);
  EXPECT_EQ(later.retry_after, seconds(60));
  answer_ = [](std::size_t n) { return n == 2 ? 400 : 202; };
  const Delivery refused = pagerduty()->deliver(rows);
  ASSERT_EQ(refused.exceptions.size(), 2u) << "both records of the first incident";
  EXPECT_TRUE(refused.exceptions[0].refused);
  EXPECT_EQ(refused.exceptions[1].index, 2u);
  answer_ = [](std::size_t) { return 403; };
  EXPECT_EQ(pagerduty()->deliver(rows).outcome, Outcome::paused);
}

TEST_F(Storm, what_is_below_the_least_severity_neither_pages_nor_counts) {
  put(1, sshd, DriftState::open, wire::Severity::low);
  const auto sink = pagerduty();
  sink->deliver(ledger());
  EXPECT_EQ(events(), 0u);
  put(2, sshd);
  sink->deliver(ledger(1));
  ASSERT_EQ(events(), 1u);
  EXPECT_EQ(event(0)["payload"]["custom_details"]["nodes"], 1);
}

// Silences -----------------------------------------------------------------------------------------------------------

TEST_F(Storm, a_silence_holds_back_until_its_end_and_then_what_is_open_is_told) {
  put(1, sshd);
  forward(chat());
  ASSERT_TRUE(receiver_.wait_for(1));
  const auto made = silence("file:/etc/*");
  put(2, sshd);
  put(3, sshd);
  put(3, sshd, DriftState::resolved);
  put(4, "file:/srv/other");
  settle();
  EXPECT_EQ(forwarder_->status().silenced, 2u);
  std::string told;
  for (const auto& request : receiver_.requests()) told += request.body;
  EXPECT_EQ(told.find("node-2"), std::string::npos) << told;
  EXPECT_NE(told.find("resolved `" + std::string(sshd) + "` on node-3"), std::string::npos) << "an end is told";
  EXPECT_NE(told.find("node-4"), std::string::npos) << told;
  const auto before = events();
  ASSERT_TRUE(store_->end_silence(made.id, "ann", clock_.wall()));
  settle();
  ASSERT_EQ(events(), before + 1);
  const std::string after = event(before)["text"];
  EXPECT_NE(after.find("node-2"), std::string::npos) << after;
  EXPECT_EQ(after.find("node-1"), std::string::npos) << "it was told before the silence: " << after;
  EXPECT_EQ(after.find("node-3"), std::string::npos) << "it is over: " << after;
}

TEST_F(Storm, a_sink_that_was_down_comes_to_the_same_result) {
  const auto made = silence("", "node-2");
  put(1, sshd);
  put(2, sshd);
  ASSERT_TRUE(store_->end_silence(made.id, "ann", clock_.wall()));
  put(3, sshd);
  forward(chat());  // reads all of it only now
  settle();
  std::string told;
  for (const auto& request : receiver_.requests()) told += Json::parse(request.body)["text"].get<std::string>();
  EXPECT_NE(told.find("on 3 nodes (node-1, node-2, node-3)"), std::string::npos) << told;
}

TEST_F(Storm, held_by_two_silences_it_is_told_at_the_end_of_the_last) {
  const auto first = silence(sshd), last = silence("", "node-1");
  put(1, sshd);
  put(2, sshd);
  forward(chat());
  ASSERT_TRUE(store_->end_silence(first.id, "ann", clock_.wall()));
  settle();
  ASSERT_EQ(events(), 1u);
  EXPECT_EQ(event(0)["text"].get<std::string>().find("node-1"), std::string::npos) << event(0);
  ASSERT_TRUE(store_->end_silence(last.id, "ann", clock_.wall()));
  settle();
  ASSERT_EQ(events(), 2u);
  EXPECT_NE(event(1)["text"].get<std::string>().find("node-1"), std::string::npos) << event(1);
}

TEST_F(Storm, more_than_one_look_was_held_back) {
  const auto made = silence(sshd);
  for (int i = 1; i <= 250; ++i) put(i, sshd);
  ASSERT_TRUE(store_->end_silence(made.id, "ann", clock_.wall()));
  forward(pagerduty());
  settle();
  EXPECT_EQ(forwarder_->status().delivered, 250u);
  EXPECT_EQ(event(events() - 1)["payload"]["custom_details"]["nodes"], 250);
}

TEST_F(Storm, what_is_worse_than_the_silence_says_is_told) {
  silence(sshd, "", "medium");
  put(1, sshd, DriftState::open, wire::Severity::medium);
  put(2, sshd, DriftState::open, wire::Severity::high);
  forward(chat());
  settle();
  ASSERT_EQ(events(), 1u);
  EXPECT_NE(event(0)["text"].get<std::string>().find("node-2"), std::string::npos) << event(0);
  EXPECT_EQ(forwarder_->status().silenced, 1u);
}

TEST_F(Storm, a_page_counts_no_node_that_is_silenced) {
  silence("", "node-2");
  put(1, sshd);
  put(2, sshd);
  forward(pagerduty());
  settle();
  ASSERT_EQ(events(), 1u);
  EXPECT_EQ(event(0)["payload"]["custom_details"]["nodes"], 1);
  put(1, sshd, DriftState::resolved);
  settle();
  ASSERT_EQ(events(), 2u);
  EXPECT_EQ(event(1)["event_action"], "resolve") << "nobody is woken for node 2";
}

TEST_F(Storm, sinks_that_keep_records_get_all_of_it) {
  const auto made = silence(sshd);
  put(1, sshd);
  ASSERT_TRUE(store_->end_silence(made.id, "ann", clock_.wall()));
  forward(make_webhook_sink({receiver_.url(), "", "", seconds(10)}, watchdog_, clock_).value(), false);
  settle();
  ASSERT_EQ(events(), 3u);
  EXPECT_EQ(event(0)["type"], "dev.plumbline.alert_silence");
  EXPECT_EQ(event(1)["type"], "dev.plumbline.finding");
  EXPECT_EQ(event(2)["data"]["alert_silence"]["state"], "ended");
  EXPECT_EQ(forwarder_->status().silenced, 0u);
}

}  // namespace
}  // namespace plumbline::collector::test
