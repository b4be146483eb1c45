// Objects of a store that this test plays. It computes each request's signature anew, from what came over the wire.
#include "fetch/s3.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <sstream>

#include "baseline/keyed_hash.hpp"
#include "include/util/hex.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr const char* secret_key = "CANARY-secret";

std::string hmac(const std::string& key, const std::string& text) {
  unsigned char mac[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac, nullptr);
  return {reinterpret_cast<const char*>(mac), sizeof mac};
}

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin) + begin.size();
  return text.substr(at, text.find(end, at) - at);
}

/// What the Authorization header of a request without query and body should be, by its own SignedHeaders and scope.
std::string right_authorization(const Asked& request) {
  const std::string given = request.header("authorization"), names = between(given, "SignedHeaders=", ","),
                    id = between(given, "Credential=", "/"), scope = between(given, "Credential=" + id + "/", ",");
  std::string canonical = request.method + "\n" + request.target + "\n\n", name;
  for (std::istringstream in(names); std::getline(in, name, ';');)
    canonical.append(name).append(":").append(request.header(name)).append("\n");
  canonical += "\n" + names + "\n" + request.header("x-amz-content-sha256");
  std::string key = std::string("AWS4") + secret_key, part;
  for (std::istringstream in(scope); std::getline(in, part, '/');) key = hmac(key, part);
  const std::string mac = hmac(key, "AWS4-HMAC-SHA256\n" + request.header("x-amz-date") + "\n" + scope + "\n" +
                                        to_hex(baseline::sha256(canonical)));
  return "AWS4-HMAC-SHA256 Credential=" + id + "/" + scope + ", SignedHeaders=" + names +
         ", Signature=" + to_hex(std::as_bytes(std::span(mac)));
}

Reply error(int status, const std::string& code, const std::string& more = "") {
  return {status,
          "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>CANARY</Message>" + more + "</Error>",
          {{"Content-Type", "application/xml"}}};
}

class S3Test : public testing::Test {
 protected:
  S3Test() {
    variables_["AWS_ACCESS_KEY_ID"] = "AKIAENV";
    variables_["AWS_SECRET_ACCESS_KEY"] = secret_key;
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
    options_.bucket = "states";
    options_.key = "prod/terraform.tfstate";
    options_.region = "eu-west-1";
    options_.endpoint = server_.url();
    options_.environment = environment_of(variables_);
  }
  ~S3Test() override { EXPECT_THAT(server_.problems(), testing::IsEmpty()); }
  Result<std::unique_ptr<Origin>> create() { return S3Origin::make(options_, clock_); }
  Result<Fetched> fetch(const std::string& known = "") {
    return create().value()->fetch(known, [this](std::string_view bytes) -> Result<void> {
      taken_.emplace_back(bytes);
      return {};
    });
  }
  /// The message of the error, which must not hold a secret.
  std::string refusal(ErrorCode code) {
    const auto fetched = fetch();
    if (fetched) return "no error";
    const Error& why = fetched.error();
    EXPECT_EQ(why.code, code) << why.message();
    EXPECT_THAT(why.message(), Not(HasSubstr("CANARY")));
    EXPECT_EQ(why.what, "fetch s3://" + options_.bucket + "/" + options_.key);
    EXPECT_FALSE(why.fix.empty());
    return why.message();
  }
  void answer(StrictServer::Handler handler) {
    server_.change([&] { answer_ = std::move(handler); });
  }
  void answer(const Reply& always) {
    answer([always](const Asked&) { return always; });
  }

  TempDir dir_;
  FakeClock clock_;
  Variables variables_;
  S3Options options_;
  StrictServer::Handler answer_ = [](const Asked& request) {
    if (request.header("if-none-match") == "\"v1\"") return Reply{304, "", {{"ETag", "\"v1\""}}};
    return Reply{200, "{\"version\":4}", {{"ETag", "\"v1\""}}};
  };
  StrictServer server_{[this](const Asked& request) {
    EXPECT_EQ(request.header("authorization"), right_authorization(request));
    EXPECT_THAT(request.header("authorization"), HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date"));
    return answer_(request);
  }};
  std::vector<std::string> taken_;
};

TEST_F(S3Test, an_object_is_fetched_when_it_changed) {
  const auto fresh = fetch().value();
  EXPECT_FALSE(fresh.unchanged);
  EXPECT_EQ(fresh.version, "\"v1\"");
  const auto again = fetch(fresh.version).value();
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.version, fresh.version);
  EXPECT_FALSE(fetch("\"v0\"")->unchanged);
  EXPECT_THAT(taken_, testing::ElementsAre("{\"version\":4}", "{\"version\":4}"));
  const Asked request = server_.asked().at(0);
  EXPECT_EQ(request.method + " " + request.target, "GET /states/prod/terraform.tfstate");
  EXPECT_EQ(request.header("host"), server_.authority());
  EXPECT_EQ(request.header("x-amz-date"), "20261125T014730Z");
  EXPECT_THAT(request.header("authorization"), HasSubstr("Credential=AKIAENV/20261125/eu-west-1/s3/aws4_request"));
}

TEST_F(S3Test, a_key_is_encoded_once_and_signed_as_it_is_sent) {
  options_.key = "/a b//../ü+%41?x#y'(z)~";
  variables_["AWS_SESSION_TOKEN"] = "CANARY/token==";
  ASSERT_TRUE(fetch());
  EXPECT_EQ(server_.asked().at(0).target, "/states//a%20b//../%C3%BC%2B%2541%3Fx%23y%27%28z%29~");
  EXPECT_EQ(server_.asked().at(0).header("x-amz-security-token"), "CANARY/token==");
  EXPECT_THAT(server_.asked().at(0).header("authorization"), HasSubstr("x-amz-date;x-amz-security-token,"));
}

TEST_F(S3Test, what_is_not_there_is_told_apart) {
  answer(error(404, "NoSuchKey"));
  EXPECT_THAT(refusal(ErrorCode::not_found), AllOf(HasSubstr("404 (NoSuchKey)"), HasSubstr("check the key")));
  answer(error(404, "NoSuchBucket"));
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("check the bucket's name"));
  EXPECT_THAT(server_.asked(), SizeIs(2));
}

TEST_F(S3Test, a_refusal_says_whose_permission_is_lacking) {
  answer(error(403, "AccessDenied"));
  EXPECT_THAT(refusal(ErrorCode::permission),
              AllOf(HasSubstr("403 (AccessDenied)"), HasSubstr("from the environment do s3:GetObject")));
  EXPECT_THAT(server_.asked(), SizeIs(2));  // once more with fresh credentials, no oftener
  answer(error(403, "SignatureDoesNotMatch"));
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("are not this store's"));
  answer(error(403, "InvalidObjectState"));
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("archived"));
}

TEST_F(S3Test, a_wrong_region_names_the_right_one) {
  const Reply malformed = error(400, "AuthorizationHeaderMalformed", "<Region>us-west-2</Region>");
  Reply moved = error(301, "PermanentRedirect");
  moved.headers.emplace_back("x-amz-bucket-region", "us-west-2");
  Reply denied = error(403, "AccessDenied");
  denied.headers.emplace_back("x-amz-bucket-region", "us-west-2");
  for (const auto& told : {malformed, moved, denied}) {
    answer(told);
    EXPECT_THAT(
        refusal(ErrorCode::invalid_argument),
        AllOf(HasSubstr("is in region us-west-2, and eu-west-1 was asked"), HasSubstr("set region: us-west-2")));
  }
  EXPECT_THAT(server_.asked(), SizeIs(3));
  answer(error(301, "PermanentRedirect", "<Region>CANARY!</Region>"));
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("a redirect, which is not followed"));
}

TEST_F(S3Test, an_expired_token_is_replaced_once) {
  options_.credentials_file =
      dir_.write("c", "[default]\naws_access_key_id=AKIAOLD\naws_secret_access_key=" + std::string(secret_key) +
                          "\naws_session_token=CANARY-old\n");
  answer([this](const Asked& request) {
    if (request.header("x-amz-security-token") != "CANARY-old") return Reply{200, "new", {}};
    dir_.write("c", "[default]\naws_access_key_id=AKIANEW\naws_secret_access_key=" + std::string(secret_key) +
                        "\naws_session_token=CANARY-new\n");
    return error(400, "ExpiredToken");
  });
  const auto fetched = fetch();
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_EQ(fetched->version, "");  // this store gives no ETag
  EXPECT_THAT(server_.asked(), SizeIs(2));
  answer(error(400, "ExpiredToken"));
  EXPECT_THAT(
      refusal(ErrorCode::permission),
      AllOf(HasSubstr("400 (ExpiredToken)"), HasSubstr("from the configured credentials file is no longer good")));
  EXPECT_THAT(server_.asked(), SizeIs(4));
}

TEST_F(S3Test, a_wrong_clock_is_told_with_its_difference) {
  answer(error(403, "RequestTimeTooSkewed", "<ServerTime>2026-11-25T01:17:30Z</ServerTime>"));
  EXPECT_THAT(refusal(ErrorCode::permission), AllOf(HasSubstr("30 minutes ahead of the store's"), HasSubstr("chrony")));
  answer(error(403, "RequestTimeTooSkewed", "<ServerTime>CANARY</ServerTime>"));
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("differs from the store's"));
  EXPECT_THAT(server_.asked(), SizeIs(2));  // other credentials would not help
}

TEST_F(S3Test, trouble_that_may_pass_is_unavailable) {
  answer(error(503, "SlowDown"));
  EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("503 (SlowDown)"));
  answer({500, "CANARY", {}});
  EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("it answers 500"));
  answer({304, "", {}});  // nobody asked whether it changed
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("304"));
  options_.endpoint = "http://127.0.0.1:1";
  EXPECT_THAT(refusal(ErrorCode::unavailable), HasSubstr("http://127.0.0.1:1: cannot connect"));
}

TEST_F(S3Test, without_region_or_credentials_nothing_is_asked) {
  options_.region = "";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("set `region`"));
  variables_["AWS_DEFAULT_REGION"] = "eu-west-1";
  EXPECT_TRUE(fetch());
  variables_.erase("AWS_SECRET_ACCESS_KEY");
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("the environment: "));
  EXPECT_THAT(server_.asked(), SizeIs(1));
}

TEST_F(S3Test, what_the_reader_says_is_passed_on) {
  const auto fetched = create().value()->fetch(
      "", [](std::string_view) -> Result<void> { return invalid("read it", "no JSON", "mend it"); });
  EXPECT_EQ(fetched.error().message(), "read it: no JSON; mend it");
}

TEST(S3Place, depends_on_bucket_region_and_endpoint) {
  const auto place = [](const char* bucket, const char* region, const char* endpoint) {
    S3Options options;
    options.bucket = bucket;
    options.key = "a b";
    options.endpoint = endpoint;
    const S3Place where = s3_place(options, region);
    return where.origin + " " + where.host + " " + where.path;
  };
  EXPECT_EQ(place("states", "eu-west-1", ""),
            "https://states.s3.eu-west-1.amazonaws.com states.s3.eu-west-1.amazonaws.com /a%20b");
  EXPECT_EQ(place("my.states", "eu-west-1", ""),
            "https://s3.eu-west-1.amazonaws.com s3.eu-west-1.amazonaws.com /my.states/a%20b");
  EXPECT_EQ(place("States_1", "cn-north-1", ""),
            "https://s3.cn-north-1.amazonaws.com.cn s3.cn-north-1.amazonaws.com.cn /States_1/a%20b");
  EXPECT_EQ(place("states", "us-east-1", "http://minio:9000/"), "http://minio:9000 minio:9000 /states/a%20b");
  EXPECT_EQ(place("states", "us-east-1", "https://minio:443"), "https://minio:443 minio /states/a%20b");
  EXPECT_EQ(place("states", "us-east-1", "https://[::1]:9000"), "https://[::1]:9000 [::1]:9000 /states/a%20b");
}

TEST_F(S3Test, a_bad_endpoint_is_refused_at_once) {
  for (const char* bad : {"127.0.0.1:9000", "http://h/path", "http://u:CANARY@h", "ftp://h"}) {
    options_.endpoint = bad;
    EXPECT_EQ(create().error().code, ErrorCode::invalid_argument) << bad;
    EXPECT_THAT(create().error().message(), Not(HasSubstr("CANARY")));
  }
}

TEST(S3Location, is_a_bucket_and_a_key) {
  const auto parts = [](const std::string& text) {
    const auto location = parse_s3_location(text);
    return location ? location->bucket + " " + location->key : location.error().why;
  };
  EXPECT_EQ(parts("s3://states/prod/a.tfstate"), "states prod/a.tfstate");
  EXPECT_EQ(parts("s3://my.states//k?versionId=1#%"), "my.states /k?versionId=1#%");
  for (const auto& [text, why] :
       std::vector<std::pair<std::string, std::string>>{{"https://states/k", "s3://"},
                                                        {"states/k", "s3://"},
                                                        {"s3://", "bucket"},
                                                        {"s3:///k", "bucket"},
                                                        {"s3://ab/k", "bucket"},
                                                        {"s3://-ab/k", "bucket"},
                                                        {"s3://a@b.example/k", "bucket"},
                                                        {"s3://states:9000/k", "bucket"},
                                                        {"s3://states", "no key"},
                                                        {"s3://states/", "no key"},
                                                        {"s3://states/a\nb", "control character"},
                                                        {"s3://states/" + std::string(1025, 'k'), "1024"}})
    EXPECT_THAT(parts(text), HasSubstr(why)) << text;
}

}  // namespace
}  // namespace plumbline::fetch
