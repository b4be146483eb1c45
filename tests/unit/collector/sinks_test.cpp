// Sinks of SIEMs and pagers against strict doubles of their destinations, built from the vendors' documents, which fail
// in every way that these tell of.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "collector/forward/cef.hpp"
#include "collector/forward/elasticsearch.hpp"
#include "collector/forward/otlp.hpp"
#include "collector/forward/splunk.hpp"
#include "collector/forward/syslog.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/rows.hpp"
#include "tests/unit/collector/sinks_fixture.hpp"

namespace plumbline::collector::test {
namespace {

using Outcome = Delivery::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;

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

// Lines of syslog ----------------------------------------------------------------------------------------------------

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
