#include "baseline/value/canonical.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "baseline/value/wiped_text.hpp"

namespace plumbline::baseline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Canonical {
  std::string text;
  bool secret = false;
};

Canonical write(const std::string& json, Lists lists, const std::string& name = {}) {
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  Canonical result;
  if (parser.allocate(json.size() + 64, 1024) != simdjson::SUCCESS ||
      parser.parse(json).get(value) != simdjson::SUCCESS)
    return {"(not JSON)"};
  result.secret = append_canonical(value, lists, result.text, name);
  return result;
}

std::string set_of(const std::string& json, const std::string& name = {}) {
  return write(json, Lists::unordered, name).text;
}
std::string list_of(const std::string& json, const std::string& name = {}) {
  return write(json, Lists::ordered, name).text;
}
bool secret(const std::string& json) {
  return write(json, Lists::unordered).secret;
}

/// As a JSON string.
std::string in_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

TEST(Canonical, null_and_everything_empty_are_absent) {
  for (const char* json :
       {"null", R"("")", "[]", "{}", "[[]]", R"(["",null])", R"({"tags":{}})", R"({"a":null,"b":""})"}) {
    EXPECT_EQ(set_of(json), "") << json;
    EXPECT_EQ(list_of(json), "") << json;
  }
}

TEST(Canonical, false_and_zero_are_values) {
  EXPECT_EQ(set_of("false"), R"("false")");
  EXPECT_EQ(set_of("0"), R"("0")");
  EXPECT_EQ(set_of(R"(" ")"), R"(" ")");
  EXPECT_EQ(set_of(R"({"self":false,"port":0,"other":null})"), R"({"port":"0","self":"false"})");
}

TEST(Canonical, numbers_and_booleans_are_texts_to_some_tools) {
  EXPECT_EQ(set_of("5"), set_of(R"("5")"));
  EXPECT_EQ(set_of("true"), set_of(R"("true")"));
  EXPECT_EQ(set_of("5.0"), R"("5")");
  EXPECT_EQ(set_of("1e3"), R"("1000")");
  EXPECT_EQ(set_of("-0"), R"("0")");
  EXPECT_EQ(set_of("-0.0"), R"("0")");
  EXPECT_EQ(set_of("0.1"), R"("0.1")");
  EXPECT_EQ(set_of("1e-1"), R"("0.1")");
  EXPECT_NE(set_of(R"("1.10")"), set_of("1.1"));  // a version
}

TEST(Canonical, integers_keep_every_digit) {
  EXPECT_EQ(set_of("9007199254740993"), R"("9007199254740993")");  // 2^53 + 1
  EXPECT_EQ(set_of("9223372036854775807"), R"("9223372036854775807")");
  EXPECT_EQ(set_of("-9223372036854775808"), R"("-9223372036854775808")");
  EXPECT_EQ(set_of("18446744073709551615"), R"("18446744073709551615")");
  EXPECT_EQ(set_of("1e19"), set_of("10000000000000000000"));
  EXPECT_EQ(set_of("1e300"), R"("1e+300")");
  EXPECT_EQ(set_of(R"("123456789012345678901234567890")"), R"("123456789012345678901234567890")");
}

TEST(Canonical, keys_have_no_order) {
  EXPECT_EQ(set_of(R"({"b":1,"a":{"d":2,"c":3}})"), R"({"a":{"c":"3","d":"2"},"b":"1"})");
}

TEST(Canonical, of_a_key_that_stands_twice_the_last_one_counts) {
  EXPECT_EQ(set_of(R"({"a":1,"b":2,"a":3})"), R"({"a":"3","b":"2"})");
  EXPECT_EQ(set_of(R"({"a":1,"a":null})"), "");
}

TEST(Canonical, sets_have_no_order_and_lists_have_one) {
  EXPECT_EQ(set_of(R"(["b","a","b"])"), R"(["a","b","b"])");
  EXPECT_EQ(list_of(R"(["b","a"])"), R"(["b","a"])");
  EXPECT_EQ(set_of(R"([{"port":2},{"port":1}])"), R"([{"port":"1"},{"port":"2"}])");
  EXPECT_EQ(set_of("[10,9]"), set_of("[9,10]"));
}

TEST(Canonical, what_is_absent_keeps_its_place_in_a_list_and_has_none_in_a_set) {
  EXPECT_EQ(set_of(R"(["a","",null])"), R"(["a"])");
  EXPECT_EQ(list_of(R"(["a","",null])"), R"(["a",null,null])");
  EXPECT_NE(list_of(R"(["","a"])"), list_of(R"(["a",""])"));
  EXPECT_EQ(list_of(R"(["null",null])"), R"(["null",null])");
}

TEST(Canonical, a_command_is_a_list_to_every_tool) {
  for (const char* name : {"command", "Command", "entry_point", "entryPoint", "ExecStart", "args", "cache_behaviors"}) {
    EXPECT_EQ(set_of(R"(["sh","-c"])", name), R"(["sh","-c"])") << name;
    EXPECT_EQ(set_of("{\"x\":1,\"" + std::string(name) + R"(":["sh","-c"]})"),
              "{" + (std::string(name) < "x" ? "\"" + std::string(name) + R"(":["sh","-c"],"x":"1"})" : ""));
  }
  EXPECT_TRUE(ordered_by_name("ENTRY-POINT"));
  EXPECT_FALSE(ordered_by_name("security_groups"));
  EXPECT_FALSE(ordered_by_name("container_definitions"));  // the provider itself sorts them by name
  EXPECT_FALSE(ordered_by_name(std::string(1000, 'x')));
}

TEST(Canonical, only_the_named_list_is_in_order_not_the_sets_within) {
  EXPECT_EQ(set_of(R"([{"run":"b","ports":[2,1]},{"run":"a"}])", "steps"),
            R"([{"ports":["1","2"],"run":"b"},{"run":"a"}])");
}

TEST(Canonical, an_empty_object_within_says_that_something_is_there) {
  // A network policy that lets everybody in, and one that lets nobody in.
  EXPECT_EQ(list_of("[{}]"), "[{}]");
  EXPECT_NE(list_of(R"([{"from":[{"namespaceSelector":{},"podSelector":{"app":"x"}}]}])"),
            list_of(R"([{"from":[{"podSelector":{"app":"x"}}]}])"));
  // A firewall that lets through, and one that does not.
  EXPECT_NE(set_of(R"([{"Action":{"Allow":{}}}])"), set_of(R"([{"Action":{"Block":{}}}])"));
  EXPECT_NE(set_of(R"([{"allow":[{"custom":[]}],"block":[]}])"), set_of(R"([{"allow":[],"block":[{"custom":[]}]}])"));
  // But a map with nothing in it is none.
  EXPECT_EQ(set_of(R"([{"name":"a","tags":{},"labels":{},"metadata":{}}])"), set_of(R"([{"name":"a","tags":null}])"));
}

TEST(Canonical, json_within_a_string_is_compared_as_json) {
  EXPECT_EQ(set_of(in_quotes(R"({ "b" : 2, "a" : [2, 1] })")), R"({"a":["1","2"],"b":"2"})");
  EXPECT_EQ(set_of(in_quotes("\t[1,\n 2]\n")).find('\n'), std::string::npos);
  EXPECT_EQ(set_of("{\"policy\":" + in_quotes(R"({"x":1})") + "}"), R"({"policy":{"x":"1"}})");
  EXPECT_EQ(set_of(in_quotes(R"(["sh","-c"])"), "command"), R"(["sh","-c"])");
}

TEST(Canonical, text_that_only_begins_like_json_is_text) {
  for (const char* text : {"{", "{}x", "{a}", "[1,2", "[1,]", "{\"a\":1} {\"b\":2}", "5", "true", "{{ template }}"})
    EXPECT_EQ(set_of(in_quotes(text)), in_quotes(text)) << text;
  EXPECT_EQ(canonical_text(R"({"a":1})").text, R"({"a":"1"})");
  EXPECT_EQ(canonical_text("{}").text, "");
  EXPECT_EQ(canonical_text("").text, "");
}

TEST(Canonical, json_in_strings_is_followed_three_deep_or_not_at_all) {
  std::string json = R"({"a":1})";
  for (int depth = 0; depth < 3; ++depth) json = "{\"s\":" + in_quotes(json) + "}";
  EXPECT_EQ(set_of(json), R"({"s":{"s":{"s":{"a":"1"}}}})");
  const std::string four = "{\"s\":" + in_quotes(json) + "}";
  EXPECT_EQ(set_of(four), four);
  EXPECT_TRUE(secret(four));  // what nobody has looked into may hold anything
}

TEST(Canonical, deep_json_in_a_string_is_text) {
  const std::string deep = std::string(100, '[') + "1" + std::string(100, ']');
  EXPECT_EQ(set_of(in_quotes(deep)), in_quotes(deep));
  EXPECT_EQ(set_of(std::string(200, '[') + "1" + std::string(200, ']')),
            std::string(200, '[') + "\"1\"" + std::string(200, ']'));
}

TEST(Canonical, texts_are_escaped) {
  EXPECT_EQ(set_of(R"("a\"b\\c\nd\u0001\u0000f\/")"), R"("a\"b\\c\u000ad\u0001\u0000f/")");
  EXPECT_EQ(set_of(R"({"a\"b":"ü€😀"})"), R"({"a\"b":"ü€😀"})");
}

TEST(Canonical, case_does_not_count_where_the_cloud_ignores_it) {
  EXPECT_EQ(set_of(R"("/subscriptions/AB/resourceGroups/Web")"), set_of(R"("/subscriptions/ab/resourcegroups/web")"));
  EXPECT_EQ(set_of(R"("TCP")", "protocol"), set_of(R"("tcp")", "ip_protocol"));
  EXPECT_EQ(set_of(R"([{"IpProtocol":"TCP"}])"), R"([{"IpProtocol":"tcp"}])");
  EXPECT_NE(set_of(R"("Web")"), set_of(R"("web")"));
}

std::string policy(const std::string& statement) {
  return set_of(in_quotes(R"({"Version":"2012-10-17","Statement":)" + statement + "}"));
}

TEST(CanonicalPolicy, order_and_lists_of_one_do_not_count) {
  EXPECT_EQ(policy(R"([{"Effect":"Allow","Action":["s3:Put*","s3:Get*"],"Resource":["*"]},
                       {"Effect":"Deny","NotAction":["iam:*"],"NotResource":"x"}])"),
            policy(R"([{"Effect":"Deny","NotAction":"iam:*","NotResource":["x"]},
                       {"Resource":"*","Action":["s3:Get*","s3:Put*"],"Effect":"Allow"}])"));
  EXPECT_EQ(policy(R"([{"Effect":"Allow","Action":"a:b"}])"), policy(R"({"Effect":"Allow","Action":["a:b"]})"));
  EXPECT_EQ(policy(R"({"Effect":"Allow","Action":["a:b","a:b"]})"), policy(R"({"Effect":"Allow","Action":"a:b"})"));
  EXPECT_EQ(policy(R"({"Effect":"Allow","Condition":{}})"), policy(R"({"Effect":"Allow"})"));
}

TEST(CanonicalPolicy, what_it_allows_counts) {
  const std::string allow = policy(R"({"Effect":"Allow","Action":"s3:Get*"})");
  EXPECT_NE(allow, policy(R"({"Effect":"Deny","Action":"s3:Get*"})"));
  EXPECT_NE(allow, policy(R"({"Effect":"Allow","NotAction":"s3:Get*"})"));
  EXPECT_NE(allow, policy(R"({"Effect":"Allow","Action":["s3:Get*","s3:Put*"]})"));
  EXPECT_NE(policy(R"({"Effect":"Allow","Resource":"arn:aws:s3:::B"})"),
            policy(R"({"Effect":"Allow","Resource":"arn:aws:s3:::b"})"));
}

TEST(CanonicalPolicy, version_id_and_sid_count) {
  EXPECT_NE(set_of(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]})"),
            set_of(R"({"Version":"2008-10-17","Statement":[{"Effect":"Allow"}]})"));
  EXPECT_NE(set_of(R"({"Id":"a","Statement":[{"Effect":"Allow"}]})"), set_of(R"({"Statement":[{"Effect":"Allow"}]})"));
  EXPECT_NE(policy(R"({"Effect":"Allow","Sid":"a"})"), policy(R"({"Effect":"Allow","Sid":"b"})"));
}

TEST(CanonicalPolicy, case_of_actions_and_condition_keys_does_not_count) {
  EXPECT_EQ(policy(R"({"Effect":"Allow","Action":"S3:getobject"})"),
            policy(R"({"Effect":"Allow","Action":["s3:GetObject"]})"));
  EXPECT_EQ(policy(R"({"Effect":"Allow","Condition":{"Bool":{"AWS:SecureTransport":true,"aws:b":1}}})"),
            policy(R"({"Effect":"Allow","Condition":{"Bool":{"aws:B":["1"],"aws:SecureTransport":["true"]}}})"));
  EXPECT_NE(policy(R"({"Effect":"Allow","Condition":{"StringEquals":{"aws:username":"John"}}})"),
            policy(R"({"Effect":"Allow","Condition":{"StringEquals":{"aws:username":"john"}}})"));
}

TEST(CanonicalPolicy, an_account_is_its_root) {
  const auto principal = [](const std::string& of) { return policy(R"({"Effect":"Allow","Principal":)" + of + "}"); };
  EXPECT_EQ(principal(R"({"AWS":"123456789012"})"), principal(R"({"AWS":["arn:aws:iam::123456789012:root"]})"));
  EXPECT_EQ(principal(R"({"AWS":"123456789012"})"), principal(R"({"AWS":"arn:aws-cn:iam::123456789012:root"})"));
  EXPECT_EQ(principal(R"({"AWS":["2","123456789012"]})"),
            principal(R"({"AWS":["arn:aws:iam::123456789012:root","2"]})"));
  EXPECT_NE(principal(R"({"AWS":"123456789012"})"), principal(R"({"AWS":"arn:aws:iam::123456789012:role/root"})"));
  EXPECT_NE(principal(R"({"AWS":"123456789012"})"), principal(R"({"Federated":"arn:aws:iam::123456789012:root"})"));
  // Services tell these apart: only the second one may mean somebody without an account.
  EXPECT_NE(principal(R"({"AWS":"*"})"), principal(R"("*")"));
  EXPECT_EQ(principal(R"({"AWS":"arn:aws:iam::"})"), principal(R"({"AWS":["arn:aws:iam::"]})"));
  EXPECT_EQ(principal(R"({"AWS":"arn:aws:iam::root"})"), principal(R"({"AWS":["arn:aws:iam::root"]})"));
}

TEST(CanonicalPolicy, a_firewall_is_no_policy) {
  const std::string text = set_of(R"({"Statement":{"ByteMatch":["x"]},"Action":{"Block":{}},"Name":"R"})");
  EXPECT_EQ(text, R"({"Action":{"Block":{}},"Name":"R","Statement":{"ByteMatch":["x"]}})");
}

TEST(CanonicalPolicy, names_in_it_are_no_secrets) {
  EXPECT_FALSE(secret(R"({"Statement":[{"Effect":"Allow","Condition":{"Date":{"aws:TokenIssueTime":"x"}}}]})"));
}

TEST(CanonicalPolicy, is_the_same_text_with_a_secret_in_it) {
  const std::string json = R"({"Statement":[{"Effect":"Allow","x":" [\"--password\",\"hunter2\"]"}]})";
  EXPECT_EQ(set_of(json), R"({"Statement":{"Effect":"Allow","x":" [\"--password\",\"hunter2\"]"}})");
  EXPECT_TRUE(secret(json));
  std::string deep = "[1]";
  for (int i = 0; i < 4; ++i) deep = "[" + in_quotes(deep) + "]";
  EXPECT_TRUE(secret(R"({"Statement":[{"Effect":"Allow","x":)" + in_quotes(deep) + "}]}"));
  EXPECT_FALSE(secret(R"({"Statement":[{"Effect":"Allow","x":"[\"--level\",\"debug\"]"}]})"));
}

TEST(Canonical, tells_of_secrets_within) {
  EXPECT_TRUE(secret(R"([{"user":"a","password":"hunter2"}])"));
  EXPECT_TRUE(secret(R"([{"name":"DB_PASSWORD","value":"hunter2"}])"));
  EXPECT_TRUE(secret(R"([{"Value":"hunter2","Key":"ApiKey"}])"));
  EXPECT_TRUE(secret(in_quotes(R"([{"name":"x","environment":[{"name":"DB_PASSWORD","value":"hunter2"}]}])")));
  EXPECT_TRUE(secret(R"(["--password=hunter2"])"));
  EXPECT_TRUE(secret(R"(["postgres://app:hunter2@db/app"])"));
  EXPECT_FALSE(secret(R"([{"name":"DB_PASSWORD","valueFrom":"arn:aws:ssm:x"}])"));
  EXPECT_FALSE(secret(R"([{"password":null,"automount_token":true}])"));
  EXPECT_FALSE(secret(R"([{"name":"LEVEL","value":"debug"},{"cidr_blocks":["10.0.0.0/8"]}])"));
}

TEST(Canonical, is_the_same_when_seen_again) {
  for (const char* json :
       {R"({"Statement":[{"Effect":"Allow","Action":["B","A"],"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}]})",
        R"({"Statement":"[{\"Effect\":\"Allow\"}]","x":["b"]})", R"({"Statement":[{"Effect":5,"Action":["A"]}]})",
        R"({"Statement":[{"Effect":""}],"Id":"{\"a\":1}"})", R"([1.5,[],"{}",{"a":{"b":{}}}])"}) {
    const std::string once = set_of(json);
    EXPECT_EQ(set_of(once), once) << json;
  }
}

TEST(Canonical, is_appended) {
  std::string out = "x=";
  simdjson::dom::parser parser;
  const std::string json = R"(["b","a"])";
  (void)append_canonical(parser.parse(json), Lists::unordered, out);
  EXPECT_EQ(out, R"(x=["a","b"])");
}

TEST(Canonical, large_and_hostile_values_are_done_in_time) {
  std::string many = "[";
  for (int i = 200000; i > 0; --i) many += (many.size() > 1 ? "," : "") + std::to_string(i);
  EXPECT_THAT(set_of(many + "]"), HasSubstr(R"("99999"])"));
  std::string open, close;
  for (int i = 0; i < 250; ++i) {
    open += "[\"z\",";
    close += "]";
  }
  EXPECT_FALSE(set_of(open + "[" + in_quotes(std::string(100000, 'x')) + "]" + close).empty());
  std::string keys = "{";
  for (int i = 100000; i > 0; --i) keys += (keys.size() > 1 ? "," : "") + ("\"k" + std::to_string(i)) + "\":1";
  EXPECT_THAT(set_of(keys + "}"), Not(HasSubstr("null")));
}

TEST(Canonical, threads_do_not_share_anything) {
  const std::string json = R"([{"b":["2","1"],"a":"{\"x\":[3,2]}"}])";
  const std::string expected = set_of(json);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(set_of(json), expected);
    });
  for (auto& thread : threads) thread.join();
}

TEST(WipedText, leaves_nothing_behind) {
  WipedText text;
  text.put("hunter2-is-a-password");
  const char* where = text.at(0);
  text.cut(4);
  text.clear();
  EXPECT_EQ(std::string(where, 21), std::string(21, '\0'));
  text.put("[x]");
  text.strip(0);
  EXPECT_EQ(text.from(0), "x");
  text.put(std::string(100000, 'y'));
  EXPECT_EQ(text.size(), 100001u);
}

}  // namespace
}  // namespace plumbline::baseline
