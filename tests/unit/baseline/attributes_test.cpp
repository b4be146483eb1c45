#include "baseline/value/attributes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const KeyedHash key(std::array<std::byte, 32>{});
const Fingerprinter fingerprints(key);

std::vector<Attribute> read(const std::string& json, const AttributeRules& rules = {}, std::string_view prefix = {}) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::vector<Attribute> out;
  if (parser.parse(json).get_object().get(object) != simdjson::SUCCESS) {
    ADD_FAILURE() << "not an object: " << json;
    return out;
  }
  append_attributes(object, rules, fingerprints, out, prefix);
  return out;
}

std::vector<std::string> paths(const std::vector<Attribute>& attributes) {
  std::vector<std::string> all;
  for (const auto& attribute : attributes) all.push_back(attribute.path);
  return all;
}

Attribute at(const std::vector<Attribute>& attributes, const std::string& path) {
  for (const auto& attribute : attributes)
    if (attribute.path == path) return attribute;
  ADD_FAILURE() << "no " << path;
  return {};
}

/// What differs between two states of a thing, as far as the first one declares it.
std::vector<std::string> drift(const std::string& declared, const std::string& live, const AttributeRules& rules = {},
                               const std::vector<std::string>& ignored = {}) {
  std::map<std::string, Fingerprint> found;
  for (const auto& attribute : read(live, rules)) found[attribute.path] = attribute.hash;
  std::vector<std::string> differs;
  for (const auto& attribute : read(declared, rules)) {
    const bool is_ignored = std::any_of(ignored.begin(), ignored.end(),
                                        [&](const std::string& of) { return is_within(attribute.path, of); });
    if (!is_ignored && found[attribute.path] != attribute.hash) differs.push_back(attribute.path);
  }
  return differs;
}

TEST(Attributes, maps_are_flattened_and_lists_are_one_value) {
  const auto all = read(R"({"acl":"private","tags":{"Name":"web","team":{"id":7}},"ports":[443,80]})");
  EXPECT_THAT(paths(all), ElementsAre("acl", "tags.Name", "tags.team.id", "ports"));
  EXPECT_EQ(at(all, "acl").value, R"("private")");
  EXPECT_EQ(at(all, "tags.team.id").value, R"("7")");
  EXPECT_EQ(at(all, "ports").value, R"(["443","80"])");
  EXPECT_EQ(at(all, "ports").hash, fingerprints.of(R"(["443","80"])"));
}

TEST(Attributes, dots_in_keys_do_not_look_like_paths) {
  EXPECT_THAT(paths(read(R"({"a.b":{"c\\d":1},"e":{"f.g":2}})")), ElementsAre(R"(a\.b.c\\d)", R"(e.f\.g)"));
  EXPECT_EQ(path_part("a.b\\c"), R"(a\.b\\c)");
}

TEST(Attributes, what_is_in_a_key_without_a_name_is_not_what_is_beside_it) {
  EXPECT_THAT(paths(read(R"({"":{"a":1},"a":2})")), ElementsAre(R"(\e.a)", "a"));
  EXPECT_THAT(paths(read(R"({"":1,"a":{"":2}})")), ElementsAre(R"(\e)", R"(a.\e)"));
}

TEST(Attributes, what_is_declared_to_be_absent_is_kept_as_such) {
  for (const auto& attribute : read(R"({"a":null,"b":"","c":[],"d":{},"e":[null],"f":{"tags":{}}})")) {
    EXPECT_EQ(attribute.hash, 0u) << attribute.path;
    EXPECT_EQ(attribute.value, "");
  }
  EXPECT_EQ(at(read(R"({"n":0})"), "n").value, R"("0")");
  EXPECT_EQ(at(read(R"({"DefaultAction":{"Allow":{}}})"), "DefaultAction.Allow").value, "{}");
}

TEST(Attributes, the_prefix_stands_before_each_path_and_rules_know_of_it) {
  AttributeRules rules;
  rules.computed = {"spec.status"};
  rules.sensitive = {"spec.a"};
  const auto all = read(R"({"a":"x","b":"y","status":"z"})", rules, "spec");
  EXPECT_THAT(paths(all), ElementsAre("spec.a", "spec.b"));
  EXPECT_TRUE(at(all, "spec.a").sensitive);
  EXPECT_FALSE(at(all, "spec.b").sensitive);
  rules.computed = {"spec"};
  EXPECT_TRUE(read(R"({"a":"x"})", rules, "spec").empty());
  rules.computed = {};
  rules.sensitive = {"spec"};
  EXPECT_TRUE(at(read(R"({"a":"x"})", rules, "spec.deep"), "spec.deep.a").sensitive);
}

TEST(Attributes, rules_reach_what_is_below_a_path_and_nothing_beside_it) {
  AttributeRules rules;
  rules.computed = {"meta.etag", "status"};
  rules.sensitive = {"login", R"(tags.a\.b)"};
  const auto all = read(R"({"meta":{"etag":"1","etags":"2"},"status":{"x":1},"status_code":3,
                            "login":{"user":"u","more":{"x":"v"}},"logins":"w","tags":{"a.b":"s","a":{"b":"t"}}})",
                        rules);
  EXPECT_THAT(paths(all), ElementsAre("meta.etags", "status_code", "login.user", "login.more.x", "logins",
                                      R"(tags.a\.b)", "tags.a.b"));
  for (const auto& attribute : all)
    EXPECT_EQ(attribute.sensitive, attribute.path.starts_with("login.") || attribute.path == R"(tags.a\.b)")
        << attribute.path;
  rules.computed = {""};
  EXPECT_TRUE(read(R"({"a":1})", rules).empty());
  rules.computed = {};
  rules.sensitive = {""};
  EXPECT_TRUE(at(read(R"({"a":"x"})", rules), "a").sensitive);
}

TEST(Attributes, is_within_goes_by_parts) {
  EXPECT_TRUE(is_within("tags", "tags"));
  EXPECT_TRUE(is_within("tags.Name", "tags"));
  EXPECT_TRUE(is_within("ports[name=web].port", "ports"));
  EXPECT_TRUE(is_within("anything", ""));
  EXPECT_FALSE(is_within("tags_all", "tags"));
  EXPECT_FALSE(is_within("tags", "tags.Name"));
}

// The complaints of users of such tools, as far as they concern values.

TEST(Attributes, those_of_one_object_after_the_other_are_what_each_has_alone) {
  AttributeRules rules;
  rules.computed = {"arn", "status.at"};
  rules.sensitive = {"db.key"};
  AttributeWalk walk(fingerprints);
  walk.use(rules);
  std::vector<Attribute> out;
  const std::vector<std::string> objects = {
      R"({"a":"x","arn":"1","tags":{"Name":"web","n":5},"on":true,"list":[1,2],"end":"z"})",
      R"({"a":"x","arn":"2","tags":{"Name":"web","n":"5"},"on":"true","list":[2,1],"end":"z"})",
      R"({"a":"5","arn":"2","tags":{"n":"5","Name":"5"},"on":5,"list":"5","end":null})",
      R"({"a":5,"arn":"2","tags":{},"n":"5","Name":"5","on":5,"list":{},"end":""})",
      R"({"a":"q\"q","b":"b\\n","c":"Bearer abcdefgh","d":{"password":"x","ok":"x"}})",
      R"({"a":"q\\\"q","b":"b\n","c":"Bearer","d":{"password":"x","ok":"x"}})",
      R"({"a":"q\"q","b":"b\\\\n","c":"Bearer abcdefgh","d":{"password":"y","ok":"x"}})",
      R"({"protocol":"TCP","id":"/subscriptions/A","db":{"key":"k","user":"u"},"status":{"at":1,"is":2}})",
      R"({"protocol":"tcp","id":"/subscriptions/a","db":{"key":"u","user":"k"},"status":{"at":2,"is":2}})",
      R"({"":{"":{"x":{}}},"p":"{\"a\":1}","s":"v"})",
      R"({"":{"":"x"},"x":{},"p":"{\"a\": 1}","s":"v","s":"w"})",
      R"({"m":{"x":"v"}})",
      R"({"m":{"x":{}}})",
      R"({"m":{"x":""}})",
      R"({"s":"v","s":"v"})",
      R"({"s":"w","t":{"s":"v"}})",
      "{\"s\":\"" + std::string(400, 'w') + "\"}",
      "{\"s\":\"" + std::string(400, 'w') + "\",\"t\":\"v\"}",
      "{}"};
  for (int round = 0; round < 2; ++round)
    for (const auto& json : objects)
      for (int twice = 0; twice < 2; ++twice) {
        simdjson::dom::parser parser;
        walk.replace(parser.parse(json).get_object().value(), out);
        const auto alone = read(json, rules);
        ASSERT_EQ(paths(out), paths(alone)) << json;
        for (std::size_t i = 0; i < out.size(); ++i) {
          EXPECT_EQ(out[i].hash, alone[i].hash) << json << " " << out[i].path;
          EXPECT_EQ(out[i].value, alone[i].value) << json << " " << out[i].path;
          EXPECT_EQ(out[i].sensitive, alone[i].sensitive) << json << " " << out[i].path;
        }
      }
}

TEST(Drift, what_the_provider_computes_is_none) {
  AttributeRules rules;
  rules.computed = {"etag", "last_modified", "arn"};
  EXPECT_TRUE(drift(R"({"name":"a","etag":"1","last_modified":"Mon","arn":"x"})",
                    R"({"name":"a","etag":"2","last_modified":"Tue","arn":"y"})", rules)
                  .empty());
}

TEST(Drift, a_policy_that_is_written_another_way_is_none) {
  EXPECT_TRUE(
      drift(
          R"({"policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\"]}]}"})",
          R"({"policy":"{ \"Statement\": {\"Action\": \"S3:get*\", \"Effect\": \"Allow\"}, \"Version\": \"2012-10-17\" }"})")
          .empty());
}

TEST(Drift, a_policy_is_one_value_however_it_is_embedded) {
  const std::string text = R"({"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get*\"]}]}"})";
  const std::string object = R"({"Policy":{"Statement":{"Effect":"Allow","Action":"s3:get*"}}})";
  EXPECT_TRUE(drift(text, object).empty());
  EXPECT_TRUE(drift(object, text).empty());
}

TEST(Drift, null_empty_and_absent_are_one) {
  EXPECT_TRUE(drift(R"({"a":null,"b":"","c":[],"d":{},"e":null})", R"({"a":"","b":[],"c":{},"d":null})").empty());
  EXPECT_THAT(drift(R"({"a":null,"b":""})", R"({"a":"x","b":false})"), ElementsAre("a", "b"));
}

TEST(Drift, the_order_of_a_set_is_none_and_that_of_a_command_is) {
  EXPECT_TRUE(
      drift(R"({"groups":["a","b"],"rules":[{"p":1},{"p":2}]})", R"({"groups":["b","a"],"rules":[{"p":2},{"p":1}]})")
          .empty());
  EXPECT_THAT(drift(R"({"command":["a","b"]})", R"({"command":["b","a"]})"), ElementsAre("command"));
  AttributeRules kubernetes;
  kubernetes.lists = Lists::ordered;
  EXPECT_THAT(drift(R"({"any":["a","b"]})", R"({"any":["b","a"]})", kubernetes), ElementsAre("any"));
}

TEST(Drift, types_that_tools_disagree_about_are_none) {
  EXPECT_TRUE(drift(R"({"port":443,"on":true,"n":5})", R"({"port":"443","on":"true","n":5.0})").empty());
  EXPECT_THAT(drift(R"({"id":9007199254740993})", R"({"id":9007199254740992})"), ElementsAre("id"));
}

TEST(Drift, what_nobody_declared_is_none) {
  EXPECT_TRUE(drift(R"({"tags":{"a":"1"}})", R"({"tags":{"a":"1","aws:created-by":"x"},"default":true})").empty());
}

TEST(Drift, what_the_author_ignores_is_none_but_the_rest_is) {
  const std::vector<std::string> ignored = {"spec.replicas", "tags"};
  EXPECT_THAT(drift(R"({"spec":{"replicas":2,"paused":true},"tags":{"a":"1"}})",
                    R"({"spec":{"replicas":5,"paused":false},"tags":{"a":"2"}})", {}, ignored),
              ElementsAre("spec.paused"));
}

TEST(Drift, long_values_are_compared_though_they_are_not_shown) {
  const std::string a(5000, 'a'), b = a.substr(1) + "b";
  EXPECT_EQ(at(read(R"({"text":")" + a + "\"}"), "text").value, "");
  EXPECT_THAT(drift(R"({"text":")" + a + "\"}", R"({"text":")" + b + "\"}"), ElementsAre("text"));
  const std::string shown(max_shown - 2, 'a');
  EXPECT_EQ(at(read(R"({"text":")" + shown + "\"}"), "text").value.size(), max_shown);
  EXPECT_EQ(at(read(R"({"text":")" + shown + "a\"}"), "text").value, "");
}

TEST(Drift, an_open_firewall_is_one) {
  EXPECT_THAT(drift(R"({"DefaultAction":{"Block":{}}})", R"({"DefaultAction":{"Allow":{}}})"),
              ElementsAre("DefaultAction.Block"));
  EXPECT_THAT(drift(R"({"default_action":[{"allow":[],"block":[{"response":[]}]}]})",
                    R"({"default_action":[{"allow":[{"response":[]}],"block":[]}]})"),
              ElementsAre("default_action"));
}

// Secrets.

TEST(Secrets, are_never_kept_wherever_they_stand) {
  AttributeRules rules;
  rules.sensitive = {"marked", "deep.marked"};
  rules.is_secret = [](simdjson::dom::element value) {
    return value["4dabf18193072939515e22adb298388d"].error() == simdjson::SUCCESS;
  };
  const std::string json = R"({
    "marked": "canary-1", "deep": {"marked": {"x": "canary-2"}}, "master_password": "canary-3",
    "credentials": {"user": "canary-4"}, "user_data": "canary-5", "url": "https://a:canary-6@h/",
    "key": "-----BEGIN PRIVATE KEY-----\ncanary-7", "list": [{"db_password": "canary-8"}],
    "environment": [{"name": "API_TOKEN", "value": "canary-9"}], "command": ["run", "--token=canary-10"],
    "json": "{\"x\":{\"clientSecret\":\"canary-11\"}}", "text": "password: canary-12",
    "envelope": {"4dabf18193072939515e22adb298388d": "x", "value": "canary-13"},
    "header": "Bearer canary-14", "tokens": ["canary-15"], "variables": {"DB_PASSWORD": "canary-16"}})";
  const auto all = read(json, rules);
  EXPECT_EQ(all.size(), 16u);
  for (const auto& attribute : all) {
    EXPECT_TRUE(attribute.sensitive) << attribute.path;
    EXPECT_EQ(attribute.value, "") << attribute.path;
    EXPECT_NE(attribute.hash, 0u) << attribute.path;
    EXPECT_THAT(attribute.path, Not(HasSubstr("canary")));
  }
}

TEST(Secrets, are_still_compared) {
  EXPECT_THAT(drift(R"({"password":"hunter2","token":"a"})", R"({"password":"hunter3","token":"a"})"),
              ElementsAre("password"));
}

TEST(Secrets, all_of_a_thing_may_be_one) {
  AttributeRules rules;
  rules.all_sensitive = true;
  for (const auto& attribute : read(R"({"a":"x","b":{"c":true},"d":null})", rules)) {
    EXPECT_TRUE(attribute.sensitive) << attribute.path;
    EXPECT_EQ(attribute.value, "");
  }
}

TEST(Secrets, true_and_false_are_none_and_absent_ones_stay_hidden) {
  const auto all = read(R"({"get_password_data":false,"password":null,"token":"","access_key_id":"AKIA"})");
  EXPECT_EQ(at(all, "get_password_data").value, R"("false")");
  EXPECT_EQ(at(all, "access_key_id").value, R"("AKIA")");
  // The live value of such a one must not be shown.
  EXPECT_TRUE(at(all, "password").sensitive);
  EXPECT_TRUE(at(all, "token").sensitive);
}

TEST(Attributes, a_name_beside_a_value_tells_of_it_in_either_order) {
  const auto all = read(R"({"a":{"value":"x","name":"DB_PASSWORD"},"b":{"Key":"ApiToken","Value":{"c":"x"},"d":"x"},
    "e":{"name":"level","value":"x"},"f":{"name":"DB_PASSWORD","value":true},"g":{"name":["DB_PASSWORD"],"value":"x"}})");
  for (const char* path : {"a.value", "b.Value.c"}) EXPECT_TRUE(at(all, path).sensitive) << path;
  for (const char* path : {"a.name", "b.Key", "b.d", "e.value", "f.value", "g.value"})
    EXPECT_FALSE(at(all, path).sensitive) << path;
  std::string many = R"({"name":"level")";
  for (int i = 0; i < 100000; ++i) many += R"(,"value":"x")";
  EXPECT_EQ(read(many + "}").size(), 100001u);  // in time
}

TEST(Attributes, a_mark_within_a_policy_is_one_of_all_of_it) {
  AttributeRules rules;
  rules.sensitive = {"policy.extra"};
  const auto all = read(R"({"policy":{"Statement":[{"Effect":"Allow"}],"extra":"x"}})", rules);
  EXPECT_TRUE(at(all, "policy").sensitive);
  rules.sensitive = {"policy2.extra"};
  EXPECT_FALSE(at(read(R"({"policy":{"Statement":[{"Effect":"Allow"}],"extra":"x"}})", rules), "policy").sensitive);
}

}  // namespace
}  // namespace plumbline::baseline
