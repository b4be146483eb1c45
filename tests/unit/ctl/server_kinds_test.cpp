// What commands make of what a server says: an exporter that failed or healed, a collector where an agent is wanted, a
// collector's nodes, a server without TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/app.hpp"
#include "http/health.hpp"
#include "http/page.hpp"
#include "http/server.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

class ServerKinds : public testing::Test {
 protected:
  void SetUp() override {
    server_.route("GET", "/v1/status", [this](const http::Request&) { return http::json_response(status_); });
    server_.route("GET", "/v1/drift/{id}", [](const http::Request& request) {
      if (request.params.at("id") != "twice")
        return http::problem({ErrorCode::not_found, "show drift", "no node has reported it", ""});
      if (!request.query.empty()) return http::json_response(drift(request.query.at(0).second));
      return http::problem(409, invalid("show drift twice", "several nodes have one of this id: a, b", "?node="));
    });
    server_.route("GET", "/v1/drift", [](const http::Request& request) {
      const std::string* node = http::find_field(request.query, "node");
      http::PageWriter page;
      for (const char* name : {"a", "b"})
        if (node == nullptr || *node == name) page.add(drift(name));
      return std::move(page).finish("");
    });
    server_.route("GET", "/v1/baselines", [this](const http::Request&) {
      return baselines_.empty() ? http::problem({ErrorCode::not_found, "answer", "there is no such path", ""})
                                : http::json_response(baselines_);
    });
    server_.route("GET", "/v1/stream", [](const http::Request&) {
      return http::problem(invalid("resume the stream", "`abc` is no id of this stream", "send the last one"));
    });
    server_.route("GET", "/v1/resources", [](const http::Request& request) {
      EXPECT_EQ(http::find_field(request.query, "comparison"), nullptr) << "a collector does not know it";
      http::PageWriter page;
      page.add(R"({"resource":"file:/a","comparison":"match"})");
      page.add(R"({"resource":"file:/b","comparison":"mismatch"})");
      return std::move(page).finish("");
    });
    for (const char* path : {"/livez", "/readyz"})
      server_.route("GET", path, [this](const http::Request& r) { return http::health_response(r, checks_); });
    url_ = "http://127.0.0.1:" + std::to_string(server_.listen_tcp("127.0.0.1", 0).value());
    server_.start();
  }
  int plumb(const std::string& where, const std::vector<std::string>& command) {
    out_.str("");
    err_.str("");
    std::vector<const char*> argv = {"plumb", where.c_str(), url_.c_str()};
    for (const auto& word : command) argv.push_back(word.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_, 0, false}, SystemClock());
  }
  static std::string drift(const std::string& node) {
    wire::Drift drift;
    drift.id = "twice";
    drift.resource = "file:/x";
    drift.where.node = node;
    return wire::to_json(drift);
  }
  /// `plumb status` of an agent that says this of its exporter.
  std::string shown(const std::string& exporter) {
    status_ = R"({"version":"0.1.0","node":"n","drift":{"open":0},"exporter":)" + exporter + "}";
    EXPECT_EQ(plumb("--url", {"status"}), 0) << err_.str();
    return out_.str();
  }

  std::string status_ = "{}", baselines_;
  std::vector<http::HealthCheck> checks_ = {{"store", true, "takes writes"}};
  http::Server server_;
  std::string url_;
  std::ostringstream out_, err_;
};

TEST_F(ServerKinds, status_tells_an_error_of_the_exporter_only_while_it_fails) {
  EXPECT_THAT(shown(R"({"acked":5,"lag_records":0,"failures":0,"last_error":"cannot connect"})"),
              HasSubstr("collector   5 acknowledged, 0 waiting\n"));
  EXPECT_THAT(shown(R"({"acked":5,"lag_records":2,"failures":3,"last_error":"cannot connect"})"),
              HasSubstr("collector   5 acknowledged, 2 waiting; cannot connect\n"));
  // an agent that does not count them
  EXPECT_THAT(shown(R"({"acked":5,"lag_records":2,"last_error":"cannot connect"})"), HasSubstr("; cannot connect\n"));
}

TEST_F(ServerKinds, status_of_a_collector_shows_its_baselines) {
  status_ = R"({"version":"0.1.0","started_at":"2026-01-01T00:00:00Z","open_drifts":0})";
  baselines_ =
      R"({"items":[{"name":"net","kind":"terraform_state","path":"/a","nodes":["edge-*","web-1"],)"
      R"("revision":{"serial":"7","lineage":"abc"},"resources":12,"files":1,"index":{"sha256":"00","bytes":1},)"
      R"("error":"read /a: no such file"},)"
      R"({"name":"n\u001bew","kind":"ansible","path":"/b","nodes":[],"error":"not read yet"}],"next_cursor":null})";
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, {"status"}), 0) << err_.str();
    EXPECT_THAT(out_.str(),
                HasSubstr("baseline    net: 12 resources, 1 file, lineage abc, serial 7, for edge-*, web-1; "
                          "read /a: no such file\n"
                          "baseline    n\\x1Bew: for all nodes; not read yet\n"));
    EXPECT_EQ(plumb(where, {"status", "-o", "json"}), 0);
    const auto json = nlohmann::json::parse(out_.str());
    EXPECT_EQ(json["baselines"], nlohmann::json::parse(baselines_)["items"]);
    EXPECT_EQ(json["open_drifts"], 0);
  }
  baselines_ = R"({"items":[],"next_cursor":null})";
  EXPECT_EQ(plumb("--collector", {"status"}), 0);
  EXPECT_THAT(out_.str(), Not(HasSubstr("baseline")));
  baselines_ = "";  // an older collector
  EXPECT_EQ(plumb("--collector", {"status"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("collector   0.1.0"));
}

TEST_F(ServerKinds, owners_are_asked_of_an_agent) {
  status_ = R"({"open_drifts":0})";
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, {"resources", "--owner-of", "/etc/a"}), 64);
    EXPECT_THAT(err_.str(), HasSubstr("a collector has no files"));
    EXPECT_THAT(err_.str(), HasSubstr("ask the node's agent: plumb resources --owner-of there, or with --url"));
    EXPECT_EQ(out_.str(), "");
  }
}

TEST_F(ServerKinds, the_owner_of_nothing_is_a_mistake) {
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, {"resources", "--owner-of", ""}), 64);
    EXPECT_THAT(err_.str(), HasSubstr("--owner-of: is empty: give a path, id, ARN or other name"));
    EXPECT_EQ(plumb(where, {"resources", "--owner-of="}), 64);
  }
}

TEST_F(ServerKinds, doctor_says_that_a_collector_is_no_agent) {
  status_ = R"({"version":"0.1.0","open_drifts":0})";
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, {"doctor"}), 64);
    EXPECT_THAT(err_.str(), HasSubstr("doctor is about an agent and its node, and this is a collector"));
    EXPECT_THAT(err_.str(), HasSubstr("plumb --collector " + url_ + " status"));
    EXPECT_THAT(err_.str(), Not(HasSubstr("no such resource")));
    EXPECT_EQ(out_.str(), "");
  }
}

TEST_F(ServerKinds, simulate_wants_an_agent_too) {
  status_ = R"({"open_drifts":0})";
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, {"simulate"}), 64);
    EXPECT_THAT(err_.str(), HasSubstr("a collector has no files"));
  }
}

TEST_F(ServerKinds, a_drift_that_several_nodes_have_is_asked_for_with_its_node) {
  EXPECT_EQ(plumb("--collector", {"show", "twice"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("several nodes have one of this id: a, b; say which with --node"));
  EXPECT_EQ(plumb("--collector", {"show", "twice", "--node", "b"}), 2) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("\non b\n"));
  EXPECT_EQ(plumb("--collector", {"show", "file:/x"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("several open ones fit: twice on a, twice on b; give one of these ids, or --node"));
  EXPECT_EQ(plumb("--collector", {"explain", "file:/x", "--node", "a"}), 2) << err_.str();
  EXPECT_EQ(plumb("--collector", {"show", "none", "--node", "a"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("none of a has this id, address or path"));
}

TEST_F(ServerKinds, resources_of_a_collector_are_sifted_here) {
  EXPECT_EQ(plumb("--collector", {"resources", "--comparison", "mismatch"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("file:/b"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("file:/a")));
  EXPECT_EQ(plumb("--collector", {"resources", "--comparison", "same"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("give match, mismatch or not_comparable"));
}

TEST_F(ServerKinds, a_refused_stream_is_told_as_the_server_says_it) {
  EXPECT_EQ(plumb("--collector", {"watch", "--from", "abc"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("resume the stream: `abc` is no id of this stream; send the last one"));
}

TEST_F(ServerKinds, tls_where_there_is_none_is_told) {
  url_.replace(0, 4, "https");
  EXPECT_EQ(plumb("--collector", {"status"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("write http:// where the server speaks no TLS"));
  EXPECT_EQ(plumb("--collector", {"status", "--ca-file", "/"}), 78) << "a directory can be opened, and is no PEM file";
  EXPECT_THAT(err_.str(), HasSubstr("name a PEM file"));
}

TEST_F(ServerKinds, a_name_that_does_not_exist_is_told) {
  url_ = "http://-:1";  // no name server needs to be asked
  EXPECT_EQ(plumb("--url", {"status"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("find http://-:1: "));
  EXPECT_THAT(err_.str(), HasSubstr("check the host's name"));
}

TEST_F(ServerKinds, probe_says_by_its_exit_code_whether_all_is_well) {
  EXPECT_EQ(plumb("--collector", {"probe", "livez"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("[+]store ok: takes writes"));
  EXPECT_EQ(err_.str(), "");
  checks_ = {{"store", false, "it is full\x1b[2J"}};
  EXPECT_EQ(plumb("--url", {"probe", "readyz"}), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), testing::AllOf(HasSubstr("[-]store failed: it is full"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(plumb("--url", {"probe", "healthz"}), 64);
  url_ = "http://127.0.0.1:1";
  EXPECT_EQ(plumb("--url", {"probe", "livez"}), 69);
}

}  // namespace
}  // namespace plumbline::ctl
