// Sinks of SIEMs and pagers against strict doubles of their destinations, built from the vendors' documents, which fail
// in every way that these tell of.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "collector/forward/alertmanager.hpp"
#include "collector/forward/cef.hpp"
#include "collector/forward/elasticsearch.hpp"
#include "collector/forward/otlp.hpp"
#include "collector/forward/pagerduty.hpp"
#include "collector/forward/slack.hpp"
#include "collector/forward/splunk.hpp"
#include "collector/forward/syslog.hpp"
#include "collector/forward/teams.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/receiver.hpp"
#include "tests/unit/collector/rows.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using Outcome = Delivery::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

LedgerRecord closed(std::uint64_t i) {
  const std::string drift = "d" + std::to_string(i);
  return row_of(finding({}, 100 + i, "file:/etc/" + std::to_string(i), drift, wire::DriftState::resolved), drift,
                "resolved");
}

Answer json(int status, const std::string& body, const std::string& headers = "") {
  return Answer::status(status, headers, body);
}

class Sinks : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  static PosterOptions http(const Receiver& receiver, const std::string& path = "") {
    PosterOptions options;
    options.url = receiver.url(path);
    options.timeout = seconds(5);
    return options;
  }
  std::unique_ptr<Sink> elasticsearch(const Receiver& receiver) {
    ElasticsearchOptions options;
    options.http = http(receiver);
    options.auth.api_key_file = file("api_key", "aWQ6a2V5\n");
    return make_elasticsearch_sink(options, watchdog_, clock_).value();
  }
  std::unique_ptr<Sink> splunk(const Receiver& receiver, bool acknowledge = true) {
    SplunkOptions options;
    options.http = http(receiver);
    options.token_file = file("token", "0000-1111\n");
    options.acknowledge = acknowledge;
    options.ack_interval = milliseconds(10);
    options.ack_timeout = milliseconds(300);
    return make_splunk_sink(options, watchdog_, clock_).value();
  }

  TempDirectory directory_;
  SystemClock clock_;
  std::shared_ptr<Watchdog> watchdog_ = std::make_shared<Watchdog>();
};

// Elasticsearch ------------------------------------------------------------------------------------------------------

TEST_F(Sinks, bulk_creates_by_id_and_each_item_is_judged_by_itself) {
  Receiver receiver([](const Received&, std::size_t) {
    return json(200, R"({"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409}},
      {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue"}}},
      {"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no date"}}},
      {"create":{"status":503}}]})");
  });
  const auto sink = elasticsearch(receiver);
  const auto records = rows(5);
  const Delivery delivery = sink->deliver(records);
  EXPECT_EQ(delivery.outcome, Outcome::delivered);
  EXPECT_EQ(delivery.count, 5u);
  ASSERT_EQ(delivery.exceptions.size(), 3u);
  EXPECT_EQ(delivery.exceptions[0].index, 2u);
  EXPECT_FALSE(delivery.exceptions[0].refused);
  EXPECT_EQ(delivery.exceptions[1].index, 3u);
  EXPECT_TRUE(delivery.exceptions[1].refused);
  EXPECT_NE(delivery.exceptions[1].why.find("mapper_parsing_exception: no date"), std::string::npos);
  EXPECT_FALSE(delivery.exceptions[2].refused);

  const auto request = receiver.requests().at(0);
  EXPECT_EQ(request.request_line.rfind("POST /_bulk?filter_path=", 0), 0u) << request.request_line;
  EXPECT_EQ(request.headers.at("authorization"), "ApiKey aWQ6a2V5");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-ndjson");
  ASSERT_EQ(request.body.back(), '\n');
  std::istringstream lines(request.body);
  std::string action, text;
  std::getline(lines, action);
  std::getline(lines, text);
  const auto create = wire::Json::parse(action)["create"];
  EXPECT_EQ(create["_index"], "plumbline-findings");
  EXPECT_EQ(create["_id"], records[0].node_id + "/" + records[0].id);
  const auto source = wire::Json::parse(text);
  EXPECT_EQ(source["@timestamp"], rfc3339(records[0].at));
  EXPECT_EQ(source["class_uid"], 2004);
}

TEST_F(Sinks, bulk_answers_that_say_too_little_settle_nothing) {
  for (const std::string& body : {std::string("{}"), std::string("not json"), std::string(R"({"items":[]})"),
                                  std::string(R"({"items":[{"create":{"status":201}}]})"),
                                  std::string(R"({"items":[{"create":{"status":201}},{"index":{"status":201}}]})"),
                                  std::string(R"({"items":[{"create":{"status":201}},{"create":{"status":9}}]})")}) {
    Receiver receiver([&](const Received&, std::size_t) { return json(200, body); });
    EXPECT_EQ(elasticsearch(receiver)->deliver(rows(2)).outcome, Outcome::retry) << body;
  }
}

TEST_F(Sinks, bulk_as_a_whole_has_its_class_too) {
  const std::vector<std::pair<int, Outcome>> classes = {
      {413, Outcome::split},  {400, Outcome::split},  {429, Outcome::retry},  {503, Outcome::retry},
      {401, Outcome::paused}, {403, Outcome::paused}, {404, Outcome::paused}, {302, Outcome::paused}};
  for (const auto& [status, outcome] : classes) {
    Receiver receiver([s = status](const Received&, std::size_t) { return json(s, "{}", "Retry-After: 7\r\n"); });
    const Delivery delivery = elasticsearch(receiver)->deliver(rows(2));
    EXPECT_EQ(delivery.outcome, outcome) << status;
    if (status == 429) {
      EXPECT_EQ(delivery.retry_after, seconds(7));
    }
  }
  EXPECT_EQ(delivery_of_bulk({{403, "no right"}}, 1).outcome, Outcome::paused);
  EXPECT_EQ(delivery_of_bulk({{404, "no index"}}, 1).outcome, Outcome::paused);
  EXPECT_EQ(delivery_of_bulk({{400, "index_closed_exception: closed"}}, 1).outcome, Outcome::paused);
}

TEST_F(Sinks, secrets_are_read_anew_and_never_told) {
  Receiver receiver([](const Received&, std::size_t) { return json(200, R"({"items":[{"create":{"status":201}}]})"); });
  const auto sink = elasticsearch(receiver);
  sink->deliver(rows(1));
  file("api_key", "cm90YXRlZA==");
  sink->deliver(rows(1));
  EXPECT_EQ(receiver.requests()[1].headers.at("authorization"), "ApiKey cm90YXRlZA==");
  file("api_key", "hunter2\nX-Evil: 1");
  const Delivery delivery = sink->deliver(rows(1));
  EXPECT_EQ(delivery.outcome, Outcome::paused);
  EXPECT_EQ(delivery.why.find("hunter2"), std::string::npos) << delivery.why;
  EXPECT_EQ(receiver.requests().size(), 2u);
}

TEST_F(Sinks, basic_and_bearer_go_into_the_header) {
  HttpHeaders headers;
  ASSERT_TRUE(add_authorization({"ann", file("password", "pa:ss\n"), "", ""}, headers));
  ASSERT_TRUE(add_authorization({"", "", "", file("bearer", "t0ken\n")}, headers));
  EXPECT_EQ(headers[0].second, "Basic YW5uOnBhOnNz");
  EXPECT_EQ(headers[1].second, "Bearer t0ken");
}

// Splunk -------------------------------------------------------------------------------------------------------------

TEST_F(Sinks, hec_waits_for_the_indexer) {
  std::atomic<int> polls = 0;
  Receiver receiver([&](const Received& request, std::size_t) {
    if (request.request_line.find("/ack?") == std::string::npos)
      return json(200, R"({"text":"Success","code":0,"ackId":7})");
    return json(200, ++polls < 3 ? R"({"acks":{"7":false}})" : R"({"acks":{"7":true}})");
  });
  const auto records = rows(3);
  const Delivery delivery = splunk(receiver)->deliver(records);
  EXPECT_EQ(delivery.outcome, Outcome::delivered);
  EXPECT_EQ(delivery.count, 3u);
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].request_line, "POST /services/collector/event HTTP/1.1");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Splunk 0000-1111");
  const std::string channel = requests[0].headers.at("x-splunk-request-channel");
  EXPECT_EQ(channel.size(), 36u);
  EXPECT_EQ(requests[1].request_line, "POST /services/collector/ack?channel=" + channel + " HTTP/1.1");
  EXPECT_EQ(requests[1].body, R"({"acks":[7]})");
  const auto first = wire::Json::parse(requests[0].body.substr(0, requests[0].body.find("}{") + 1));
  EXPECT_EQ(first["host"], "node-1");
  EXPECT_EQ(first["sourcetype"], "plumbline:ocsf");
  EXPECT_EQ(first["event"]["finding_info"]["uid"], records[0].node_id + "/d1");
  EXPECT_EQ(first["time"], 1'700'000'001.0);
}

TEST_F(Sinks, hec_sends_again_what_no_indexer_acknowledged) {
  Receiver receiver([&](const Received& request, std::size_t) {
    if (request.request_line.find("/ack?") == std::string::npos)
      return json(200, R"({"text":"Success","code":0,"ackId":0})");
    return json(200, R"({"acks":{"0":false}})");
  });
  const auto sink = splunk(receiver);
  const Delivery delivery = sink->deliver(rows(1));
  EXPECT_EQ(delivery.outcome, Outcome::retry);
  EXPECT_NE(delivery.why.find("acknowledge"), std::string::npos);
  const std::string channel = receiver.requests()[0].headers.at("x-splunk-request-channel");
  sink->deliver(rows(1));
  EXPECT_NE(receiver.requests().back().request_line.find("/ack?channel="), std::string::npos);
  EXPECT_EQ(receiver.requests().back().request_line.find(channel), std::string::npos) << "another channel";
}

TEST_F(Sinks, hec_answers_have_their_classes) {
  struct Case {
    int status;
    std::string body;
    Outcome outcome;
  };
  for (const Case& one : std::vector<Case>{{503, R"({"text":"Server is busy","code":9})", Outcome::retry},
                                           {500, R"({"code":8})", Outcome::retry},
                                           {429, "", Outcome::retry},
                                           {400, R"({"code":6,"invalid-event-number":1})", Outcome::split},
                                           {413, "", Outcome::split},
                                           {400, R"({"code":7})", Outcome::paused},
                                           {400, R"({"code":10})", Outcome::paused},
                                           {400, R"({"code":14})", Outcome::paused},
                                           {403, R"({"code":4})", Outcome::paused},
                                           {401, R"({"code":2})", Outcome::paused},
                                           {404, "", Outcome::paused},
                                           {200, R"({"text":"Success","code":0})", Outcome::paused}}) {
    Receiver receiver([&](const Received&, std::size_t) { return json(one.status, one.body); });
    EXPECT_EQ(splunk(receiver)->deliver(rows(2)).outcome, one.outcome) << one.status << one.body;
  }
  Receiver weak([](const Received&, std::size_t) { return json(200, R"({"text":"Success","code":0})"); });
  EXPECT_EQ(splunk(weak, false)->deliver(rows(2)).outcome, Outcome::delivered);
  EXPECT_EQ(weak.requests()[0].headers.count("x-splunk-request-channel"), 0u);
  Receiver half([](const Received&, std::size_t) {
    return Answer{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"text\"", true, false};
  });
  EXPECT_EQ(splunk(half)->deliver(rows(2)).outcome, Outcome::retry) << "half an answer";
}

// OTLP ---------------------------------------------------------------------------------------------------------------

TEST_F(Sinks, otlp_retries_only_what_the_specification_says) {
  const std::vector<std::pair<int, Outcome>> classes = {
      {429, Outcome::retry},   {502, Outcome::retry},   {503, Outcome::retry},    {504, Outcome::retry},
      {500, Outcome::refused}, {501, Outcome::refused}, {400, Outcome::split},    {413, Outcome::split},
      {401, Outcome::paused},  {404, Outcome::paused},  {200, Outcome::delivered}};
  for (const auto& [status, outcome] : classes) {
    Receiver receiver([s = status](const Received&, std::size_t) { return json(s, "{}", "Retry-After: 3\r\n"); });
    OtlpOptions options;
    options.http = http(receiver, "/v1/logs");
    const Delivery delivery = make_otlp_sink(options, watchdog_, clock_).value()->deliver(rows(2));
    EXPECT_EQ(delivery.outcome, outcome) << status;
    if (outcome == Outcome::retry) {
      EXPECT_EQ(delivery.retry_after, seconds(3));
    }
  }
}

TEST_F(Sinks, otlp_partial_success_is_never_sent_again) {
  Receiver receiver([](const Received&, std::size_t) {
    return json(200, R"({"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}})");
  });
  OtlpOptions options;
  options.http = http(receiver, "/v1/logs");
  const auto records = rows(2);
  const Delivery delivery = make_otlp_sink(options, watchdog_, clock_).value()->deliver(records);
  EXPECT_EQ(delivery.outcome, Outcome::refused);
  EXPECT_NE(delivery.why.find("1 of 2"), std::string::npos);
  EXPECT_NE(delivery.why.find("too old"), std::string::npos);
  const auto request = wire::Json::parse(receiver.requests()[0].body);
  const auto& logs = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
  ASSERT_EQ(logs.size(), 2u);
  EXPECT_EQ(logs[0]["severityNumber"], 17);
  EXPECT_EQ(logs[0]["timeUnixNano"], std::to_string(records[0].at));
  EXPECT_EQ(wire::Json::parse(logs[0]["body"]["stringValue"].get<std::string>())["class_uid"], 2004);
  const PartialSuccess warning = read_otlp_answer(R"({"partialSuccess":{"errorMessage":"a warning"}})");
  EXPECT_EQ(warning.rejected, 0u);
}

// Alertmanager -------------------------------------------------------------------------------------------------------

TEST_F(Sinks, alertmanager_hears_of_what_is_open_again_and_of_its_end) {
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
TEST_F(Sinks, alertmanager_hears_again_of_all_that_needs_somebody) {
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

TEST_F(Sinks, pagerduty_triggers_and_resolves_one_incident) {
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

TEST_F(Sinks, pagerduty_waits_minutes_when_it_is_too_much) {
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

TEST_F(Sinks, pagerduty_pauses_where_the_key_is_wrong_and_not_the_event) {
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
TEST_F(Sinks, chats_pause_where_the_hook_is_gone) {
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

TEST_F(Sinks, the_url_of_a_hook_is_a_secret_and_goes_nowhere_in_clear) {
  SlackOptions options;
  options.url_file = file("slack", "http://hooks.example/services/T0K3N\n");
  const auto sink = make_slack_sink(options, watchdog_, clock_);
  ASSERT_FALSE(sink);
  EXPECT_NE(sink.error().message().find("unencrypted to hooks.example"), std::string::npos) << sink.error().message();
  EXPECT_EQ(sink.error().message().find("T0K3N"), std::string::npos) << sink.error().message();
}

// Teams, and lines of syslog -----------------------------------------------------------------------------------------

TEST_F(Sinks, teams_gets_an_adaptive_card_that_is_small_and_nobody_elses) {
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

TEST(Lines, frames_are_counted_and_bounded) {
  SyslogOptions options;
  const auto row = rows(1)[0];
  const std::string frame = syslog_frame(row, options);
  const auto blank = frame.find(' ');
  EXPECT_EQ(std::stoul(frame.substr(0, blank)), frame.size() - blank - 1);
  EXPECT_EQ(frame.substr(blank + 1, 67), "<107>1 2023-11-14T22:13:21.000000Z node-1 plumbline - drift - {\"act");
  auto large = row;
  auto body = wire::Json::parse(row.body);
  for (const char* part : {"finding", "drift"}) {
    body[part]["where"]["path"] = "/" + std::string(100'000, 'p');
    body[part]["resource"] = std::string(100'000, '"');
    for (int i = 0; i < 100; ++i)
      body[part]["diff"].push_back(
          {{"attribute", std::string(3000, '\\')}, {"expected", std::string(9000, '"')}, {"live", "x"}});
    body[part]["actor"]["process"] = {
        {"pid", 1}, {"exe", "/" + std::string(5000, 'e')}, {"argv", {std::string(9000, 'a')}}};
  }
  large.body = body.dump();
  for (const auto format : {SyslogFormat::json, SyslogFormat::cef, SyslogFormat::leef}) {
    options.format = format;
    options.max_message_bytes = 32'768;
    EXPECT_FALSE(syslog_frame(large, options).empty());
  }
  options.format = SyslogFormat::json;
  options.max_message_bytes = 100;
  EXPECT_TRUE(syslog_frame(row, options).empty());
}

TEST(Lines, cef_escapes_what_separates) {
  auto row = row_of(finding({}, 1, "a|b=c\\d\ne", "d1"), "d1");
  const std::string line = cef_line(row, alert_of(row));
  EXPECT_EQ(line.rfind("CEF:0|Plumbline|Plumbline|", 0), 0u);
  EXPECT_NE(line.find("Drift open: a\\|b=c\\\\d e on node-1"), std::string::npos) << line;
  EXPECT_NE(line.find("cs1=a|b\\=c\\\\d\\ne "), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const std::string leef = leef_line(row, alert_of(row));
  EXPECT_EQ(leef.rfind("LEEF:2.0|Plumbline|Plumbline|", 0), 0u);
  EXPECT_NE(leef.find("\tresource=a|b=c\\d e\t"), std::string::npos) << leef;
}

}  // namespace
}  // namespace plumbline::collector::test
