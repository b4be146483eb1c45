// plumb nodes against a double of a collector, which answers as collector/api/nodes.cpp does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "ctl/app.hpp"
#include "http/page.hpp"
#include "http/server.hpp"

namespace plumbline::ctl {
namespace {

using testing::HasSubstr;

class Nodes : public testing::Test {
 protected:
  void SetUp() override {
    server_.route("GET", "/v1/nodes", [](const http::Request& request) {
      // As the collector, which shows them whole and knows no parameters.
      if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
      http::PageWriter page;
      page.add(R"({"node_id":"a1","node":"web-1"})");
      page.add(R"({"node_id":"a2","node":"twice"})");
      page.add(R"({"node_id":"a3","node":"twice"})");
      page.add(R"({"node_id":7})");
      return std::move(page).finish("");
    });
    server_.route("DELETE", "/v1/nodes/{id}", [this](const http::Request& request) {
      asked_ = "forget " + request.params.at("id") + ' ' + *http::find_field(request.query, "reason") + " by " +
               *http::find_field(request.query, "by");
      if (request.params.at("id") == "a2")
        return http::problem(409, invalid("forget node a2", "its agent is heard", ""));
      return http::json_response(R"({"node_id":"a1","state":"forgotten","drifts":2})");
    });
    server_.route("POST", "/v1/nodes/{id}/acknowledge", [this](const http::Request& request) {
      asked_ = "acknowledge " + request.params.at("id") + ' ' + *http::find_field(request.query, "reason");
      return http::json_response(R"({"node_id":"a1","state":"acknowledged","conditions":1})");
    });
    server_.route("POST", "/v1/revocations", [this](const http::Request& request) {
      asked_ = "revoke " + *http::find_field(request.query, "node") + ' ' + *http::find_field(request.query, "reason") +
               " by " + *http::find_field(request.query, "by");
      return http::json_response(R"({"node":"web-9","before":"2026-11-28T00:00:00.000000000Z"})", 201);
    });
    url_ = "http://127.0.0.1:" + std::to_string(server_.listen_tcp("127.0.0.1", 0).value());
    server_.start();
  }
  int plumb(const char* where, const std::vector<std::string>& command) {
    out_.str("");
    err_.str("");
    std::vector<const char*> argv = {"plumb", where, url_.c_str(), "nodes"};
    for (const auto& word : command) argv.push_back(word.c_str());
    return run(static_cast<int>(argv.size()), argv.data(), {out_, err_, 0, false}, SystemClock());
  }

  http::Server server_;
  std::string url_, asked_;
  std::ostringstream out_, err_;
};

TEST_F(Nodes, are_told_of_by_name_or_id) {
  EXPECT_EQ(plumb("--collector", {"forget", "web-1", "--reason", "its rack & all", "--by", "Ann"}), 0) << err_.str();
  EXPECT_EQ(asked_, "forget a1 its rack & all by Ann");
  EXPECT_EQ(out_.str(), "node web-1 is forgotten: 2 drifts\n");
  EXPECT_EQ(plumb("--collector", {"acknowledge", "a3", "--reason", "seen", "-o", "json"}), 0) << err_.str();
  EXPECT_EQ(asked_, "acknowledge a3 seen");
  EXPECT_THAT(out_.str(), HasSubstr("\"conditions\""));
}

TEST_F(Nodes, that_never_reported_have_certificates_too) {
  EXPECT_EQ(plumb("--collector", {"revoke", "web-9", "--reason", "stolen & sold", "--by", "Ann"}), 0) << err_.str();
  EXPECT_EQ(asked_, "revoke web-9 stolen & sold by Ann");
  EXPECT_EQ(out_.str(),
            "certificates of web-9 from before 2026-11-28T00:00:00.000000000Z are refused, and its tokens are taken "
            "back\n");
  EXPECT_EQ(plumb("--url", {"revoke", "web-9", "--reason", "x"}), 64);
}

TEST_F(Nodes, that_are_none_or_several_or_heard_are_said_to_be) {
  EXPECT_EQ(plumb("--collector", {"forget", "twice", "--reason", "x"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("several have this name: a2, a3"));
  EXPECT_NE(plumb("--collector", {"forget", "none", "--reason", "x"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("none that reports has this name or id"));
  EXPECT_NE(plumb("--collector", {"forget", "a2", "--reason", "x"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("its agent is heard"));
  EXPECT_EQ(plumb("--collector", {"forget", "a1"}), 64) << "without a reason";
  EXPECT_EQ(plumb("--url", {"forget", "a1", "--reason", "x"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("name a collector with --collector"));
}

}  // namespace
}  // namespace plumbline::ctl
