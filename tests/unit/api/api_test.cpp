#include "agent/api/api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "agent/api/rollback.hpp"
#include "agent/api/runs.hpp"
#include "agent/api/stream.hpp"
#include "http/client.hpp"
#include "http/page.hpp"
#include "http/target.hpp"
#include "include/util/glob.hpp"
#include "tests/unit/api/fake_node.hpp"

namespace plumbline::agent {
namespace {

using nlohmann::json;
using test::FakeNode;
using test::sample_drift;
using test::sample_resource;
using testing::ElementsAre;
using testing::HasSubstr;

class AgentApi : public testing::Test {
 protected:
  void SetUp() override {
    add_api_routes(server_, node_, *gate_);
    add_run_routes(server_, {});
    add_rollback_routes(server_, {});
    const auto port = server_.listen_tcp("127.0.0.1", 0).value();
    client_.emplace(http::parse_endpoint("http://127.0.0.1:" + std::to_string(port)).value());
    server_.start();
  }
  http::Response get(const std::string& target) { return client_->get(target).value(); }
  json items(const std::string& target) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 200) << target << response.body;
    return json::parse(response.body).at("items");
  }
  std::vector<std::string> keys(const std::string& target, const char* key) {
    std::vector<std::string> found;
    for (const auto& item : items(target)) found.push_back(item.at(key));
    return found;
  }

  FakeNode node_;
  const SystemClock clock_;
  const std::unique_ptr<access::Gate> gate_ = access::Gate::make({}, clock_, nullptr).value();
  http::Server server_;
  std::optional<http::Client> client_;
};

TEST_F(AgentApi, drift_is_listed_newest_update_first_and_filtered) {
  auto old = sample_drift(1), open = sample_drift(2);
  old.state = wire::DriftState::resolved;
  open.resource = "file:/etc/app.conf";
  node_.all_drifts = {old, open};
  EXPECT_THAT(keys("/v1/drift", "id"), ElementsAre(open.id, old.id));
  EXPECT_THAT(keys("/v1/drift?state=resolved", "id"), ElementsAre(old.id));
  EXPECT_THAT(keys("/v1/drift?resource=file:/etc/app.conf", "id"), ElementsAre(open.id));
  EXPECT_THAT(keys("/v1/drift?resource=tofu:*nginx*", "id"), ElementsAre(old.id));
  EXPECT_THAT(keys("/v1/drift?since=" + http::percent_encode(rfc3339(open.updated_at)), "id"), ElementsAre(open.id));
}

TEST_F(AgentApi, pages_follow_on_without_loss_while_items_arrive) {
  for (int n = 1; n <= 7; ++n) node_.all_drifts.push_back(sample_drift(n));
  std::vector<std::string> seen;
  std::string target = "/v1/drift?limit=3";
  for (int page = 0; page < 3; ++page) {
    const auto body = json::parse(get(target).body);
    for (const auto& item : body.at("items")) seen.push_back(item.at("id"));
    node_.change([&](FakeNode& n) { n.all_drifts.push_back(sample_drift(8 + page)); });  // newer: not in later pages
    if (page == 2)
      EXPECT_TRUE(body.at("next_cursor").is_null());
    else
      target = "/v1/drift?limit=3&cursor=" + body.at("next_cursor").get<std::string>();
  }
  std::vector<std::string> want;
  for (int n = 7; n >= 1; --n) want.push_back(sample_drift(n).id);
  EXPECT_EQ(seen, want);
}

TEST_F(AgentApi, a_drift_comes_with_its_findings) {
  const auto drift = sample_drift();
  wire::Finding mine, other;
  mine.id = "f-1";
  mine.drift_id = drift.id;
  other.id = "f-9";
  node_.all_drifts = {drift};
  node_.all_findings = {other, mine};
  const auto body = json::parse(get("/v1/drift/" + drift.id).body);
  EXPECT_EQ(body.at("id"), drift.id);
  EXPECT_EQ(body.at("actor").at("lineage").size(), 2u);
  ASSERT_EQ(body.at("recent_findings").size(), 1u);
  EXPECT_EQ(body.at("recent_findings")[0].at("id"), "f-1");
  const auto missing = get("/v1/drift/none");
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, HasSubstr("this node knows no drift of that id"));
}

TEST_F(AgentApi, owners_are_looked_up_by_any_name) {
  wire::ResourceOwner bucket;
  bucket.resource = "tofu:net/aws_s3_bucket.logs";
  bucket.ids = {"arn:aws:s3:::shop logs"};
  bucket.rank = 2;
  bucket.reason = "this is its id";
  node_.all_owners = {bucket};
  const auto found = items("/v1/owners?of=" + http::percent_encode(bucket.ids[0]));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].at("resource"), bucket.resource);
  EXPECT_EQ(found[0].at("rank"), 2);
  EXPECT_EQ(items("/v1/owners?of=none").size(), 0u);
  EXPECT_EQ(get("/v1/owners").status, 400);
  EXPECT_EQ(get("/v1/owners?of=x&limit=1").status, 400);
}

TEST_F(AgentApi, resources_are_found_by_address_raw_encoded_and_escaped) {
  const std::string odd = "file:/etc/na\xffme\n%41?x";
  node_.all_resources = {sample_resource("file:/etc/nginx/nginx.conf", "/etc/nginx/nginx.conf"),
                         sample_resource("file:/b", "/b", wire::ComparisonResult::mismatch),
                         sample_resource("file:/b", "/a"), sample_resource(odd, odd.substr(5))};
  EXPECT_THAT(keys("/v1/resources/file:/etc/nginx/nginx.conf", "path"), ElementsAre("/etc/nginx/nginx.conf"));
  EXPECT_THAT(keys("/v1/resources/file%3A%2Fetc%2Fnginx%2Fnginx.conf", "path"), ElementsAre("/etc/nginx/nginx.conf"));
  EXPECT_THAT(keys("/v1/resources/file:/b", "path"), ElementsAre("/b", "/a"));
  EXPECT_EQ(items("/v1/resources/" + http::percent_encode(odd)).size(), 1u);
  const std::string shown = items("/v1/resources?resource=*na*me*")[0].at("resource");
  EXPECT_EQ(items("/v1/resources/" + http::percent_encode(shown)).size(), 1u);
  EXPECT_EQ(get("/v1/resources/file:/none").status, 404);
  EXPECT_THAT(keys("/v1/resources?comparison=mismatch", "path"), ElementsAre("/b"));
  const auto page = json::parse(get("/v1/resources?limit=1").body);
  EXPECT_EQ(page.at("items")[0].at("path"), "/a");
  EXPECT_THAT(keys("/v1/resources?limit=1&cursor=" + page.at("next_cursor").get<std::string>(), "path"),
              ElementsAre("/b"));
}

TEST_F(AgentApi, findings_are_filtered) {
  wire::Finding match, mismatch;
  match.id = "a";
  match.at = 2;
  match.verdict = wire::Verdict::in_band;
  mismatch.id = "b";
  mismatch.at = 1;
  mismatch.comparison = wire::ComparisonResult::mismatch;
  node_.all_findings = {match, mismatch};
  EXPECT_THAT(keys("/v1/findings", "id"), ElementsAre("a", "b"));
  EXPECT_THAT(keys("/v1/findings?comparison=mismatch", "id"), ElementsAre("b"));
  EXPECT_THAT(keys("/v1/findings?verdict=in_band", "id"), ElementsAre("a"));
}

TEST_F(AgentApi, bad_parameters_are_400_with_a_way_out) {
  for (const auto& [target, says] : std::vector<std::pair<std::string, std::string>>{
           {"/v1/drift?stat=open", "did you mean state? known: state, resource, since, limit, cursor"},
           {"/v1/drift?state=opne", "did you mean open?"},
           {"/v1/drift?limit=0", "from 1 to 1000"},
           {"/v1/drift?since=yesterday", "RFC 3339"},
           {"/v1/drift?cursor=x", "cursor of this list"},
           {"/v1/drift?cursor=" + http::encode_cursor("findings", "1/a"), "cursor of this list"},
           {"/v1/drift?cursor=" + http::encode_cursor("drift", "abc"), "cursor of this list"},
           {"/v1/drift?cursor=" + http::encode_cursor("drift", "17"), "cursor of this list"},
           {"/v1/drift?cursor=" + http::encode_cursor("drift", ""), "cursor of this list"},
           {"/v1/findings?cursor=abc", "cursor of this list"},
           {"/v1/findings?cursor=" + http::encode_cursor("findings", "1x/a"), "cursor of this list"},
           {"/v1/resources?cursor=" + http::encode_cursor("resources", "file:/a"), "cursor of this list"},
           {"/v1/drift/x?a=1", "known: none"},
           {"/v1/findings?verdict=bad", "known: out_of_band"},
           {"/v1/resources?since=2026-11-24T00:00:00Z", "known: resource, comparison"},
           {"/v1/blindspots?x", "not known"},
           {"/v1/stream?last_event_i=1", "did you mean last_event_id?"},
           {"/v1/stream?last_event_id=x", "not an id of this stream"},
           {"/readyz?verbos", "did you mean verbose?"}}) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_EQ(*http::find_field(response.headers, "content-type"), "application/problem+json");
    EXPECT_THAT(json::parse(response.body).at("detail").get<std::string>(), HasSubstr(says)) << target;
  }
}

TEST_F(AgentApi, probes_tell_machines_by_status_and_people_by_text) {
  EXPECT_EQ(get("/livez").body, "ok\n");
  EXPECT_EQ(get("/readyz?verbose").body, "[+]hooks ok\n[+]spool ok\nok\n");
  node_.change([](FakeNode& n) { n.ready_checks[1] = {"spool", false, "disk full"}; });
  const auto failed = get("/readyz");
  EXPECT_EQ(failed.status, 503);
  EXPECT_EQ(failed.body, "[+]hooks ok\n[-]spool failed: disk full\nfailed\n");
  const auto excluded = get("/readyz?verbose&exclude=spool&exclude=none");
  EXPECT_EQ(excluded.status, 200);
  EXPECT_EQ(excluded.body, "[+]hooks ok\n[+]spool excluded: disk full\nwarning: no check is called \"none\"\nok\n");
  EXPECT_EQ(get("/startupz").status, 200);
}

TEST_F(AgentApi, status_metrics_and_blind_spots) {
  node_.all_blind_spots = {{"mmap", "node", "says", "because", ""}};
  EXPECT_EQ(json::parse(get("/v1/status").body).at("node"), "node-1");
  EXPECT_EQ(items("/v1/blindspots?limit=1000")[0].at("id"), "mmap");
  const auto metrics = get("/metrics");
  EXPECT_EQ(*http::find_field(metrics.headers, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body, HasSubstr("plumbline_drift_open 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nplumbline_api_requests_total 3\n"));
}

TEST_F(AgentApi, blind_spots_come_in_pages) {
  node_.all_blind_spots = {{"path_not_watched", "/b", "s", "w", ""}, {"path_not_watched", "/a", "s", "w", ""}};
  const auto page = json::parse(get("/v1/blindspots?limit=1").body);
  EXPECT_EQ(page.at("items")[0].at("scope"), "/a");
  EXPECT_THAT(keys("/v1/blindspots?limit=1&cursor=" + page.at("next_cursor").get<std::string>(), "scope"),
              ElementsAre("/b"));
}

class AgentStream : public AgentApi {
 protected:
  /// Reads `count` events after `id`, as "id event data".
  std::vector<std::string> read(const std::string& id, std::size_t count, std::function<void()> on_open = {}) {
    std::vector<std::string> seen;
    const auto result = client_->stream("/v1/stream", id,
                                        {std::move(on_open),
                                         [&](const http::SseEvent& e) {
                                           seen.push_back(e.id + " " + e.event + " " + e.data);
                                           return seen.size() < count;
                                         },
                                         {}});
    EXPECT_TRUE(result) << result.error().message();
    return seen;
  }
};

TEST_F(AgentStream, begins_now_and_goes_on_as_things_happen) {
  node_.happen({{"finding", "{\"old\":1}"}});
  const auto seen = read("", 3, [&] {
    while (node_.subscribers() == 0) {
    }
    node_.happen({{"finding", "{\"n\":2}"}, {"drift", "{\"n\":2}"}});
    node_.happen({{"gap", "{\"n\":3}"}});
  });
  EXPECT_THAT(seen, ElementsAre("2.0 finding {\"n\":2}", "2.1 drift {\"n\":2}", "3.0 gap {\"n\":3}"));
}

TEST_F(AgentStream, resumes_in_the_middle_of_a_record) {
  node_.happen({{"finding", "1"}});
  node_.happen({{"finding", "2"}, {"drift", "2"}});
  node_.happen({{"finding", "3"}});
  EXPECT_THAT(read("2.0", 2), ElementsAre("2.1 drift 2", "3.0 finding 3"));
  EXPECT_THAT(read("2.1", 1), ElementsAre("3.0 finding 3"));
  EXPECT_THAT(read("2", 1), ElementsAre("3.0 finding 3"));
  EXPECT_THAT(read("0", 2), ElementsAre("1.0 finding 1", "2.0 finding 2"));
}

TEST_F(AgentStream, more_than_a_chunk_comes_whole_and_in_order) {
  for (int i = 1; i <= 500; ++i) node_.happen({{"finding", std::to_string(i)}, {"drift", std::to_string(i)}});
  const auto seen = read("0", 1000);
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    const std::string sequence = std::to_string(i / 2 + 1);
    EXPECT_EQ(seen[static_cast<std::size_t>(i)], sequence + (i % 2 == 0 ? ".0 finding " : ".1 drift ") + sequence);
  }
}

TEST_F(AgentStream, tells_what_it_can_no_longer_give) {
  for (int i = 1; i <= 5; ++i) node_.happen({{"finding", std::to_string(i)}});
  node_.forget(3);
  const auto late = read("1.0", 2);
  EXPECT_THAT(late[0], HasSubstr("3 gap {\"reason\":\"events_forgotten\",\"from_sequence\":1,\"until_sequence\":3"));
  EXPECT_EQ(late[1], "4.0 finding 4");
  EXPECT_THAT(read("3", 1), ElementsAre("4.0 finding 4"));  // nothing missed, and the gap's own id says so
  const auto stranger = read("99.0", 2);
  EXPECT_THAT(stranger[0], HasSubstr("3 gap {\"reason\":\"unknown_id\""));
  EXPECT_EQ(stranger[1], "4.0 finding 4");
}

TEST_F(AgentStream, begins_with_everything_where_the_header_is_no_id) {
  node_.happen({{"finding", "1"}});
  for (const char* id : {"abc", "/", "1.x", "99999999999999999999999"}) {
    const auto seen = read(id, 2);
    ASSERT_EQ(seen.size(), 2u) << id;
    EXPECT_THAT(seen[0], HasSubstr("gap {\"reason\":\"unknown_id\"")) << id;
    EXPECT_EQ(seen[1], "1.0 finding 1") << id;
  }
}

TEST_F(AgentStream, tells_its_place_before_the_first_event) {
  node_.happen({{"finding", "1"}});
  std::string id;
  const auto result = client_->stream("/v1/stream", "",
                                      {{},
                                       [](const http::SseEvent&) { return true; },
                                       [&](const std::string& at) {
                                         id = at;
                                         server_.stop();
                                       }});
  EXPECT_TRUE(result.has_error());  // the server ended it
  EXPECT_EQ(id, "1");
}

TEST(StreamPosition, is_a_sequence_or_a_sequence_and_an_index) {
  EXPECT_EQ(parse_stream_position("17")->sequence, 17u);
  EXPECT_EQ(parse_stream_position("17.1")->index, 1u);
  for (const char* bad : {"", ".", "17.", ".1", "-1", "17.x", "1 7", "99999999999999999999999"})
    EXPECT_FALSE(parse_stream_position(bad).has_value()) << bad;
}

TEST(Glob, star_stands_for_any_bytes) {
  EXPECT_TRUE(text_glob_matches("file:*", "file:/etc/a"));
  EXPECT_TRUE(text_glob_matches("*nginx*", "tofu:x/local_file.nginx[\"a\"]"));
  EXPECT_TRUE(text_glob_matches("*", ""));
  EXPECT_TRUE(text_glob_matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(text_glob_matches("a*b", "a-b-c"));
  EXPECT_FALSE(text_glob_matches("", "a"));
  EXPECT_FALSE(text_glob_matches("a?c", "abc"));
}

TEST_F(AgentApi, the_document_and_the_routes_agree) {
  const auto document = json::parse(get("/openapi.json").body);
  std::set<std::string> described, served;
  for (const auto& [path, item] : document.at("paths").items())
    for (const auto& [method, operation] : item.items()) described.insert(method + " " + path);
  for (const auto& route : server_.routes()) {
    std::string pattern = route.pattern;
    if (const auto dots = pattern.find("...}"); dots != std::string::npos) pattern.erase(dots, 3);
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
    served.insert(method.append(" ").append(pattern));
  }
  EXPECT_EQ(described, served);
}

TEST_F(AgentApi, the_document_names_every_parameter_and_every_reference_exists) {
  const auto document = json::parse(openapi_document());
  const auto resolve = [&](const json& value) {
    return value.contains("$ref") ? document.at(json::json_pointer(value.at("$ref").get<std::string>().substr(1)))
                                  : value;
  };
  const std::map<std::string, std::string> samples{{"state", "open"},       {"verdict", "in_band"},
                                                   {"comparison", "match"}, {"since", "2026-11-24T00:00:00Z"},
                                                   {"limit", "1"},          {"resource", "x"},
                                                   {"verbose", ""},         {"exclude", "none"},
                                                   {"cursor", "listed"},    {"of", "x"}};
  for (const auto& [path, item] : document.at("paths").items()) {
    if (path == "/v1/stream" || path.find('{') != std::string::npos) continue;
    for (const auto& reference : item.at("get").at("parameters")) {
      const std::string name = resolve(reference).at("name");
      const auto response = get(path + "?" + name + "=" + samples.at(name));
      if (name == "cursor")
        EXPECT_THAT(response.body, HasSubstr("not a cursor")) << path;
      else
        EXPECT_NE(response.status, 400) << path << " " << name;
    }
  }
  const std::function<void(const json&)> walk = [&](const json& value) {
    if (value.is_object() && value.contains("$ref")) {
      EXPECT_NO_THROW(resolve(value)) << value;
    }
    if (value.is_structured())
      for (const auto& child : value) walk(child);
  };
  walk(document);
}

}  // namespace
}  // namespace plumbline::agent
