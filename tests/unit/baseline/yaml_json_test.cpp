#include "baseline/value/yaml_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace plumbline::baseline {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string json_of(const std::string& text) {
  const auto documents = yaml_documents("f.yaml", text);
  if (!documents) return "error: " + documents.error().message();
  std::string all;
  for (const auto& document : *documents) all += (all.empty() ? "" : " ") + document.json;
  return all;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(YamlJson, means_what_the_reader_of_kubernetes_makes_of_it) {
  const auto documents = yaml_documents("scalars.yaml", content_of(FIXTURES "/yaml_json/scalars.yaml"));
  ASSERT_TRUE(documents) << documents.error().message();
  ASSERT_EQ(documents->size(), 1u);
  EXPECT_EQ((*documents)[0].line, 2u);
  const json ours = json::parse((*documents)[0].json);
  const json theirs = json::parse(content_of(FIXTURES "/yaml_json/scalars.json"));
  for (const auto& [key, value] : theirs.items()) EXPECT_EQ(ours[key], value) << key;
  EXPECT_EQ(ours.size(), theirs.size());
}

TEST(YamlJson, reads_every_document_with_its_line) {
  const auto documents = yaml_documents("f.yaml", "# a\na: 1\n---\n---\n- b\n...\n---\n{\"c\": d}\n");
  ASSERT_TRUE(documents) << documents.error().message();
  ASSERT_EQ(documents->size(), 4u);
  EXPECT_EQ((*documents)[0].json, R"({"a":1})");
  EXPECT_EQ((*documents)[0].line, 2u);
  EXPECT_EQ((*documents)[1].json, "null");
  EXPECT_EQ((*documents)[2].json, R"(["b"])");
  EXPECT_EQ((*documents)[2].line, 5u);
  EXPECT_EQ((*documents)[3].json, R"({"c":"d"})");
  EXPECT_EQ(json_of(""), "");
  EXPECT_EQ(json_of("# nothing\n"), "");
}

TEST(YamlJson, keeps_json_as_it_is) {
  const std::string text = "\n  {\"a\": \"\\ud83d\\ude00\\/\", \"b\": [1e3]}\n";
  const auto documents = yaml_documents("f.json", text);
  ASSERT_TRUE(documents);
  EXPECT_EQ((*documents)[0].json, text);
  EXPECT_EQ((*documents)[0].line, 2u);
}

TEST(YamlJson, writes_huge_numbers_so_that_every_parser_takes_them) {
  EXPECT_EQ(json_of("[18446744073709551615, -9223372036854776000, 100000000000000000000, 1e999]"),
            R"([18446744073709551615,-9223372036854775808.0,1e+20,"1e999"])");
}

TEST(YamlJson, keeps_what_programs_tag_as_plain_text) {
  EXPECT_EQ(json_of("a: !ruby/sym true\nb: !ruby/object:Puppet::Resource\n  c: 1\nd: !!binary aGk=\ne: !!set {f}\n"),
            R"({"a":"true","b":{"c":1},"d":"aGk=","e":{"f":null}})");
}

TEST(YamlJson, own_keys_win_over_merged_ones_wherever_they_stand) {
  EXPECT_EQ(json_of("a: &a {k: 1, l: 2}\nb: {k: 3, <<: *a}\nc: {<<: [*a, {m: 5}], l: 4}\nd: {\"<<\": x}\n"),
            R"({"a":{"k":1,"l":2},"b":{"k":3,"l":2},"c":{"l":4,"k":1,"m":5},"d":{"<<":"x"}})");
  EXPECT_THAT(json_of("{<<: 5}"), AllOf(StartsWith("error: f.yaml:1:6:"), HasSubstr("merges maps only")));
  EXPECT_THAT(json_of("{<<: [5]}"), HasSubstr("merges maps only"));
}

TEST(YamlJson, refuses_with_line_and_column) {
  EXPECT_THAT(json_of("a: 1\nb: 2\na: 3\n"), AllOf(StartsWith("error: f.yaml:3:1:"), HasSubstr("`a` stands twice")));
  EXPECT_THAT(json_of("{\"a\": 1,\n \"a\": 2}"), AllOf(StartsWith("error: f.yaml:2:2:"), HasSubstr("stands twice")));
  EXPECT_THAT(json_of("1: a\n\"1\": b\n"), HasSubstr("stands twice"));
  EXPECT_THAT(json_of("a: [\n"), AllOf(StartsWith("error: f.yaml:2:1:"), HasSubstr("not YAML")));
  EXPECT_THAT(json_of("[a]: b\n"), HasSubstr("a key that is a list or a map"));
  EXPECT_THAT(json_of("{~: b}\n"), HasSubstr("an empty key"));
  EXPECT_THAT(json_of("a: *b\n"), HasSubstr("not YAML"));
  EXPECT_THAT(json_of("a: 1\nb: \xff\n"), AllOf(StartsWith("error: f.yaml:2:4:"), HasSubstr("not UTF-8")));
  EXPECT_THAT(json_of(std::string("a: \0", 4)), HasSubstr("NUL"));
  EXPECT_THAT(json_of(std::string("{\"a\": \"\0\"}", 10)), HasSubstr("NUL"));
  EXPECT_THAT(json_of("\xff\xfe"
                      "a\0"),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(json_of("&a [*a]"), HasSubstr("alias of the value that holds it"));
  EXPECT_THAT(json_of("&a {b: {<<: *a}}"), HasSubstr("alias of the value that holds it"));
}

TEST(YamlJson, refuses_deep_nesting_before_it_costs_stack) {
  for (const std::string open : {"[", "{a: ", "- ", "? ", "a:\n ", "[{b: "}) {
    std::string text;
    if (open == "a:\n ")
      for (int i = 0; i < 5000; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    else
      text = repeated(open, 100'000);
    EXPECT_THAT(json_of(text), HasSubstr("nested deeper")) << open;
  }
  const std::string hundred = repeated("[", 100) + repeated("]", 100);
  EXPECT_EQ(json_of(hundred), hundred);
  EXPECT_EQ(json_of("--- " + hundred), hundred);
  EXPECT_THAT(json_of("[" + hundred + "]"), HasSubstr("nested deeper"));
  // Neither does it grow by aliases.
  std::string chain = "- &a0 " + repeated("[", 50) + repeated("]", 50) + "\n";
  EXPECT_THAT(json_of(chain + "- &a1 " + repeated("[", 60) + "*a0" + repeated("]", 60)), HasSubstr("nested deeper"));
}

TEST(YamlJson, refuses_aliases_that_blow_up) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  std::string merges = "a0: &a0 {}\n", empty = "a0: &a0 []\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    const std::string nine = before + "," + before + "," + before + "," + before + "," + before + "," + before;
    bomb += name + ": &" + name + " [" + nine + "]\n";
    empty += name + ": &" + name + " [" + nine + "]\n";
    merges += name + ": &" + name + " {<<: [" + nine + "]}\n";
  }
  for (const auto& text : {bomb, merges, empty}) EXPECT_THAT(json_of(text), HasSubstr("blow the text up"));
}

TEST(YamlJson, stays_linear_in_hostile_texts) {
  const auto start = std::chrono::steady_clock::now();
  std::string keys = "a: &a {";
  for (int i = 0; i < 20'000; ++i) keys += "k" + std::to_string(i) + ": 1, ";
  keys += "}\nb: {<<: [";
  EXPECT_THAT(json_of(keys + repeated("*a, ", 20'000) + "]}"), HasSubstr("blow the text up"));
  json_of("a: \"" + repeated("\\u00e9", 200'000) + "\"");
  json_of("a: " + std::string(1'000'000, '['));
  json_of("a: |\n" + repeated(" \n", 300'000));
  json_of(repeated("- ", 200'000));
  json_of(repeated("&a ", 200'000));
  json_of("a: 'x" + repeated("\n", 500'000) + "'");
  json_of("{" + repeated("a ", 300'000) + "}");
  json_of(repeated("---\n", 100'000));
  json_of(repeated("!", 500'000));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace plumbline::baseline
