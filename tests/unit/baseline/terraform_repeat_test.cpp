// An instance of a state that is read by what differs from the one before is what it is when it stands alone.
#include "baseline/source/terraform_repeat.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "baseline/source/terraform_state.hpp"
#include "tests/unit/baseline/read_source.hpp"

namespace plumbline::baseline {
namespace {

std::string state(const std::string& type, const std::vector<std::string>& instances) {
  std::string text = R"({"version":4,"serial":7,"lineage":"abc","resources":[{"mode":"managed","type":")" + type +
                     R"(","name":"f","provider":"provider[\"registry.opentofu.org/hashicorp/aws\"]","instances":[)";
  for (std::size_t i = 0; i < instances.size(); ++i) text += (i == 0 ? "" : ",") + instances[i];
  return text + "]}]}";
}

std::string told(const Resource& resource) {
  std::ostringstream text;
  text << resource.address << ' ' << resource.provider << ' ' << resource.region << ' ' << resource.account << '\n';
  for (const auto& id : resource.ids) text << "id " << id << '\n';
  for (const auto& a : resource.attributes)
    text << a.path << '=' << a.hash << ' ' << a.value << (a.sensitive ? " sensitive" : "") << '\n';
  return text.str();
}

std::string last_of(const std::string& type, const std::vector<std::string>& instances) {
  const auto read = read_with(read_terraform_state, state(type, instances));
  if (!read) return read.error().why.substr(0, read.error().why.find(" at byte "));
  return read->resources.size() < instances.size() ? "(left out)" : told(read->resources.back());
}

/// Whether `next`, read behind two instances `before`, is what it is alone.
void expect_same(const std::string& before, const std::string& next, const std::string& type = "aws_instance") {
  EXPECT_EQ(last_of(type, {before, before, next}), last_of(type, {next})) << before << "\n" << next;
}

std::string with(const std::string& attributes, const std::string& index = "1") {
  return R"({"index_key":)" + index + R"(,"attributes":{)" + attributes +
         R"(},"sensitive_attributes":[[{"type":"get_attr","value":"marked"}]],"private":"bnVsbA=="})";
}

TEST(TerraformRepeat, any_value_in_the_place_of_any_other_is_what_it_is_alone) {
  const std::vector<std::string> values = {
      R"("web-1")", R"("web-12")", R"("")", "null", "true", "false", "1", "12", "1.0", "-0", "1e3",
      "9223372036854775807", "18446744073709551615", R"("1")", R"("a\"b\\c\n")", R"("\u00fc")", R"("Zoë")",
      R"("\ud83d\ude00")", R"(" x")", R"("-1")", R"("/dev/sdf")", R"("TCP")", "[]", "[null]", R"(["b","a"])",
      R"([{"id":1}])", "{}", R"({"a":{}})", R"({"a":"x"})", R"({"a":"x","password":"y"})", R"({"Statement":"x"})",
      R"({"Statement":[{"Effect":"Allow","Action":"s3:Get"}]})", R"({"Statement":{"Effect":null}})",
      R"({"Statement":{"Effect":"Deny"}})", R"({"value":"x","type":"foo"})",
      R"({"value":"x","type":["listx","string"]})", R"({"value":"x","type":["list","string"]})",
      R"({"value":"x","type":"string"})", R"({"value":1,"type":"number"})", R"({"name":"DB_PASSWORD","value":"x"})",
      R"({"name":"DB_HOST","value":"x"})", R"("{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:Get\"]}]}")",
      R"("[1,2]")", R"("{not json}")", R"("Bearer abcdefghijklmnop")", R"("postgres://u:pass@h/db")",
      R"("ghp_0123456789abcdefghij")", R"("arn:aws:ec2:eu-central-1:123456789012:instance/i-1")",
      R"("arn:aws:ec2:us-east-1:210987654321:instance/i-2")", "\"" + std::string(300, 'x') + "\"",
      "\"" + std::string(300, 'x') + "y\"",
      // From here on what no reader takes.
      "01", "tru", "\"\x01\"", "\"\xff\"", R"("\x")", R"({"a":1,"a":2})", R"([{"a":1,"a":2}])", "[1,]", R"("open)"};
  const auto readable = static_cast<std::size_t>(std::find(values.begin(), values.end(), "01") - values.begin());
  for (const char* name : {"any", "arn", "id", "name", "password", "marked", "protocol", "tags", "tags_all", "command"})
    for (const auto& next : values) {
      const auto instance = [&](const std::string& value, const char* index) {
        return with("\"" + std::string(name) + "\":" + value + R"(,"z":"z")", index);
      };
      const std::string alone = last_of("aws_instance", {instance(next, "2")});
      for (std::size_t i = 0; i < readable; ++i)
        EXPECT_EQ(last_of("aws_instance", {instance(values[i], "1"), instance(values[i], "1"), instance(next, "2")}),
                  alone)
            << name << ": " << values[i] << " before " << next;
    }
}

TEST(TerraformRepeat, what_stands_around_a_value_may_differ_too) {
  const std::string before = with(R"("a":"x","tags":{"Name":"n","env":"e"},"name":"host","value":"v","z":1)");
  for (const auto& next : {
           with(R"("a":"x","tags":{"Name":"n","env":"e"},"name":"db_password","value":"v","z":1)"),
           with(R"("a":"x","tags":{"Name":"n"},"name":"host","value":"v","z":1)"),
           with(R"("a":"x","tags":{"env":"e","Name":"n"},"name":"host","value":"v","z":1)"),
           with(R"("a":"x","tags":{"Name":"n","env":"e","x":1},"name":"host","value":"v","z":1)"),
           with(R"("a":"x","b":"x","tags":{"Name":"n","env":"e"},"name":"host","value":"v","z":1)"),
           with(R"( "a":"x","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":1)"),
           with(R"("a" :"x","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":1)"),
           with(R"("a":"y" ,"tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":12)"),
           with(R"("a":"y","a":"z","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":1)"),
           with(R"("a":"y","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":12)", R"("q\"é${x}")"),
           with(R"("a":"y","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":12)", "null"),
           with(R"("a":"y","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":12)", "{}"),
           with(R"("a":"y","tags":{"Name":"m","env":"e"},"name":"host","value":"v","z":12)") + "}",
       })
    expect_same(before, next);
  const auto marked = [](const std::string& mark, const std::string& attributes) {
    return R"({"index_key":1,"attributes":{)" + attributes + R"(},"sensitive_attributes":)" + mark + "}";
  };
  const std::string a = R"([[{"type":"get_attr","value":"a"}]])", b = R"([[{"type":"get_attr","value":"b"}]])";
  const std::string deep =
      R"([[{"type":"get_attr","value":"a"},{"type":"index","value":{"value":"b","type":"string"}}]])";
  expect_same(marked(a, R"("a":"x","b":"y")"), marked(b, R"("a":"x","b":"y")"));
  expect_same(marked("[]", R"("a":"x","b":"y")"), marked("true", R"("a":"x","b":"y")"));
  expect_same(marked(deep, R"("a":{"b":"x"},"c":1)"), marked(deep, R"("a":{"b":["x"]},"c":1)"));
  expect_same(marked(deep, R"("a":"x","c":1)"), marked(deep, R"("a":{"b":"x","c":"y"},"c":1)"));
  expect_same(marked(deep, R"("a":"x","c":1)"),
              marked(deep, R"("a":{},"c":1)"));  // "a" is marked, or only what is in it
  for (const char* more : {R"(,"deposed":"0a")", R"(,"deposed":"")", R"(,"provider":"provider[\"x/google\"]")",
                           R"(,"private":"a\"b")", R"(,"private":[1,{"a":{}}])", R"(,"private":[1)"})
    expect_same(R"({"attributes":{"id":"a"},"deposed":"","provider":"x","private":""})",
                R"({"attributes":{"id":"b"})" + std::string(more) + "}");
}

TEST(TerraformRepeat, what_becomes_too_large_to_remember_is_what_it_is_alone) {
  const std::string before = with(R"("id":"x","name":"a","text":"t")");
  for (const std::size_t size : {JsonOutline::most_bytes - 200, JsonOutline::most_bytes, std::size_t{100'000}})
    for (const auto& next : {with(R"("id":"y","name":"b","text":")" + std::string(size, 't') + "\""),
                             with(R"("id":")" + std::string(size, 'i') + R"(","name":"b","text":"t")")}) {
      std::vector<std::string> instances(2400, before);  // the next one lies within one window then
      instances.push_back(next);
      EXPECT_EQ(last_of("aws_instance", instances), last_of("aws_instance", {next})) << size;
    }
}

TEST(TerraformRepeat, files_and_secrets_are_what_they_are_alone) {
  for (const char* type : {"local_file", "random_password", "aws_iam_access_key", "terraform_data", "aws_s3_object"})
    expect_same(
        with(R"("filename":"/a","content":"x","secret":"s","result":"r","id":"a","bucket":"b","key":"k","input":"i")"),
        with(R"("filename":"/b","content":"y","secret":"t","result":"s","id":"b","bucket":"c","key":"l","input":"j")"),
        type);
  // An id that is made of the secret goes, whichever of them changes.
  const std::string before = with(R"("id":"x","name":"a","password":"p")");
  expect_same(before, with(R"("id":"p","name":"a","password":"p")"));
  expect_same(before, with(R"("id":"x","name":"a","password":"a")"));
  expect_same(before, with(R"("id":"x","name":"a","password":true)"));
  const auto read =
      read_with(read_terraform_state,
                state("aws_instance", {before, before, with(R"("id":"x","name":"a","password":"geheim")")}));
  ASSERT_TRUE(read);
  EXPECT_EQ(all_of(*read).find("geheim"), std::string::npos);
}

TEST(TerraformRepeat, types_that_take_turns_are_each_followed) {
  const auto resource = [](const std::string& type, int n) {
    const std::string text = std::to_string(n);
    return R"({"mode":"managed","type":")" + type + R"(","name":"n)" + text + R"(","provider":"p","instances":[)" +
           with(R"("id":"i-)" + text + R"(","n":)" + text) + "]}";
  };
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += (i == 0 ? "" : ",") + resource("aws_t" + std::to_string(i % (i < 100 ? 3 : 70)), i);
  const auto read =
      read_with(read_terraform_state, R"({"version":4,"serial":7,"lineage":"abc","resources":[)" + all + "]}");
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->resources.size(), 200u);
  for (int i = 0; i < 200; ++i) {
    const auto& one = read->resources[static_cast<std::size_t>(i)];
    EXPECT_TRUE(one.address.ends_with(".n" + std::to_string(i) + "[1]")) << one.address;
    EXPECT_EQ(value(&one, "n"), "\"" + std::to_string(i) + "\"");
    EXPECT_EQ(one.ids, std::vector<std::string>{"i-" + std::to_string(i)});
  }
}

/// The rest of these tests would hold without it, too.
TEST(TerraformRepeat, what_is_like_the_one_before_is_followed) {
  const SourceSpec spec{"shop", "terraform_state", "/srv/shop"};
  BaselineBuilder out;
  TerraformEmitter emitter(spec, {test_key, test_fingerprints}, out, "/srv");
  WipedParser parser(64);
  TerraformRepeat repeat(emitter, parser);
  const std::string first = with(R"("id":"a","tags":{"Name":"n"},"list":[1,{"a":"b"}],"n":1)");
  simdjson::dom::parser whole;
  TerraformInstance instance;
  instance.address = "tofu:shop/aws_instance.f[1]";
  instance.type = "aws_instance";
  instance.provider = "provider[\"x/aws\"]";
  instance.sensitive = {"marked"};
  ASSERT_EQ(whole.parse(first)["attributes"].get_object().get(instance.attributes), simdjson::SUCCESS);
  ASSERT_TRUE(emitter.emit(instance));
  repeat.learn(first, "[1]");
  ASSERT_TRUE(repeat.knows_one());
  std::string next = with(R"("id":"bcd","tags":{"Name":"m\""},"list":[1,{"a":"c"}],"n":12)", R"("k")") + ",{}";
  next.reserve(next.size() + simdjson::SIMDJSON_PADDING);
  EXPECT_EQ(repeat.follow(next, "tofu:shop/aws_instance.g"), next.size() - 3);
  std::string again = next;
  again.reserve(again.size() + simdjson::SIMDJSON_PADDING);
  EXPECT_EQ(repeat.follow(again, "tofu:shop/aws_instance.h"), next.size() - 3);
  EXPECT_EQ(repeat.follow(std::string_view(again).substr(0, 50), "x"), 0u);
  EXPECT_FALSE(repeat.knows_one());
  const auto all = out.take();
  ASSERT_EQ(all.resources.size(), 3u);
  const auto* last = find(all, R"(tofu:shop/aws_instance.h["k"])");
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->ids, std::vector<std::string>{"bcd"});
  EXPECT_EQ(value(last, "tags.Name"), R"("m\"")");
  EXPECT_EQ(value(last, "n"), R"("12")");
}

}  // namespace
}  // namespace plumbline::baseline
