#include "access/review.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As kube-apiserver 1.34 answers for a token that is bound to a pod.
constexpr const char* answered = R"({"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1",
  "metadata":{"creationTimestamp":null},"spec":{"token":"x","audiences":["plumbline"]},
  "status":{"authenticated":true,"user":{"username":"system:serviceaccount:plumbline:agent","uid":"4f1a",
   "groups":["system:serviceaccounts","system:authenticated"],
   "extra":{"authentication.kubernetes.io/node-name":["web-1"],"authentication.kubernetes.io/pod-name":["agent-x7"],
            "authentication.kubernetes.io/pod-uid":["9c"]}},"audiences":["plumbline"]}})";

std::string replaced(std::string text, const std::string& old, const std::string& fresh) {
  const auto at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), fresh);
}

TEST(Review, a_token_is_its_users_and_of_its_pods_node) {
  const auto who = read_token_review(answered, "plumbline");
  ASSERT_TRUE(who) << who.error().message();
  EXPECT_EQ(who->user, "system:serviceaccount:plumbline:agent");
  EXPECT_EQ(who->node(), "web-1");
  EXPECT_EQ(who->pod(), "agent-x7");
  EXPECT_THAT(who->groups, ElementsAre("system:serviceaccounts", "system:authenticated"));
  EXPECT_EQ(
      access_review(*who, "get", "/v1/drift"),
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":)"
      R"("system:serviceaccount:plumbline:agent","groups":["system:serviceaccounts","system:authenticated"],"extra":)"
      R"({"authentication.kubernetes.io/node-name":["web-1"],"authentication.kubernetes.io/pod-name":["agent-x7"],)"
      R"("authentication.kubernetes.io/pod-uid":["9c"]},"uid":"4f1a","nonResourceAttributes":{"path":"/v1/drift","verb":"get"}}})");
}

TEST(Review, who_is_nobody_is_refused) {
  const auto code = [](const std::string& json) {
    const auto who = read_token_review(json, "plumbline");
    return who ? ErrorCode::internal : who.error().code;
  };
  EXPECT_EQ(code(replaced(answered, "\"authenticated\":true", "\"authenticated\":false")), ErrorCode::permission);
  EXPECT_EQ(code(replaced(answered, "\"authenticated\":true,", "")), ErrorCode::permission);
  EXPECT_EQ(code(replaced(answered, "\"authenticated\":true", "\"authenticated\":\"true\"")), ErrorCode::permission);
  EXPECT_EQ(code(replaced(answered, ",\"audiences\":[\"plumbline\"]}}", "}}")), ErrorCode::permission)
      << "an API server that looks at no audience has not looked at ours";
  EXPECT_EQ(code(replaced(answered, "\"audiences\":[\"plumbline\"]}}", "\"audiences\":[\"https://k\"]}}")),
            ErrorCode::permission);
}

TEST(Review, what_is_no_answer_is_nobodys_fault) {
  const auto code = [](const std::string& json) {
    const auto who = read_token_review(json, "plumbline");
    return who ? ErrorCode::internal : who.error().code;
  };
  EXPECT_EQ(code(""), ErrorCode::corrupt);
  EXPECT_EQ(code("{}"), ErrorCode::corrupt);
  EXPECT_EQ(code("[]"), ErrorCode::corrupt);
  EXPECT_EQ(code(std::string(answered).substr(0, 300)), ErrorCode::corrupt) << "cut";
  EXPECT_EQ(code(replaced(answered, "\"TokenReview\"", "\"Status\"")), ErrorCode::corrupt);
  EXPECT_EQ(code(replaced(answered, "system:serviceaccount:plumbline:agent", "")), ErrorCode::corrupt);
}

TEST(Review, a_node_is_one) {
  const auto node = [](const std::string& json) { return read_token_review(json, "plumbline").value().node(); };
  EXPECT_EQ(node(replaced(answered, "[\"web-1\"]", "[]")), "");
  EXPECT_EQ(node(replaced(answered, "[\"web-1\"]", "[\"web-1\",\"web-2\"]")), "");
  EXPECT_EQ(node(replaced(answered, "[\"web-1\"]", "\"web-1\"")), "");
}

TEST(Review, who_may_is_said_by_the_cluster) {
  const auto allowed = [](const std::string& status) {
    return read_access_review(R"({"kind":"SubjectAccessReview","status":)" + status + "}");
  };
  EXPECT_TRUE(allowed(R"({"allowed":true})").value());
  EXPECT_FALSE(allowed(R"({"allowed":false,"reason":"RBAC"})").value());
  EXPECT_FALSE(allowed(R"({"allowed":true,"denied":true})").value());
  EXPECT_FALSE(allowed(R"({"allowed":1})").value());
  EXPECT_FALSE(allowed("{}").value());
  EXPECT_FALSE(allowed("null"));
  EXPECT_FALSE(read_access_review(answered)) << "another kind";
}

TEST(Review, a_token_stands_in_json_as_it_is) {
  EXPECT_TRUE(is_bearer_token("eyJ.a-b_c.d~e+f/g="));
  for (const char* bad : {"", "a b", "a\"b", "a\\b", "a\nb", "ä"}) EXPECT_FALSE(is_bearer_token(bad)) << bad;
  EXPECT_EQ(
      token_review("a.b.c", "plumb\"line"),
      R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a.b.c","audiences":["plumb\"line"]}})");
}

}  // namespace
}  // namespace plumbline::access
