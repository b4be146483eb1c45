// What `status` and `doctor` make of what a server says: an exporter that failed or healed, a collector where an agent
// is wanted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "ctl/app.hpp"
#include "http/server.hpp"

namespace plumbline::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

class ServerKinds : public testing::Test {
 protected:
  void SetUp() override {
    server_.route("GET", "/v1/status", [this](const http::Request&) { return http::json_response(status_); });
    url_ = "http://127.0.0.1:" + std::to_string(server_.listen_tcp("127.0.0.1", 0).value());
    server_.start();
  }
  int plumb(const std::string& where, const std::string& command) {
    out_.str("");
    err_.str("");
    const char* argv[] = {"plumb", where.c_str(), url_.c_str(), command.c_str()};
    return run(4, argv, {out_, err_, 0, false}, SystemClock());
  }
  /// `plumb status` of an agent that says this of its exporter.
  std::string shown(const std::string& exporter) {
    status_ = R"({"version":"0.1.0","node":"n","drift":{"open":0},"exporter":)" + exporter + "}";
    EXPECT_EQ(plumb("--url", "status"), 0) << err_.str();
    return out_.str();
  }

  std::string status_ = "{}";
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

TEST_F(ServerKinds, doctor_says_that_a_collector_is_no_agent) {
  status_ = R"({"version":"0.1.0","open_drifts":0})";
  for (const char* where : {"--collector", "--url"}) {
    EXPECT_EQ(plumb(where, "doctor"), 64);
    EXPECT_THAT(err_.str(), HasSubstr("doctor is about an agent and its node, and this is a collector"));
    EXPECT_THAT(err_.str(), HasSubstr("plumb --collector " + url_ + " status"));
    EXPECT_THAT(err_.str(), Not(HasSubstr("no such resource")));
    EXPECT_EQ(out_.str(), "");
  }
}

}  // namespace
}  // namespace plumbline::ctl
