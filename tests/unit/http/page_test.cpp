#include "http/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "http/router.hpp"
#include "http/target.hpp"

namespace plumbline::http {
namespace {

using testing::HasSubstr;

TEST(HttpPage, limit_is_1_to_1000) {
  EXPECT_EQ(parse_limit({}).value(), 100u);
  EXPECT_EQ(parse_limit({{"limit", "1"}}).value(), 1u);
  EXPECT_EQ(parse_limit({{"limit", "1000"}}).value(), 1000u);
  for (const char* bad : {"0", "1001", "-1", "", "ten", "10 ", "99999999999999999999"})
    EXPECT_TRUE(parse_limit({{"limit", bad}}).has_error()) << bad;
}

TEST(HttpPage, since_is_rfc3339) {
  EXPECT_FALSE(parse_since({}).value().has_value());
  EXPECT_EQ(*parse_since({{"since", "1970-01-01T00:00:01Z"}}).value(), 1'000'000'000);
  for (const char* bad : {"", "yesterday", "1970-01-01", "1970-01-01T00:00:01"})
    EXPECT_TRUE(parse_since({{"since", bad}}).has_error()) << bad;
}

TEST(HttpPage, cursors_come_back_and_belong_to_one_list) {
  for (const std::string position : {"", "a", "ab", "abc", "17/x\x01\xff", "a longer position with / and \n"}) {
    const auto cursor = encode_cursor("drift", position);
    EXPECT_EQ(cursor.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    EXPECT_EQ(decode_cursor("drift", cursor).value(), position);
    EXPECT_TRUE(decode_cursor("findings", cursor).has_error());
  }
  for (const char* bad : {"", "a", "####", "AAAAAAAAAA"}) EXPECT_TRUE(decode_cursor("drift", bad).has_error()) << bad;
}

TEST(HttpPage, unknown_parameters_are_refused_with_the_nearest_known_one) {
  EXPECT_FALSE(check_query({{"state", "open"}, {"limit", "1"}}, {"state", "limit"}).has_error());
  const auto typo = check_query({{"stat", "open"}}, {"state", "limit"});
  ASSERT_TRUE(typo.has_error());
  EXPECT_THAT(typo.error().message(), HasSubstr("did you mean state? known: state, limit"));
  const auto far = check_query({{"colour\x1b[31m", "open"}}, {"state", "limit"});
  EXPECT_THAT(far.error().message(), testing::Not(HasSubstr("did you mean")));
  EXPECT_THAT(far.error().message(), testing::Not(HasSubstr("\x1b")));
  EXPECT_TRUE(check_query({{"state", "a"}, {"state", "b"}}, {"state"}).has_error());
  constexpr std::array<std::string_view, 2> words{"open", "resolved"};
  EXPECT_THAT(check_word("state", "opne", words).error().message(), HasSubstr("did you mean open?"));
}

TEST(HttpPage, pages_have_items_and_a_cursor_or_null) {
  PageWriter empty;
  EXPECT_EQ(std::move(empty).finish("").body, "{\"items\":[],\"next_cursor\":null}\n");
  PageWriter two;
  two.add("{\"a\":1}");
  two.add("{\"a\":2}");
  EXPECT_EQ(std::move(two).finish("Y3Vy").body, "{\"items\":[{\"a\":1},{\"a\":2}],\"next_cursor\":\"Y3Vy\"}\n");
}

TEST(HttpTarget, percent_encoding_goes_both_ways) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)).value(), all);
  EXPECT_EQ(percent_encode("file:/a b"), "file%3A%2Fa%20b");
  EXPECT_FALSE(percent_decode("%").has_value());
  EXPECT_FALSE(percent_decode("a%4").has_value());
  EXPECT_EQ(percent_decode("a+b").value(), "a+b");
  EXPECT_EQ(percent_decode("a+b", true).value(), "a b");
}

TEST(HttpTarget, hosts_of_authorities) {
  EXPECT_EQ(host_of_authority("Example.ORG:80"), "example.org");
  EXPECT_EQ(host_of_authority("[::1]:80"), "[::1]");
  EXPECT_EQ(host_of_authority("[::1]"), "[::1]");
  EXPECT_EQ(host_of_authority("[::1"), "");
  EXPECT_EQ(host_of_authority("[::1]evil"), "");
}

TEST(HttpRouter, literal_beats_parameter_beats_rest) {
  detail::Router router;
  const Handler none = [](const Request&) { return Response{}; };
  for (const char* pattern : {"/a/{rest...}", "/a/{one}", "/a/fixed", "/a/{one}/tail"})
    router.add({"GET", pattern, {}, none, {}});
  router.add({"POST", "/a/fixed", {}, none, {}});
  const auto pattern = [&](const char* path) {
    const auto match = router.match("GET", path);
    return match.route == nullptr ? "none" : match.route->pattern;
  };
  EXPECT_EQ(pattern("/a/fixed"), "/a/fixed");
  EXPECT_EQ(pattern("/a/other"), "/a/{one}");
  EXPECT_EQ(pattern("/a/x/tail"), "/a/{one}/tail");
  EXPECT_EQ(pattern("/a/x/y"), "/a/{rest...}");
  EXPECT_EQ(pattern("/a"), "none");
  EXPECT_EQ(router.match("PUT", "/a/fixed").allow, "GET, HEAD, POST");
}

}  // namespace
}  // namespace plumbline::http
