// Against what AWS published: its Signature Version 4 test suite, and the examples of the S3 API reference.
#include "fetch/sigv4.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "baseline/keyed_hash.hpp"
#include "fetch/encoding.hpp"
#include "include/util/hex.hpp"

namespace plumbline::fetch::aws {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

const WallNs suite_time = *parse_rfc3339("2015-08-30T12:36:00Z");
const WallNs s3_time = *parse_rfc3339("2013-05-24T00:00:00Z");

std::string authorization(const Headers& headers) {
  for (const auto& [name, value] : headers)
    if (name == "Authorization") return value;
  return "none";
}

std::string hash_of(std::string_view body) {
  return to_hex(baseline::sha256(body));
}

UnsignedRequest request(const char* method, const std::string& path, const Headers& query = {},
                        const Headers& headers = {}, const char* body = "") {
  UnsignedRequest made;
  made.method = method;
  made.path = percent_encode(path, true);
  made.query = query;
  made.headers = headers;
  made.payload_sha256 = hash_of(body);
  return made;
}

std::string suite(UnsignedRequest request, const std::string& token = "") {
  request.host = "example.amazonaws.com";
  const Keys keys{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Secret(token)};
  const std::string all = authorization(sign(request, {"us-east-1", "service"}, keys, suite_time));
  EXPECT_THAT(all, testing::StartsWith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                                       "aws4_request, SignedHeaders="));
  return all.substr(all.find("SignedHeaders=") + 14);
}

std::string s3(UnsignedRequest request) {
  request.host = "examplebucket.s3.amazonaws.com";
  const Keys keys{"AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}};
  const std::string all = authorization(sign(request, {"us-east-1", "s3"}, keys, s3_time));
  return all.substr(all.find("SignedHeaders=") + 14);
}

struct SuiteCase {
  const char* name;
  UnsignedRequest request;
  const char* expected;
};

class SigV4Suite : public testing::TestWithParam<SuiteCase> {};

TEST_P(SigV4Suite, gives_the_published_signature) {
  EXPECT_EQ(suite(GetParam().request), GetParam().expected);
}

const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr const char* form = "application/x-www-form-urlencoded";

INSTANTIATE_TEST_SUITE_P(
    Requests, SigV4Suite,
    testing::Values(
        SuiteCase{"get_vanilla",
                  {},
                  "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        SuiteCase{"get_vanilla_empty_query_key", request("GET", "/", {{"Param1", "value1"}}),
                  "host;x-amz-date, Signature=a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        SuiteCase{"get_vanilla_query_order_key_case", request("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}),
                  "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        SuiteCase{"get_vanilla_query_order_key", request("GET", "/", {{"Param1", "value2"}, {"Param1", "Value1"}}),
                  "host;x-amz-date, Signature=eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
        SuiteCase{"get_vanilla_query_order_value", request("GET", "/", {{"Param1", "value2"}, {"Param1", "value1"}}),
                  "host;x-amz-date, Signature=5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
        SuiteCase{"get_vanilla_query_order_encoded",
                  request("GET", "/", {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\xe1\x88\xb4", "Value1"}}),
                  "host;x-amz-date, Signature=371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        SuiteCase{"get_vanilla_query_unreserved", request("GET", "/", {{unreserved, unreserved}}),
                  "host;x-amz-date, Signature=9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        SuiteCase{"get_vanilla_utf8_query", request("GET", "/", {{"\xe1\x88\xb4", "bar"}}),
                  "host;x-amz-date, Signature=2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        SuiteCase{"get_unreserved", request("GET", "/" + unreserved),
                  "host;x-amz-date, Signature=07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        SuiteCase{"get_utf8", request("GET", "/\xe1\x88\xb4"),
                  "host;x-amz-date, Signature=8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        SuiteCase{"get_space", request("GET", "/example space/"),
                  "host;x-amz-date, Signature=652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        SuiteCase{
            "get_header_key_duplicate",
            request("GET", "/", {}, {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}),
            "host;my-header1;x-amz-date, "
            "Signature=c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        SuiteCase{"get_header_value_order",
                  request("GET", "/", {},
                          {{"My-Header1", "value4"},
                           {"My-Header1", "value1"},
                           {"My-Header1", "value3"},
                           {"My-Header1", "value2"}}),
                  "host;my-header1;x-amz-date, "
                  "Signature=08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
        SuiteCase{"get_header_value_trim",
                  request("GET", "/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
                  "host;my-header1;my-header2;x-amz-date, "
                  "Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        SuiteCase{"post_vanilla", request("POST", "/"),
                  "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        SuiteCase{"post_vanilla_query", request("POST", "/", {{"Param1", "value1"}}),
                  "host;x-amz-date, Signature=28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
        SuiteCase{"post_header_key_sort", request("POST", "/", {}, {{"My-Header1", "value1"}}),
                  "host;my-header1;x-amz-date, "
                  "Signature=c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
        SuiteCase{"post_header_value_case", request("POST", "/", {}, {{"My-Header1", "VALUE1"}}),
                  "host;my-header1;x-amz-date, "
                  "Signature=cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
        SuiteCase{"post_x_www_form_urlencoded", request("POST", "/", {}, {{"Content-Type", form}}, "Param1=value1"),
                  "content-type;host;x-amz-date, "
                  "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(SigV4, signs_the_session_token) {
  const std::string token =
      "AQoDYXdzEPT//////////"
      "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
      "x7mSEI/qkPpKPi/"
      "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAki"
      "Y9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
  EXPECT_EQ(suite(request("POST", "/"), token),
            "host;x-amz-date;x-amz-security-token, "
            "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
  EXPECT_EQ(suite(request("GET", "/"), "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
            "host;x-amz-date;x-amz-security-token, "
            "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}

TEST(SigV4, gets_an_object_as_the_s3_reference_does) {
  EXPECT_EQ(s3(request("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}})),
            "host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, puts_an_object_whose_key_is_to_be_encoded) {
  EXPECT_EQ(s3(request("PUT", "/test$file.text", {},
                       {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                       "Welcome to Amazon S3.")),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, signs_queries_as_the_s3_reference_does) {
  EXPECT_THAT(s3(request("GET", "/", {{"lifecycle", ""}})),
              EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(s3(request("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}})),
              EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(SigV4, leaves_the_path_of_a_key_as_it_is) {
  EXPECT_NE(s3(request("GET", "/a/../b")), s3(request("GET", "/b")));
  EXPECT_NE(s3(request("GET", "/a//b")), s3(request("GET", "/a/b")));
}

TEST(SigV4, gives_the_headers_that_are_lacking_and_no_secret) {
  const Headers headers = sign(request("GET", "/"), {"r", "s3"}, {"id", Secret("CANARY"), Secret("token")}, s3_time);
  EXPECT_THAT(headers,
              ElementsAre(Pair("x-amz-date", "20130524T000000Z"), Pair("x-amz-content-sha256", empty_payload_sha256),
                          Pair("x-amz-security-token", "token"), Pair("Authorization", HasSubstr("id/2013"))));
  for (const auto& [name, value] : headers) EXPECT_THAT(value, Not(HasSubstr("CANARY")));
  EXPECT_EQ(empty_payload_sha256, hash_of(""));
}

}  // namespace
}  // namespace plumbline::fetch::aws
