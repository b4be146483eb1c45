// What nodes ask of a collector that hands out baselines, over a real socket.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "collector/collector.hpp"
#include "tests/unit/collector/client.hpp"
#include "tests/unit/collector/store_conformance.hpp"

namespace plumbline::collector::test {
namespace {

using namespace std::string_literals;

TEST(HandoutApi, takes_no_parameters_and_any_if_none_match) {
  const TempDirectory directory;
  std::ofstream(directory.path() + "/net.tfstate") << R"({"version":4,"serial":1,"lineage":"l","resources":[]})";
  const std::string yaml = "baselines:\n- {name: net, terraform_state: " + directory.path() + "/net.tfstate}\n";
  auto config = parse_collector_config("test.yaml", yaml);
  ASSERT_TRUE(config) << config.error().message();
  config->port = 0;
  config->sqlite_path = directory.path() + "/plumbline.db";
  const SystemClock clock;
  const auto collector = Collector::build(*config, clock);
  ASSERT_TRUE(collector) << collector.error().message();
  Client client((*collector)->port());
  const auto get = [&](const std::string& target) { return client.get(target).value(); };
  for (const char* target : {"/v1/baselines?x=1", "/v1/baselines/for/n?x=1", "/v1/baselines/index/00?x=1"}) {
    const auto refused = get(target);
    EXPECT_EQ(refused.status, 400) << target;
    EXPECT_NE(refused.body.find("read the parameter"), std::string::npos) << refused.body;
  }
  const auto ask = [&](const std::string& known) {
    return client.request("GET", "/v1/baselines/for/n", "", {"If-None-Match: " + known}).value();
  };
  // The list may still change while the source is read.
  std::string etag;
  for (int i = 0; i < 500; ++i) {
    const std::string before = etag;
    etag = get("/v1/baselines/for/n").headers.at("etag");
    if (etag == before && get("/v1/baselines").body.find("\"index\"") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (const std::string& known : {etag, "W/" + etag, "  " + etag + " ", R"("a", "b,c",)" + etag, "W/\"a\"," + etag,
                                   ", ," + etag + ",", std::string("*"), " * "s}) {
    const auto reply = ask(known);
    EXPECT_EQ(reply.status, 304) << known;
    EXPECT_EQ(reply.headers.at("etag"), etag);
    EXPECT_EQ(reply.body, "");
  }
  for (const std::string& known : {R"("a")"s, R"("a", W/"b")"s, etag.substr(0, etag.size() - 1), etag.substr(1),
                                   "w/" + etag, "x, " + etag, R"("*")"s, R"(")"s, "W/"s, ","s, "\"a" + etag}) {
    const auto reply = ask(known);
    EXPECT_EQ(reply.status, 200) << known;
    EXPECT_NE(reply.body, "");
  }
}

}  // namespace
}  // namespace plumbline::collector::test
