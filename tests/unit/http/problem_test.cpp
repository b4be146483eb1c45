#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/health.hpp"
#include "http/message.hpp"

namespace plumbline::http {
namespace {

TEST(Problem, is_read_as_it_was_written) {
  const auto answer = problem(invalid("read the parameter limit=x", "it is no number", "leave it out"));
  const Error error = error_of(answer, "ask it");
  EXPECT_EQ(error.message(), "ask it: read the parameter limit=x: it is no number; leave it out");
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  for (const auto code : {ErrorCode::invalid_argument, ErrorCode::not_found, ErrorCode::permission,
                          ErrorCode::unavailable, ErrorCode::internal})
    EXPECT_EQ(error_of(problem({code, "what", "why", "fix"}), "ask").code, code);
}

TEST(Problem, is_its_status_where_it_is_no_document) {
  for (const char* body : {"", "<html>", "[]", R"({"why":7})"})
    EXPECT_EQ(error_of({502, {}, body}, "ask it").message(), "ask it: it answered 502 Bad Gateway") << body;
  EXPECT_EQ(error_of({409, {}, ""}, "ask").code, ErrorCode::invalid_argument);
}

TEST(Health, tells_people_what_fails) {
  const std::vector<HealthCheck> checks = {{"hooks", true, ""}, {"spool", false, "disk full"}};
  const auto ask = [&](const Fields& query) {
    Request request;
    request.query = query;
    return health_response(request, checks);
  };
  EXPECT_EQ(ask({}).status, 503);
  EXPECT_EQ(ask({}).body, "[+]hooks ok\n[-]spool failed: disk full\nfailed\n");
  EXPECT_EQ(ask({{"exclude", "spool"}}).body, "ok\n");
  const auto excluded = ask({{"verbose", ""}, {"exclude", "spool"}, {"exclude", "gone"}});
  EXPECT_EQ(excluded.status, 200);
  EXPECT_EQ(excluded.body, "[+]hooks ok\n[+]spool excluded: disk full\nwarning: no check is called \"gone\"\nok\n");
  EXPECT_EQ(ask({{"verbos", ""}}).status, 400);
}

}  // namespace
}  // namespace plumbline::http
