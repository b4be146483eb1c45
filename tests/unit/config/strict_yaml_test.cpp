#include "include/config/strict_yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

struct Example {
  std::string name = "default";
  std::uint64_t count = 7;
  bool on = false;
  Bytes size{1};
  std::chrono::milliseconds wait{0};
  std::vector<std::string> list;
  std::string word = "red";
  std::vector<std::string> inner;
};

Result<void> read(const std::string& text, Example& e) {
  return read_text("x.yaml", text, [&](Map& map) {
    map.read("name", e.name, "a name");
    map.read("count", e.count, "a count");
    map.read("on", e.on, "a switch");
    map.read("size", e.size, "a size");
    map.read("wait", e.wait, "a time");
    map.read("list", e.list, "a list");
    map.read_word("word", e.word, {"red", "green"}, "a word");
    map.list("items", "things", [&](Map& item) {
      std::string id;
      item.read("id", id, "its id");
      item.require("id");
      e.inner.push_back(id);
    });
  });
}

std::string refusal(const std::string& text) {
  Example e;
  const auto result = read(text, e);
  return result ? "(accepted)" : result.error().message();
}

TEST(StrictYaml, reads_every_type) {
  Example e;
  const auto result = read(
      "name: a\ncount: 9\non: true\nsize: 2KiB\nwait: 5m\nlist: [x, y]\nword: green\nitems: [{id: p}, {id: q}]\n", e);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(e.name, "a");
  EXPECT_EQ(e.count, 9u);
  EXPECT_TRUE(e.on);
  EXPECT_EQ(e.size.value, 2048u);
  EXPECT_EQ(e.wait, 300s);
  EXPECT_THAT(e.list, ElementsAre("x", "y"));
  EXPECT_EQ(e.word, "green");
  EXPECT_THAT(e.inner, ElementsAre("p", "q"));
}

TEST(StrictYaml, keeps_defaults_where_nothing_is_said) {
  Example e;
  ASSERT_TRUE(read("name: a\n", e));
  EXPECT_EQ(e.count, 7u);
  EXPECT_EQ(e.word, "red");
}

TEST(StrictYaml, names_the_place_and_the_nearest_key) {
  EXPECT_THAT(refusal("name: a\ncuont: 3\n"),
              AllOf(HasSubstr("x.yaml:2:"), HasSubstr("`cuont`"), HasSubstr("did you mean `count`?")));
  EXPECT_THAT(refusal("items: [{id: a, idd: b}]"), HasSubstr("did you mean `id`?"));
  EXPECT_THAT(refusal("zzzzzz: 3\n"), HasSubstr("known here: name, count"));
}

TEST(StrictYaml, refuses_wrong_types_and_values) {
  EXPECT_THAT(refusal("count: many"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("count: -1"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("count: 99999999999999999999"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("on: yes"), HasSubstr("true or false"));
  EXPECT_THAT(refusal("size: 3MB"), HasSubstr("64MiB"));
  EXPECT_THAT(refusal("wait: 10"), HasSubstr("10s"));
  EXPECT_THAT(refusal("name: [a]"), HasSubstr("must be text"));
  EXPECT_THAT(refusal("list: a"), HasSubstr("must be a list"));
  EXPECT_THAT(refusal("word: gren"), HasSubstr("did you mean `green`?"));
  EXPECT_THAT(refusal("items: [3]"), HasSubstr("must be a mapping"));
  EXPECT_THAT(refusal("items: [{}]"), HasSubstr("`id` is missing"));
  EXPECT_THAT(refusal("- a\n"), HasSubstr("mapping"));
}

TEST(StrictYaml, refuses_what_means_two_things_or_nothing) {
  EXPECT_THAT(refusal("name: a\nname: b\n"), HasSubstr("stands twice"));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("name: a\n---\nname: b\n"), HasSubstr("more than one document"));
  EXPECT_THAT(refusal("name: &x a\n"), HasSubstr("anchors"));
  EXPECT_THAT(refusal("name: *x\n"), AllOf(HasSubstr("x.yaml:1:")));
  EXPECT_THAT(refusal(std::string("name: a\0b\n", 10)), HasSubstr("not text"));
  EXPECT_THAT(refusal("name: \xff\n"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal("name: [a\n"), HasSubstr("not YAML"));
}

TEST(StrictYaml, a_list_without_a_value_is_refused) {
  EXPECT_EQ(refusal("name: a\nitems:\n"), "x.yaml:2:1: `items` has no value; write [] for an empty list");
  EXPECT_EQ(refusal("list:\n"), "x.yaml:1:1: `list` has no value; write [] for an empty list");
  EXPECT_EQ(refusal("items: []\nlist: []\n"), "(accepted)");
}

TEST(StrictYaml, a_misspelt_required_key_is_named) {
  EXPECT_EQ(refusal("items: [{idd: a}]"), "x.yaml:1:10: unknown key `idd`; did you mean `id`?");
  EXPECT_THAT(refusal("items: [{zzzz: a}]"), HasSubstr("`id` is missing"));

  // required before it is read, and judged before the mapping ends
  const auto error = [](const std::string& text) {
    const auto result = read_text("m.yaml", text, [](Map& map) {
      std::string kind, path;
      map.require("kind");
      map.read("kind", kind, "a kind");
      map.require("files");
      map.list("files", "entries", [](Map& file) { file.finish(); });
      map.read("path", path, "a path");
      if (!kind.empty() && path.empty() && !map.describing()) map.refuse("", "there is no destination", "give it one");
      if (kind.empty()) map.refuse("kind", "must not be empty");
    });
    return result ? "(accepted)" : result.error().message();
  };
  EXPECT_EQ(error("kind: a\npath: b\nfiles: []\n"), "(accepted)");
  EXPECT_EQ(error("kind: a\npath: b\nfiels: []\n"), "m.yaml:3:1: unknown key `fiels`; did you mean `files`?");
  EXPECT_EQ(error("knid: a\nfiles: []\n"), "m.yaml:1:1: unknown key `knid`; did you mean `kind`?");
  EXPECT_EQ(error("kind: a\nfiles: []\npaht: b\n"), "m.yaml:3:1: unknown key `paht`; did you mean `path`?");
  EXPECT_EQ(error("kind: a\nfiles: []\n"), "m.yaml:1:1: there is no destination; give it one");
  EXPECT_EQ(error("path: b\nfiles: []\n"), "m.yaml:1:1: `kind` is missing; add it");
  EXPECT_EQ(error("kind: a\npath: b\nzzzzzz: 1\n"), "m.yaml:1:1: `files` is missing; add it");
}

TEST(StrictYaml, survives_deep_nesting) {
  EXPECT_THAT(refusal("name: " + std::string(100000, '[')), HasSubstr("x.yaml"));
}

TEST(StrictYaml, says_what_is_wrong_with_a_file) {
  const TempDir dir;
  const auto nothing = [](Map&) {};
  EXPECT_EQ(read_file(dir / "missing", nothing).error().code, ErrorCode::not_found);
  EXPECT_THAT(read_file(dir.path(), nothing).error().message(), HasSubstr("not a regular file"));
  EXPECT_THAT(read_file(dir.write("big", std::string(100, ' ')), nothing, 10).error().message(), HasSubstr("larger"));
}

TEST(StrictYaml, bounds_are_told_by_refusal_and_schema_alike) {
  const auto bind = [](Map& map) {
    std::uint32_t count = 7;
    Bytes size{4096};
    std::chrono::milliseconds wait = 10s;
    map.read("count", count, "a count", {.least = 1, .most = 23});
    map.read("size", size, "a size", {.least = 2048});
    map.read("wait", wait, "a time", {.most = 1h});
  };
  const auto refusal = [&](const std::string& text) {
    const auto result = read_text("b.yaml", text, bind);
    return result ? "(accepted)" : result.error().message();
  };
  EXPECT_EQ(refusal("{count: 1, size: 2KiB, wait: 60m}"), "(accepted)");
  EXPECT_EQ(refusal("{count: 23}"), "(accepted)");
  EXPECT_EQ(refusal("count: 0"), "b.yaml:1:8: `count` must be between 1 and 23, not 0");
  EXPECT_EQ(refusal("count: 24"), "b.yaml:1:8: `count` must be between 1 and 23, not 24");
  EXPECT_EQ(refusal("size: 2047"), "b.yaml:1:7: `size` must be at least 2KiB, not 2047");
  EXPECT_EQ(refusal("wait: 61m"), "b.yaml:1:7: `wait` must be at most 1h, not 61m");

  const auto of = nlohmann::json::parse(schema_of("Bounds", bind))["properties"];
  EXPECT_EQ(of["count"]["minimum"], 1);
  EXPECT_EQ(of["count"]["maximum"], 23);
  EXPECT_EQ(of["size"]["x-unit"], "size");
  EXPECT_EQ(of["size"]["x-minimum"], "2KiB");
  EXPECT_EQ(of["wait"]["x-unit"], "duration");
  EXPECT_EQ(of["wait"]["x-maximum"], "1h");
  EXPECT_FALSE(of["wait"].contains("x-minimum"));
}

TEST(StrictYaml, writes_a_schema_from_the_same_declaration) {
  const auto schema = schema_of("Example", [](Map& map) {
    Example e;
    map.read("count", e.count, "a count");
    map.list("items", "things", [](Map& item) {
      std::string id;
      item.read("id", id, "its id");
      item.require("id");
    });
  });
  const auto json = nlohmann::json::parse(schema);
  EXPECT_EQ(json["properties"]["count"]["default"], 7);
  EXPECT_EQ(json["properties"]["items"]["items"]["required"][0], "id");
  EXPECT_EQ(json["additionalProperties"], false);
}

}  // namespace
}  // namespace plumbline::config
