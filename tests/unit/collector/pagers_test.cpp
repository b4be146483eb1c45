// Sinks for who is woken, and who wants to know: what is open is told, what ended ends, and a hook that is gone pauses.
#include <gtest/gtest.h>

#include <map>

#include "collector/forward/alertmanager.hpp"
#include "collector/forward/pagerduty.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/teams.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/rows.hpp"
#include "tests/unit/collector/sinks_fixture.hpp"

namespace plumbline::collector::test {
namespace {

using Outcome = Delivery::Outcome;
using std::chrono::seconds;

class Pagers : public Sinks {};

LedgerRecord closed(std::uint64_t i) {
  const std::string drift = "d" + std::to_string(i);
  return row_of(finding({}, 100 + i, "file:/etc/" + std::to_string(i), drift, wire::DriftState::resolved), drift,
                "resolved");
}

// Alertmanager -------------------------------------------------------------------------------------------------------

TEST_F(Pagers, alertmanager_hears_of_what_is_open_again_and_of_its_end) {
  Receiver receiver([](const Received&, std::size_t) { return Answer::status(200); });
  const auto store = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  ASSERT_TRUE(store_now(*store, batch({}, {finding({}, 1, "file:/etc/1", "d1"), finding({}, 2, "file:/etc/2", "d2")})));
  ASSERT_TRUE(store_now(*store, batch({}, {finding({}, 3, "file:/etc/2", "d2", wire::DriftState::resolved)})));
  AlertmanagerOptions options;
  options.http = http(receiver, "/am");
  const auto sink = make_alertmanager_sink(options, store.get(), watchdog_, clock_).value();
  const auto ledger = store->ledger_after(0, 10, 1 << 20).value();
  ASSERT_EQ(sink->deliver(ledger).count, 3u);
  ASSERT_EQ(sink->refresh().outcome, Outcome::delivered);
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].request_line, "POST /am/api/v2/alerts HTTP/1.1");
  const auto told = wire::Json::parse(requests[0].body);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0]["labels"]["alertname"], "PlumblineDrift");
  EXPECT_EQ(told[1]["labels"], told[2]["labels"]) << "labels are the identity, so the end has those of the beginning";
  EXPECT_GT(parse_rfc3339(told[0]["endsAt"].get<std::string>()).value(), clock_.wall() + 200 * second);
  EXPECT_LT(parse_rfc3339(told[2]["endsAt"].get<std::string>()).value(), clock_.wall());
  const auto again = wire::Json::parse(requests[1].body);
  ASSERT_EQ(again.size(), 1u) << "only what is open";
  EXPECT_EQ(again[0]["labels"], told[0]["labels"]);
}

/// A verdict (pending) and a fight of two writers (contested) are no ends; an acceptance and a rule that suppresses
/// are.
TEST_F(Pagers, alertmanager_hears_again_of_all_that_needs_somebody) {
  Receiver receiver([](const Received&, std::size_t) { return Answer::status(200); });
  const auto store = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  wire::Record pending = finding({}, 1, "file:/etc/1", "d1");
  const std::string word = R"("verdict":"out_of_band")";
  for (std::size_t at = 0; (at = pending.body.find(word, at)) != std::string::npos;)
    pending.body.replace(at, word.size(), R"("verdict":"pending")");
  ASSERT_NE(pending.body.find(R"("verdict":"pending")"), std::string::npos);
  ASSERT_TRUE(store_now(*store, batch({}, {pending, finding({}, 2, "file:/etc/2", "d2", wire::DriftState::contested),
                                           finding({}, 3, "file:/etc/3", "d3", wire::DriftState::accepted),
                                           finding({}, 4, "file:/etc/4", "d4", wire::DriftState::suppressed)})));
  AlertmanagerOptions options;
  options.http = http(receiver);
  const auto sink = make_alertmanager_sink(options, store.get(), watchdog_, clock_).value();
  ASSERT_EQ(sink->deliver(store->ledger_after(0, 10, 1 << 20).value()).count, 4u);
  ASSERT_EQ(sink->refresh().outcome, Outcome::delivered);
  const auto requests = receiver.requests();
  std::map<std::string, bool> goes_on;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (const auto& alert : wire::Json::parse(requests[i].body)) {
      const bool later = parse_rfc3339(alert["endsAt"].get<std::string>()).value() > clock_.wall();
      goes_on[(i == 0 ? "told " : "again ") + alert["labels"]["drift"].get<std::string>()] = later;
    }
  EXPECT_EQ(goes_on, (std::map<std::string, bool>{{"told d1", true},
                                                  {"told d2", true},
                                                  {"told d3", false},
                                                  {"told d4", false},
                                                  {"again d1", true},
                                                  {"again d2", true}}));
}

// PagerDuty ----------------------------------------------------------------------------------------------------------

TEST_F(Pagers, pagerduty_triggers_and_resolves_one_incident) {
  Receiver receiver([](const Received&, std::size_t) { return json(202, R"({"status":"success"})"); });
  PagerdutyOptions options;
  options.http.url = receiver.url("/v2/enqueue");
  options.routing_key_file = file("routing", "R0UT1NG\n");
  const auto sink = make_pagerduty_sink(options, nullptr, watchdog_, clock_).value();
  EXPECT_EQ(sink->deliver(rows(1)).count, 1u);
  EXPECT_EQ(sink->deliver(std::vector{closed(1)}).count, 1u);
  EXPECT_EQ(sink->deliver(std::vector{row_of(gap({}, 9))}).count, 1u) << "a gap pages nobody";
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 2u);
  const auto trigger = wire::Json::parse(requests[0].body), resolve = wire::Json::parse(requests[1].body);
  EXPECT_EQ(trigger["routing_key"], "R0UT1NG");
  EXPECT_EQ(trigger["event_action"], "trigger");
  EXPECT_EQ(trigger["payload"]["severity"], "error");
  EXPECT_EQ(trigger["payload"]["source"], "node-1");
  EXPECT_EQ(resolve["event_action"], "resolve");
  EXPECT_EQ(resolve["dedup_key"], trigger["dedup_key"]);
  options.min_severity = wire::Severity::critical;
  EXPECT_EQ(make_pagerduty_sink(options, nullptr, watchdog_, clock_).value()->deliver(rows(1)).count, 1u);
  EXPECT_EQ(receiver.requests().size(), 2u) << "below min_severity";
}

/// What a node is said to be is one incident of it, until somebody has looked or the node is forgotten.
TEST_F(Pagers, pagerduty_resolves_what_a_node_is_said_to_be) {
  Receiver receiver([](const Received&, std::size_t) { return json(202, R"({"status":"success"})"); });
  const auto store = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  const Made node;
  const auto put = [&](const std::vector<wire::Record>& records) {
    ASSERT_TRUE(store_now(*store, batch(node, records)));
  };
  put({finding(node, 1, "r")});
  put({finding(node, 3, "r"), finding(node, 5, "r")});  // two holes
  auto forged = finding(node, 5, "r");
  forged.body.replace(forged.body.find("0666"), 4, "0777");
  put({forged});
  ASSERT_TRUE(store->acknowledge_node({node.node_id, "ann", "a disk was full", start + 10 * second}));
  put({finding(node, 9, "r")});
  ASSERT_EQ(store->report_silence(start + 20 * second, hour, start + 20 * second).value(), 1u);
  ASSERT_TRUE(store->forget_node({node.node_id, "ann", "sold", start + 30 * second}));
  PagerdutyOptions options;
  options.http.url = receiver.url();
  options.routing_key_file = file("routing", "R0UT1NG\n");
  const auto sink = make_pagerduty_sink(options, store.get(), watchdog_, clock_).value();
  for (const auto& row : store->ledger_after(0, 100, 1 << 20).value())
    ASSERT_EQ(sink->deliver(std::span(&row, 1)).outcome, Outcome::delivered);
  std::vector<std::string> told;
  for (const auto& request : receiver.requests()) {
    const auto event = wire::Json::parse(request.body);
    const std::string key = event["dedup_key"];
    told.push_back(event["event_action"].get<std::string>() + ' ' + key.substr(key.find('/') + 1));
  }
  EXPECT_EQ(told, (std::vector<std::string>{"trigger sequence_gap", "trigger sequence_gap", "trigger conflict",
                                            "resolve sequence_gap", "resolve conflict", "trigger sequence_gap",
                                            "trigger silence", "resolve sequence_gap", "resolve silence"}));
}

TEST_F(Pagers, alertmanager_hears_again_of_holes_and_conflicts_until_somebody_looked) {
  Receiver receiver([](const Received&, std::size_t) { return Answer::status(200); });
  const auto store = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  const Made node;
  ASSERT_TRUE(store_now(*store, batch(node, {finding(node, 1, "r"), finding(node, 3, "r")})));
  AlertmanagerOptions options;
  options.http = http(receiver);
  const auto sink = make_alertmanager_sink(options, store.get(), watchdog_, clock_).value();
  ASSERT_EQ(sink->deliver(store->ledger_after(0, 10, 1 << 20).value()).outcome, Outcome::delivered);
  ASSERT_EQ(sink->refresh().outcome, Outcome::delivered);
  ASSERT_TRUE(store->acknowledge_node({node.node_id, "ann", "a disk was full", clock_.wall()}));
  ASSERT_EQ(sink->deliver(store->ledger_after(3, 10, 1 << 20).value()).outcome, Outcome::delivered);
  ASSERT_EQ(sink->refresh().outcome, Outcome::delivered);
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 3u) << "the first, again, its end; then nothing is told again";
  std::vector<wire::Json> alerts;
  for (const auto& request : requests) alerts.push_back(wire::Json::parse(request.body)[0]);
  EXPECT_EQ(alerts[0]["labels"]["alertname"], "PlumblineRecordsMissing");
  for (const auto& alert : alerts) EXPECT_EQ(alert["labels"], alerts[0]["labels"]) << "one alert";
  const auto end_of = [](const wire::Json& alert) { return parse_rfc3339(alert["endsAt"].get<std::string>()).value(); };
  EXPECT_GT(end_of(alerts[0]), clock_.wall() + 200 * second);
  EXPECT_GT(end_of(alerts[1]), clock_.wall() + 200 * second);
  EXPECT_LE(end_of(alerts[2]), clock_.wall());
}

TEST_F(Pagers, pagerduty_waits_minutes_when_it_is_too_much) {
  for (const auto& [status, outcome] : std::vector<std::pair<int, Outcome>>{{429, Outcome::retry},
                                                                            {500, Outcome::retry},
                                                                            {400, Outcome::refused},
                                                                            {403, Outcome::paused},
                                                                            {404, Outcome::paused}}) {
    Receiver receiver([s = status](const Received&, std::size_t) { return json(s, "R0UT1NG is no good"); });
    PagerdutyOptions options;
    options.http.url = receiver.url();
    options.routing_key_file = file("routing", "R0UT1NG\n");
    const Delivery delivery = make_pagerduty_sink(options, nullptr, watchdog_, clock_).value()->deliver(rows(1));
    EXPECT_EQ(delivery.outcome, outcome) << status;
    if (status == 429) {
      EXPECT_EQ(delivery.retry_after, seconds(60));
    }
    EXPECT_EQ(delivery.why.find("R0UT1NG"), std::string::npos) << delivery.why;
  }
}

TEST_F(Pagers, pagerduty_pauses_where_the_key_is_wrong_and_not_the_event) {
  const std::string errors = R"({"status":"invalid event","errors":["Length of 'routing_key' is incorrect"]})";
  for (const std::string& body : {std::string("Invalid routing key"), errors}) {
    Receiver receiver([&](const Received&, std::size_t) { return json(400, body); });
    PagerdutyOptions options;
    options.http.url = receiver.url();
    options.routing_key_file = file("routing", "R0UT1NG\n");
    const Delivery delivery = make_pagerduty_sink(options, nullptr, watchdog_, clock_).value()->deliver(rows(1));
    EXPECT_EQ(delivery.outcome, Outcome::paused) << body;
    EXPECT_NE(delivery.why.find(options.routing_key_file), std::string::npos) << delivery.why;
  }
}

// Chats --------------------------------------------------------------------------------------------------------------

/// A hook that was removed is a person's to mend: no digest is given up for it.
TEST_F(Pagers, chats_pause_where_the_hook_is_gone) {
  struct Case {
    int status;
    std::string body;
    Outcome slack, teams;
  };
  const std::string disabled = R"({"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute"}})";
  for (const Case& one :
       std::vector<Case>{{404, "no_service", Outcome::paused, Outcome::paused},
                         {410, "channel_is_archived", Outcome::paused, Outcome::paused},
                         {400, "channel_not_found\n", Outcome::paused, Outcome::refused},
                         {400, disabled, Outcome::refused, Outcome::paused},
                         {400, "invalid_payload", Outcome::refused, Outcome::refused},
                         {400, R"({"error":{"code":"InvalidRequestContent"}})", Outcome::refused, Outcome::refused},
                         {429, "", Outcome::retry, Outcome::retry}}) {
    Receiver receiver([&](const Received&, std::size_t) { return json(one.status, one.body); });
    SlackOptions slack;
    slack.url_file = file("slack", receiver.url() + "\n");
    EXPECT_EQ(make_slack_sink(slack, watchdog_, clock_).value()->deliver(rows(2)).outcome, one.slack) << one.body;
    TeamsOptions teams;
    teams.url_file = file("teams", receiver.url() + "\n");
    EXPECT_EQ(make_teams_sink(teams, watchdog_, clock_).value()->deliver(rows(2)).outcome, one.teams) << one.body;
  }
}

TEST_F(Pagers, the_url_of_a_hook_is_a_secret_and_goes_nowhere_in_clear) {
  SlackOptions options;
  options.url_file = file("slack", "http://hooks.example/services/T0K3N\n");
  const auto sink = make_slack_sink(options, watchdog_, clock_);
  ASSERT_FALSE(sink);
  EXPECT_NE(sink.error().message().find("unencrypted to hooks.example"), std::string::npos) << sink.error().message();
  EXPECT_EQ(sink.error().message().find("T0K3N"), std::string::npos) << sink.error().message();
}

TEST_F(Pagers, teams_gets_an_adaptive_card_that_is_small_and_nobody_elses) {
  std::vector<LedgerRecord> records = {row_of(finding({}, 1, "file:/[x](http://evil)*", "d0"), "d0")};
  for (auto& row : rows(59)) records.push_back(std::move(row));
  const std::string text = teams_message(records);
  EXPECT_LT(text.size(), 28'000u);
  const auto card = wire::Json::parse(text)["attachments"][0]["content"];
  EXPECT_EQ(card["type"], "AdaptiveCard");
  EXPECT_EQ(card["body"][0]["text"], "Plumbline: 60 records");
  EXPECT_EQ(card["body"].size(), 22u);
  EXPECT_NE(card["body"][1]["text"].get<std::string>().find(R"(\[x\](http://evil)\*)"), std::string::npos) << text;
}

}  // namespace
}  // namespace plumbline::collector::test
