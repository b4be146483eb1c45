// What people may tell a collector: silences of alerts, and what is to become of a node. Over real sockets.
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "collector/collector.hpp"
#include "collector/store/sqlite_store.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/asked_collector.hpp"
#include "tests/unit/collector/receiver.hpp"

namespace plumbline::collector::test {
namespace {

using wire::Json;

class PeopleApi : public AskedCollector {
 protected:
  void SetUp() override { begin(""); }
  void begin(const std::string& yaml) { build("silence_after: 1s\n" + yaml); }
  Reply ask(const std::string& method, const std::string& target, const std::string& body = "",
            const std::string& token = "") {
    std::vector<std::string> headers;
    if (!token.empty()) headers.push_back("Authorization: Bearer " + token);
    const auto reply = client_->request(method, target, body, headers);
    EXPECT_TRUE(reply) << method << ' ' << target;
    return reply.value_or(Reply{});
  }
  std::string in(WallNs time) const { return rfc3339(clock_.wall() + time); }
  Json silence() const { return {{"resource", "file:/etc/*"}, {"until", in(3600 * second)}, {"reason", "a rollout"}}; }
  /// A silence with another value of `key` (null: without it) is refused, and `says` why; none is made.
  void refuses(const char* key, const Json& value, const std::string& says) {
    Json asked = silence();
    if (value.is_null())
      asked.erase(key);
    else
      asked[key] = value;
    const auto reply = ask("POST", "/v1/silences", asked.dump());
    EXPECT_EQ(reply.status, 400) << reply.body;
    const auto problem = Json::parse(reply.body);
    EXPECT_EQ(problem["what"], std::string("add a silence: /") + key);
    EXPECT_NE((problem["why"].get<std::string>() + "; " + problem.value("fix", "")).find(says), std::string::npos)
        << reply.body;
    EXPECT_TRUE(items("/v1/silences").empty());
  }
  void make_people() {
    for (const char* who : {"reader", "boss"})
      std::ofstream(directory_.path() + "/" + who) << who << "-t0k3n-0123456789";
    begin("access: [{name: reader, token_file: " + directory_.path() +
          "/reader, role: read}, {name: boss, token_file: " + directory_.path() + "/boss, role: admin}]");
  }
};

TEST_F(PeopleApi, a_silence_needs_an_end_that_comes_and_a_reason) {
  refuses("until", nullptr, "it is missing; write it as 2026-");
  refuses("until", "tomorrow", "it is no time of RFC 3339");
  refuses("until", 5, "it is no text");
  refuses("until", in(-second), "it is over");
  refuses("until", in(91 * 86'400 * second), "more than 90 days away");
  refuses("reason", nullptr, "it is missing; say why");
  refuses("reason", " \t\n", "it is missing");
  refuses("reason", std::string(1001, 'r'), "longer than 1000 bytes");
  refuses("by", std::string(201, 'b'), "longer than 200 bytes");
  refuses("resource", std::string(1025, 'x'), "longer than 1024 bytes");
  refuses("resource", nullptr, "say \"all\": true");
  refuses("resource", "**", "holds back whatever drifts");
  refuses("all", true, "contradicts resource");
  refuses("all", "yes", "neither true nor false");
  refuses("max_severity", "grave", "it is no severity");
  refuses("reasons", "x", "did you mean reason?");
  for (const char* body : {"", "[]", "{", "\"text\""}) EXPECT_EQ(ask("POST", "/v1/silences", body).status, 400) << body;
  EXPECT_EQ(ask("POST", "/v1/silences?x=1", silence().dump()).status, 400);
  EXPECT_EQ(ask("POST", "/v1/silences", std::string(100'000, ' ')).status, 413);
}

TEST_F(PeopleApi, the_longest_and_the_widest_silence_are_taken) {
  Json longest = silence();
  longest["until"] = in(90 * 86'400 * second);
  longest["reason"] = std::string(1000, 'r');
  EXPECT_EQ(ask("POST", "/v1/silences", longest.dump()).status, 201);
  const Json all = {{"all", true}, {"until", in(second * 60)}, {"reason", "the move"}};
  EXPECT_EQ(ask("POST", "/v1/silences", all.dump()).status, 201);
  EXPECT_EQ(items("/v1/silences?state=active").size(), 2u);
  EXPECT_EQ(ask("GET", "/v1/silences?state=over").status, 400);
}

TEST_F(PeopleApi, who_silenced_and_who_ended_it_stands_in_list_and_ledger) {
  make_people();
  Json asked = silence();
  asked["by"] = "Ann";
  const auto made = Json::parse(ask("POST", "/v1/silences", asked.dump(), "boss-t0k3n-0123456789").body);
  EXPECT_EQ(made["by"], "Ann");
  const std::string creator = made["created_by"];
  EXPECT_NE(creator.find("boss"), std::string::npos) << "by proof, whatever `by` says: " << creator;
  EXPECT_EQ(creator.find("t0k3n"), std::string::npos) << creator;
  const std::string target = "/v1/silences/" + std::to_string(made["id"].get<int>());
  const auto ended = Json::parse(ask("DELETE", target + "?by=Bob", "", "boss-t0k3n-0123456789").body);
  EXPECT_EQ(ended["ended_by"], creator + " (Bob)");
  const auto again = Json::parse(ask("DELETE", target + "?by=Carl", "", "boss-t0k3n-0123456789").body);
  EXPECT_EQ(again["ended_by"], creator + " (Bob)") << "it has ended once";
  EXPECT_EQ(ask("DELETE", "/v1/silences/999", "", "boss-t0k3n-0123456789").status, 404);
  EXPECT_EQ(ask("DELETE", "/v1/silences/x", "", "boss-t0k3n-0123456789").status, 400);
  collector_.reset();
  const auto store = open_sqlite_store({.path = directory_.path() + "/plumbline.db"}).value();
  std::vector<std::string> told;
  for (const auto& row : store->ledger_after(0, 10, 1 << 20).value()) {
    const auto body = Json::parse(row.body)["alert_silence"];
    told.push_back(row.type + ' ' + body["state"].get<std::string>());
    EXPECT_EQ(body["created_by"], creator);
    EXPECT_EQ(body["by"], "Ann");
    EXPECT_EQ(body["reason"], "a rollout");
  }
  EXPECT_EQ(told, (std::vector<std::string>{"alert_silence created", "alert_silence ended"}));
}

TEST_F(PeopleApi, who_may_only_read_changes_nothing) {
  make_people();
  const std::string reader = "reader-t0k3n-0123456789";
  const std::pair<const char*, std::string> calls[] = {
      {"POST", "/v1/silences"},
      {"DELETE", "/v1/silences/1"},
      {"DELETE", "/v1/nodes/" + node_.node_id + "?reason=x"},
      {"POST", "/v1/nodes/" + node_.node_id + "/acknowledge?reason=x"}};
  for (const auto& [method, target] : calls) {
    const auto body = target == "/v1/silences" ? silence().dump() : "";
    EXPECT_EQ(ask(method, target, body).status, 401) << target;
    const auto refused = ask(method, target, body, reader);
    EXPECT_EQ(refused.status, 403) << target;
    EXPECT_NE(refused.body.find("may only read"), std::string::npos) << refused.body;
  }
  EXPECT_TRUE(Json::parse(ask("GET", "/v1/silences", "", reader).body)["items"].empty());
}

TEST_F(PeopleApi, another_sites_page_changes_nothing) {
  const std::vector<std::string> origin = {"Origin: https://evil.example"};
  EXPECT_EQ(client_->request("POST", "/v1/silences", silence().dump(), origin)->status, 403);
  EXPECT_EQ(client_->request("DELETE", "/v1/nodes/x?reason=y", "", origin)->status, 403);
  EXPECT_EQ(client_->request("POST", "/v1/nodes/x/acknowledge?reason=y", "", origin)->status, 403);
}

TEST_F(PeopleApi, a_node_that_is_gone_is_forgotten_once_it_is_silent) {
  ASSERT_EQ(client_->post(batch(node_, {finding(node_, 1, "file:/etc/a", "d1")}))->status, 200);
  const std::string target = "/v1/nodes/" + node_.node_id;
  EXPECT_EQ(ask("DELETE", target).status, 400) << "without a reason";
  EXPECT_EQ(ask("DELETE", target + "?reason=" + std::string(1001, 'r')).status, 400);
  EXPECT_EQ(ask("DELETE", "/v1/nodes/none?reason=sold").status, 404);
  const auto heard = ask("DELETE", target + "?reason=sold");
  EXPECT_EQ(heard.status, 409);
  EXPECT_NE(heard.body.find("stop the agent"), std::string::npos) << heard.body;
  ASSERT_TRUE(eventually([&] { return items("/v1/nodes")[0]["state"] == "silent"; }));
  EXPECT_NE(ask("GET", "/metrics").body.find("plumbline_collector_nodes{state=\"silent\"} 1\n"), std::string::npos);
  const auto forgotten = ask("DELETE", target + "?reason=sold&by=Ann");
  EXPECT_EQ(forgotten.status, 200) << forgotten.body;
  EXPECT_EQ(Json::parse(forgotten.body)["drifts"], 1);
  EXPECT_TRUE(items("/v1/nodes").empty());
  EXPECT_NE(ask("GET", "/metrics").body.find("plumbline_collector_nodes{state=\"silent\"} 0\n"), std::string::npos);
  EXPECT_EQ(items("/v1/drift?state=forgotten")[0]["id"], "d1");
  EXPECT_TRUE(items("/v1/drift?state=open").empty());
  EXPECT_EQ(ask("DELETE", target + "?reason=sold").status, 404);
  EXPECT_EQ(client_->post(batch(node_, {finding(node_, 2, "file:/etc/b")}))->status, 200) << "nothing is refused";
  EXPECT_EQ(items("/v1/nodes")[0]["accepted_through"], 2);
  EXPECT_EQ(items("/v1/drift?state=open")[0]["id"], "d1");
}

TEST_F(PeopleApi, holes_are_acknowledged) {
  for (const std::uint64_t sequence : {1, 3})
    ASSERT_EQ(client_->post(batch(node_, {finding(node_, sequence, "r")}))->status, 200);
  EXPECT_TRUE(items("/v1/nodes")[0]["gap_since"].is_string());
  EXPECT_TRUE(items("/v1/nodes")[0]["conflict_since"].is_null());
  const std::string target = "/v1/nodes/" + node_.node_id + "/acknowledge";
  EXPECT_EQ(ask("POST", target).status, 400) << "without a reason";
  EXPECT_EQ(Json::parse(ask("POST", target + "?reason=a+disk").body)["conditions"], 1);
  EXPECT_TRUE(items("/v1/nodes")[0]["gap_since"].is_null());
  EXPECT_EQ(ask("POST", "/v1/nodes/none/acknowledge?reason=x").status, 404);
}

TEST_F(PeopleApi, certificates_of_a_node_are_revoked_by_an_admin_who_says_why) {
  make_people();
  const std::string target = "/v1/revocations?node=web-1";
  EXPECT_EQ(ask("POST", target + "&reason=x", "", "reader-t0k3n-0123456789").status, 403);
  for (const std::string& bad :
       {target, target + "&reason=%20", std::string("/v1/revocations?reason=x"), target + "&reason=x&why=y",
        std::string("/v1/revocations?node=a/b&reason=x"), target + "&reason=" + std::string(1001, 'r')})
    EXPECT_EQ(ask("POST", bad, "", "boss-t0k3n-0123456789").status, 400) << bad;
  EXPECT_TRUE(Json::parse(ask("GET", "/v1/revocations", "", "reader-t0k3n-0123456789").body)["items"].empty());
  const auto made = ask("POST", target + "&reason=its%20disk%20was%20stolen&by=Ann", "", "boss-t0k3n-0123456789");
  EXPECT_EQ(made.status, 201) << made.body;
  const auto listed = Json::parse(ask("GET", "/v1/revocations", "", "reader-t0k3n-0123456789").body)["items"];
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0], Json::parse(made.body));
  EXPECT_EQ(listed[0]["node"], "web-1");
  EXPECT_EQ(listed[0]["reason"], "its disk was stolen");
  EXPECT_NE(listed[0]["by"].get<std::string>().find("boss"), std::string::npos) << listed[0]["by"];
}

}  // namespace
}  // namespace plumbline::collector::test
