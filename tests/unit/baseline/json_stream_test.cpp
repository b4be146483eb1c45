#include "baseline/value/json_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace plumbline::baseline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Gives at most `step` bytes at a time, so that every boundary is one of the window's.
JsonStream::Read in_steps(std::string_view text, std::size_t step) {
  return [text, step](char* to, std::size_t size) mutable -> Result<std::size_t> {
    const std::size_t part = std::min({size, step, text.size()});
    std::memcpy(to, text.data(), part);
    text.remove_prefix(part);
    return part;
  };
}

/// "key=value" of each member of an object whose values are taken whole.
std::vector<std::string> members(std::string_view text, std::size_t step, std::string* error = nullptr) {
  JsonStream stream("read x", in_steps(text, step), 1 << 20);
  std::vector<std::string> found;
  stream.enter('{');
  while (const auto key = stream.next_key()) {
    const std::string_view value = stream.value();
    if (!stream.failed()) found.push_back(*key + "=" + std::string(value));
  }
  stream.end();
  if (error != nullptr) *error = stream.failed() ? stream.error().message() : "";
  return found;
}

std::string error_of(std::string_view text) {
  std::string error;
  members(text, 3, &error);
  return error;
}

TEST(JsonStream, gives_members_whole_wherever_the_window_ends) {
  const std::string text = R"( {"a" : {"x":[1,{"y":"}]\"\\"}]}, "b\"": -1.5e3 ,"c":"t,\\","d":null,"e":[ ] } )";
  for (const std::size_t step : {1u, 2u, 3u, 7u, 1000u})
    EXPECT_THAT(members(text, step),
                ElementsAre(R"(a={"x":[1,{"y":"}]\"\\"}]})", R"(b\"=-1.5e3)", R"(c="t,\\")", "d=null", "e=[ ]"))
        << step;
}

TEST(JsonStream, finds_the_end_of_what_is_long) {
  // Strings, escapes and brackets at every place of the blocks in which a container is passed.
  const std::string inner = R"(["}","\\",{"a\"b]":"{\\\"[","c":[]},"\\\\\\"])";
  for (std::size_t before = 0; before < 140; ++before) {
    const std::string value = "[" + std::string(before, ' ') + inner + ",\"" + std::string(before, '\\') +
                              (before % 2 == 0 ? "" : "\"") + "\"," + inner + "]";
    EXPECT_THAT(members("{\"a\":" + value + ",\"b\":1}", 1000), ElementsAre("a=" + value, "b=1")) << before;
  }
}

TEST(JsonStream, enters_lists_and_objects) {
  JsonStream stream("read x", in_steps(R"([{"a":1},{"a":[2,3]},{}])", 2), 100);
  std::vector<std::string> found;
  stream.enter('[');
  while (stream.next_element()) {
    stream.enter('{');
    while (stream.next_key()) {
      if (stream.peek() != '[') {
        found.emplace_back(stream.value());
        continue;
      }
      stream.enter('[');
      while (stream.next_element()) found.emplace_back(stream.value());
    }
  }
  stream.end();
  EXPECT_FALSE(stream.failed()) << stream.error().message();
  EXPECT_THAT(found, ElementsAre("1", "2", "3"));
}

TEST(JsonStream, says_where_it_stopped_and_why) {
  EXPECT_THAT(error_of(R"({"a":1)"),
              HasSubstr("read x: not JSON: the text ends too early at byte 6; a writer may be in the"));
  EXPECT_THAT(error_of(R"({"a":"x)"), HasSubstr("a string without an end"));
  EXPECT_THAT(error_of(R"({"a":[1,2})"), HasSubstr("nothing opened"));
  EXPECT_THAT(error_of(R"({"a":1 "b":2})"), HasSubstr("expected a comma"));
  EXPECT_THAT(error_of(R"({"a":1,})"), HasSubstr("a comma before a closing bracket"));
  EXPECT_THAT(error_of(R"({"a" 1})"), HasSubstr("expected a colon"));
  EXPECT_THAT(error_of(R"({"a":})"), HasSubstr("expected a value"));
  EXPECT_THAT(error_of(R"({a:1})"), HasSubstr("expected a key in quotes"));
  EXPECT_THAT(error_of(R"({"a":1} x)"), HasSubstr("more text behind the end"));
  EXPECT_THAT(error_of("[1]"), HasSubstr("expected {"));
  const std::string blanks(100, ' ');
  EXPECT_THAT(error_of("{\"a\":[" + blanks + "}" + blanks), HasSubstr("nothing opened at byte 107"));
  EXPECT_THAT(error_of("{\"a\":[" + blanks + "\"]"), HasSubstr("a string without an end at byte 108"));
  EXPECT_THAT(error_of(""), HasSubstr("the text ends where a value should be"));
}

TEST(JsonStream, bounds_depth_and_size) {
  EXPECT_THAT(error_of("{\"a\":" + std::string(300, '[')), HasSubstr("deeper than 256"));
  const std::string text = "\"" + std::string(3 << 20, ' ');
  JsonStream large("read x", in_steps(text, 1 << 20), 1 << 20);
  EXPECT_TRUE(large.value().empty());
  ASSERT_TRUE(large.failed());
  EXPECT_THAT(large.error().message(), HasSubstr("more than 1 MiB"));
}

TEST(JsonStream, passes_on_what_the_reader_says) {
  JsonStream stream("read x", [](char*, std::size_t) -> Result<std::size_t> { return io_error("read y", EIO); }, 100);
  stream.enter('{');
  ASSERT_TRUE(stream.failed());
  EXPECT_THAT(stream.error().message(), HasSubstr("read y"));
  EXPECT_FALSE(stream.next_key());
  EXPECT_FALSE(stream.next_element());
  EXPECT_EQ(stream.peek(), '\0');
}

}  // namespace
}  // namespace plumbline::baseline
