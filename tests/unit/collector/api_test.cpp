// The whole collector in this process, asked over real sockets.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "collector/api/api.hpp"
#include "collector/collector.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/batch.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/asked_collector.hpp"
#include "tests/unit/collector/receiver.hpp"

namespace plumbline::collector::test {
namespace {

using wire::Json;

class CollectorApi : public AskedCollector {
 protected:
  void SetUp() override { build("{}"); }
  int post_raw(const std::string& body, const std::vector<std::string>& headers) {
    const auto reply = client_->request("POST", "/v1/batches", body, headers);
    if (!reply) return 0;
    if (reply->status != 200) {
      EXPECT_EQ(reply->headers.at("content-type"), "application/problem+json");
      const auto problem = Json::parse(reply->body);
      EXPECT_TRUE(problem.contains("what") && problem.contains("why")) << reply->body;
    }
    return reply->status;
  }
};

TEST_F(CollectorApi, a_batch_is_stored_and_shown) {
  const auto b =
      batch(node_, {finding(node_, 1, "file:/etc/a", "d1"), finding(node_, 2, "file:/etc/b"), gap(node_, 3)});
  const auto reply = client_->post(b);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->status, 200) << reply->body;
  const auto ack = wire::decode_ack(reply->body);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->accepted_through, 3u);
  EXPECT_EQ(ack->items.size(), 3u);

  const auto drifts = items("/v1/drift?state=open");
  ASSERT_EQ(drifts.size(), 1u);
  EXPECT_EQ(drifts[0], Json::parse(b.records[0].body)["drift"]) << "exactly what the agent wrote";
  EXPECT_EQ(Json::parse(get("/v1/drift/d1").body), drifts[0]);
  EXPECT_EQ(get("/v1/drift/none").status, 404);
  EXPECT_EQ(get("/v1/drift/d1?node=node-1").status, 200);
  const auto elsewhere = get("/v1/drift/d1?node=node-2");
  EXPECT_EQ(elsewhere.status, 404);
  EXPECT_NE(elsewhere.body.find("node-2 has not reported it"), std::string::npos) << elsewhere.body;
  const auto findings = items("/v1/findings");
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0]["resource"], "file:/etc/b") << "newest first";
  EXPECT_EQ(items("/v1/findings?resource=file:/etc/a*").size(), 1u);
  EXPECT_EQ(items("/v1/resources")[0]["comparison"], "mismatch");
  const auto nodes = items("/v1/nodes");
  EXPECT_EQ(nodes[0]["node"], "node-1");
  EXPECT_EQ(nodes[0]["labels"]["env"], "test");
  EXPECT_EQ(nodes[0]["state"], "heard");
  EXPECT_EQ(Json::parse(get("/v1/status").body)["store"]["stored"], 3);
}

TEST_F(CollectorApi, a_drift_id_that_two_nodes_have_is_asked_for_with_its_node) {
  const Made other{"00000000ffffffffffffffffffffffff", "b0000000", "node-2"};
  client_->post(batch(node_, {finding(node_, 1, "file:/a", "d1")}));
  client_->post(batch(other, {finding(other, 1, "file:/b", "d1")}));
  const auto both = get("/v1/drift/d1");
  EXPECT_EQ(both.status, 409);
  const auto problem = Json::parse(both.body);
  const std::string why = problem["why"];
  for (const Made& node : {node_, other})
    EXPECT_NE(why.find(node.node + " (" + node.node_id + ")"), std::string::npos) << why;
  EXPECT_NE(problem["fix"].get<std::string>().find("?node="), std::string::npos) << both.body;
  EXPECT_EQ(Json::parse(get("/v1/drift/d1?node=node-1").body)["resource"], "file:/a");
  EXPECT_EQ(Json::parse(get("/v1/drift/d1?node=" + other.node_id).body)["resource"], "file:/b");
}

TEST_F(CollectorApi, pages_chain_by_cursor) {
  std::vector<wire::Record> records;
  for (std::uint64_t i = 1; i <= 7; ++i) records.push_back(finding(node_, i, "r", "d" + std::to_string(i)));
  client_->post(batch(node_, records));
  std::set<std::string> seen;
  std::string target = "/v1/drift?limit=3";
  int pages = 0;
  for (;; ++pages) {
    const auto page = Json::parse(get(target).body);
    for (const auto& item : page["items"]) seen.insert(item["id"]);
    if (page["next_cursor"].is_null()) break;
    target = "/v1/drift?limit=3&cursor=" + page["next_cursor"].get<std::string>();
  }
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(get("/v1/findings" + target.substr(target.find('?'))).status, 400) << "a cursor of another list";
}

TEST_F(CollectorApi, bad_questions_are_problems) {
  for (const char* target : {"/v1/drift?stat=open", "/v1/drift?state=opn", "/v1/drift?limit=0", "/v1/drift?since=now",
                             "/v1/drift?cursor=xyz", "/v1/nodes?x=1", "/readyz?verbos"})
    EXPECT_EQ(get(target).status, 400) << target;
  EXPECT_NE(get("/v1/drift?stat=open").body.find("state"), std::string::npos);
  EXPECT_EQ(get("/v1/nothing").status, 404);
  EXPECT_EQ(client_->request("DELETE", "/v1/drift")->status, 405);
}

TEST_F(CollectorApi, bad_batches_are_refused_whole) {
  const std::string type = "Content-Type: application/x-ndjson";
  const std::string zstd = "Content-Encoding: zstd";
  const std::string good = wire::encode_batch(batch(node_, {finding(node_, 1, "r")}));
  EXPECT_EQ(post_raw(good, {"Content-Type: application/json"}), 415);
  EXPECT_EQ(post_raw(good, {}), 415);
  EXPECT_EQ(post_raw(good, {type, "Content-Encoding: gzip"}), 415);
  EXPECT_EQ(post_raw(good, {type, zstd}), 400) << "not zstd";
  EXPECT_EQ(post_raw(good.substr(0, good.size() - 10), {type}), 400) << "cut off";
  EXPECT_EQ(post_raw("", {type}), 400);
  EXPECT_EQ(post_raw("hello\n", {type}), 400);
  EXPECT_EQ(post_raw(std::string(1000, '{') + "\n", {type}), 400);
  EXPECT_EQ(post_raw(*wire::zstd_compress(std::string(std::size_t{40} << 20, 'a')), {type, zstd}), 413) << "a bomb";
  EXPECT_EQ(post_raw(R"({"node_id":"0123456789abcdef","records":100000})"
                     "\n",
                     {type}),
            413);
  for (const char* header : {R"("labels":[])", R"("labels":{"a":tru})", R"("health":{"a":{1}})", R"("health":"up")"})
    EXPECT_EQ(post_raw(R"({"node_id":"0123456789abcdef","records":0,)" + std::string(header) + "}\n", {type}), 400)
        << header;
  auto spaced = finding(node_, 1, "r");
  spaced.id = "a b";
  EXPECT_EQ(post_raw(wire::encode_batch(batch(node_, {spaced})), {type}), 400);
  EXPECT_EQ(Json::parse(get("/v1/status").body)["store"]["last_seq"], 0) << "nothing of them was stored";
  EXPECT_TRUE(items("/v1/nodes").empty());
  EXPECT_EQ(post_raw(good, {"Content-Type: application/x-ndjson; charset=utf-8"}), 200) << "plain text is fine too";
}

TEST_F(CollectorApi, a_body_over_the_limit_is_413) {
  build("limits: {max_body_bytes: 1KiB}");
  const auto reply =
      client_->request("POST", "/v1/batches", std::string(2000, 'x'), {"Content-Type: application/x-ndjson"});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
}

TEST_F(CollectorApi, a_token_is_asked_for_where_one_is_set) {
  std::ofstream(directory_.path() + "/token") << "t0ken\n";
  build("token_file: " + directory_.path() + "/token");
  const auto b = batch(node_, {});
  EXPECT_EQ(client_->post(b)->status, 401);
  EXPECT_EQ(client_->post(b, {"Authorization: Bearer t0kem"})->status, 401);
  EXPECT_EQ(client_->post(b, {"Authorization: Bearer t0ken"})->status, 200);
  EXPECT_EQ(get("/v1/status").body.find("t0ken"), std::string::npos);
}

TEST_F(CollectorApi, the_stream_resumes_without_a_gap) {
  client_->post(batch(node_, {finding(node_, 1, "r1", "d1"), finding(node_, 2, "r2")}));
  Client stream(collector_->port());
  ASSERT_TRUE(stream.open_stream("/v1/stream", {"Last-Event-ID: 0"}));
  const std::string first = stream.read_until("id: 2.0");
  EXPECT_NE(first.find("id: 1.0"), std::string::npos) << first;
  EXPECT_NE(first.find("id: 1.1"), std::string::npos) << "the drift, after its finding";
  EXPECT_NE(first.find("event: drift"), std::string::npos);

  Client resumed(collector_->port());
  ASSERT_TRUE(resumed.open_stream("/v1/stream", {"Last-Event-ID: 1.0"}));
  const std::string rest = resumed.read_until("id: 2.0");
  EXPECT_EQ(rest.find("id: 1.0"), std::string::npos);
  EXPECT_NE(rest.find("id: 1.1"), std::string::npos) << "the half that was not seen";

  Client live(collector_->port());
  ASSERT_TRUE(live.open_stream("/v1/stream"));
  ASSERT_NE(live.read_until("\r\n\r\n"), "");
  client_->post(batch(node_, {gap(node_, 3)}));
  const std::string now = live.read_until("id: 3.0");
  EXPECT_EQ(now.find("id: 2.0"), std::string::npos) << "begins now";
  EXPECT_NE(now.find("event: gap"), std::string::npos);
  EXPECT_NE(resumed.read_until("id: 3.0"), "");
}

TEST_F(CollectorApi, the_stream_tells_of_an_id_that_it_never_gave) {
  client_->post(batch(node_, {finding(node_, 1, "r1")}));
  for (const auto& [target, header] :
       {std::pair<std::string, std::vector<std::string>>{"/v1/stream", {"Last-Event-ID: 7.0"}},
        {"/v1/stream?last_event_id=7", {}}}) {
    Client stream(collector_->port());
    ASSERT_TRUE(stream.open_stream(target, header));
    const std::string told = stream.read_until("event: finding");
    EXPECT_NE(told.find("event: gap"), std::string::npos) << told;
    EXPECT_NE(told.find(R"("reason":"unknown_id","from_sequence":2,"until_sequence":7)"), std::string::npos) << told;
    EXPECT_LT(told.find("event: gap"), told.find("event: finding")) << told;
  }
  Client foreign(collector_->port());
  ASSERT_TRUE(foreign.open_stream("/v1/stream", {"Last-Event-ID: yesterday"}))
      << "a browser never comes back after a 400";
  EXPECT_NE(foreign.read_until("event: finding").find(R"("reason":"unknown_id")"), std::string::npos);
  Client resumed(collector_->port());
  ASSERT_TRUE(resumed.open_stream("/v1/stream?last_event_id=1"));
  ASSERT_NE(resumed.read_until("\r\n\r\n"), "");
  client_->post(batch(node_, {finding(node_, 2, "r2")}));
  const std::string rest = resumed.read_until("id: 2.0");
  EXPECT_NE(rest, "");
  EXPECT_EQ(rest.find("unknown_id"), std::string::npos) << rest;
  EXPECT_EQ(get("/v1/stream?last_event_id=yesterday").status, 400);
}

TEST_F(CollectorApi, a_record_of_another_node_is_a_dead_letter) {
  const Made other{"ffffffffffffffffffffffffffffffff", "b0000000", "node-2"};
  const auto reply = client_->post(batch(node_, {finding(other, 1, "r")}));
  ASSERT_EQ(reply->status, 200);
  EXPECT_EQ(wire::decode_ack(reply->body)->items.at(0).status, "rejected");
  EXPECT_EQ(items("/v1/dead-letters?origin=ingest").size(), 1u);
  EXPECT_TRUE(items("/v1/findings").empty());
  const auto own = client_->post(batch(other, {finding(other, 1, "r")}));
  EXPECT_EQ(wire::decode_ack(own->body)->items.at(0).status, "stored");
}

TEST_F(CollectorApi, a_conflict_is_counted_and_streamed) {
  client_->post(batch(node_, {finding(node_, 1, "r")}));
  auto other = finding(node_, 1, "r");
  other.body.replace(other.body.find("0666"), 4, "0777");
  client_->post(batch(node_, {other}));
  EXPECT_NE(get("/metrics").body.find("plumbline_collector_record_conflicts_total 1\n"), std::string::npos);
  Client stream(collector_->port());
  ASSERT_TRUE(stream.open_stream("/v1/stream", {"Last-Event-ID: 1"}));
  EXPECT_NE(stream.read_until("event: conflict"), "");
}

TEST_F(CollectorApi, the_stores_directory_is_made) {
  collector_.reset();
  CollectorConfig config;
  config.port = 0;
  config.sqlite_path = directory_.path() + "/var/lib/plumbline.db";
  ASSERT_TRUE(Collector::build(config, clock_));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(directory_.path() + "/var/lib").permissions(), perms::owner_all);
  std::ofstream(directory_.path() + "/file") << "x";
  for (const char* below : {"/file/plumbline.db", "/file/deeper/plumbline.db"}) {
    config.sqlite_path = directory_.path() + below;
    const auto built = Collector::build(config, clock_);
    ASSERT_FALSE(built) << below;
    EXPECT_NE(built.error().message().find("the store's directory " + directory_.path() + "/file"), std::string::npos)
        << built.error().message();
  }
}

TEST_F(CollectorApi, health_and_metrics) {
  for (const char* path : {"/livez", "/readyz", "/startupz"}) {
    EXPECT_EQ(get(path).body, "ok\n");
    EXPECT_NE(get(std::string(path) + "?verbose").body.find("[+]"), std::string::npos);
  }
  client_->post(batch(node_, {finding(node_, 1, "r")}));
  const std::string metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("plumbline_collector_records_total{result=\"stored\"} 1\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("plumbline_collector_sequence_gap_total 0\n"), std::string::npos) << "present from the start";
  EXPECT_NE(metrics.find("plumbline_collector_ack_seconds_bucket{le=\"+Inf\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("plumbline_collector_nodes{state=\"heard\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("plumbline_collector_queries_refused_total 0\n"), std::string::npos);
  EXPECT_NE(metrics.find("plumbline_collector_store_queries_cut_total 0\n"), std::string::npos);
}

TEST_F(CollectorApi, sinks_are_shown_and_replayed) {
  std::atomic<bool> mended = false;
  Receiver receiver([&](const Received&, std::size_t) { return mended ? Answer{} : Answer::status(400); });
  build("sinks: [{name: soc, webhook: {url: \"" + receiver.url() + "\"}}]");
  client_->post(batch(node_, {finding(node_, 1, "r", "d")}));
  ASSERT_TRUE(eventually([&] { return items("/v1/sinks")[0]["dead_letters"] == 1; }));
  const auto letters = items("/v1/dead-letters?origin=sink:soc");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0]["ledger_seq"], 1);
  mended = true;
  for (const char* origin : {"https://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"}) {
    const auto refused = client_->request("POST", "/v1/sinks/soc/replay", "", {std::string("Origin: ") + origin});
    ASSERT_TRUE(refused) << origin;
    EXPECT_EQ(refused->status, 403) << origin;
    EXPECT_TRUE(Json::parse(refused->body).contains("fix")) << refused->body;
  }
  EXPECT_EQ(items("/v1/sinks")[0]["dead_letters"], 1);
  EXPECT_EQ(client_->request("POST", "/v1/sinks/none/replay", "", {"Origin: http://LOCALHOST"})->status, 404)
      << "its own page may";
  EXPECT_EQ(client_->request("POST", "/v1/sinks/none/replay")->status, 404);
  EXPECT_EQ(client_->request("POST", "/v1/sinks/soc/replay")->status, 202);
  ASSERT_TRUE(eventually([&] { return items("/v1/sinks")[0]["dead_letters"] == 0; }));
  EXPECT_EQ(items("/v1/sinks")[0]["replayed"], 1);
}

/// The routes on a server of one thread, with what is behind them in the test's hands.
struct Parts {
  Parts(const std::string& directory, const Clock& clock)
      : store(open_sqlite_store({.path = directory + "/other.db"}).value()),
        gate(access::Gate::make({}, clock, nullptr).value()),
        ingest(*store, clock, {}, *gate) {
    add_routes(server, std::make_shared<const ApiParts>(ApiParts{*store, ingest, *gate, nullptr, queries, sinks, server,
                                                                 clock, 0, std::chrono::seconds(60), draining}));
  }
  std::unique_ptr<Store> store;
  std::unique_ptr<access::Gate> gate;
  Ingest ingest;
  QueryPool queries;
  const std::vector<std::unique_ptr<Forwarder>> sinks;
  const std::atomic<bool> draining = false;
  http::Server server;
};

TEST_F(CollectorApi, slow_questions_hold_up_neither_batches_nor_probes) {
  Parts parts(directory_.path(), clock_);
  const auto port = parts.server.listen_tcp("127.0.0.1", 0).value();
  parts.server.start();
  std::promise<void> let_go;
  const auto wait = let_go.get_future().share();
  const auto waiting = [&] { return parts.queries.stats().waiting; };
  for (unsigned i = 0; i < QueryPool::at_once; ++i) ASSERT_TRUE(parts.queries.run([wait] { wait.wait(); }));
  ASSERT_TRUE(eventually([&] { return waiting() == 0; })) << "all threads of the pool are in use";
  std::thread question([&] { EXPECT_EQ(Client(port).get("/v1/findings")->status, 200) << "it waits its turn"; });
  EXPECT_TRUE(eventually([&] { return waiting() == 1; }));

  EXPECT_EQ(Client(port).post(batch(node_, {finding(node_, 1, "r")}))->status, 200);
  for (const char* path : {"/livez", "/readyz", "/metrics"}) EXPECT_EQ(Client(port).get(path)->status, 200) << path;
  while (parts.queries.run([] {})) {
  }
  const auto refused = Client(port).get("/v1/findings");
  let_go.set_value();
  question.join();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->headers.at("retry-after"), "1");
  EXPECT_NE(refused->body.find("32 others wait already"), std::string::npos) << refused->body;
  EXPECT_EQ(Json::parse(Client(port).get("/v1/status")->body)["queries"]["refused"], 2);
}

TEST_F(CollectorApi, openapi_and_router_agree) {
  const auto document = Json::parse(get("/openapi.json").body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::set<std::string> documented, routed;
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      documented.insert(upper + " " + path);
      EXPECT_TRUE(operation.contains("responses")) << path;
    }
  const Parts parts(directory_.path(), clock_);
  for (const auto& route : parts.server.routes()) routed.insert(route.method + " " + route.pattern);
  EXPECT_EQ(documented, routed);
}

}  // namespace
}  // namespace plumbline::collector::test
