// Each link of the credentials chain against files and servers of the test's own. Whatever is secret holds "CANARY".
#include "fetch/aws_credentials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/fetch/strict_server.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::fetch::aws {
namespace {

using namespace fetch::test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* expiry = "2026-11-25T02:47:30Z";  // an hour after FakeClock's start

std::string keys_json(const std::string& id, const std::string& more = "") {
  return R"({"Code":"Success",)" + more + R"("AccessKeyId":")" + id + R"(","SecretAccessKey":"CANARY-secret",)" +
         R"("Token":"CANARY-token","Expiration":")" + expiry + R"("})";
}

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
    options_.environment = environment_of(variables_);
  }
  ~CredentialsTest() override { end_server(); }

  CredentialsChain chain() { return {options_, clock_}; }
  Result<Credentials> get() { return chain().get(); }
  std::string id() {
    const auto found = get();
    return found ? found->keys.access_key_id : found.error().message();
  }
  /// The message of the error, which must not hold a secret.
  std::string refusal(ErrorCode code) {
    const auto found = get();
    if (found) return "no error";
    EXPECT_EQ(found.error().code, code) << found.error().message();
    EXPECT_THAT(found.error().message(), Not(HasSubstr("CANARY")));
    EXPECT_THAT(found.error().message(), Not(HasSubstr("\n")));
    EXPECT_THAT(found.error().fix, Not(IsEmpty()));
    return found.error().message();
  }
  StrictServer& serve(StrictServer::Handler handler) {
    end_server();
    server_ = std::make_unique<StrictServer>(std::move(handler));
    return *server_;
  }
  void end_server() {
    if (!server_) return;
    EXPECT_THAT(server_->problems(), IsEmpty());
    server_.reset();
  }

  TempDir dir_;
  FakeClock clock_;
  Variables variables_;
  CredentialsOptions options_;
  std::unique_ptr<StrictServer> server_;
};

constexpr const char* some_profiles =
    "; made by hand\r\n"
    "[default]\n"
    "aws_access_key_id = AKIADEFAULT  # the old one\n"
    "aws_secret_access_key=CANARY/default+=\n"
    "s3 =\n"
    "  max_concurrent_requests\n"
    "\n"
    "[ prod ]\r\n"
    "AWS_ACCESS_KEY_ID = AKIAPROD\r\n"
    "aws_secret_access_key = CANARY-prod\r\n"
    "aws_session_token = CANARY-session\r\n"
    "region = eu-west-3\r\n"
    "[roles]\n"
    "role_arn = arn:aws:iam::1:role/r\n";

TEST_F(CredentialsTest, come_from_the_environment) {
  variables_["AWS_ACCESS_KEY_ID"] = "AKIAENV";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("no secret access key"));
  variables_["AWS_SECRET_ACCESS_KEY"] = "CANARY";
  variables_["AWS_SESSION_TOKEN"] = "CANARY-token";
  const auto found = get().value();
  EXPECT_EQ(found.keys.access_key_id, "AKIAENV");
  EXPECT_EQ(found.keys.secret_access_key.view(), "CANARY");
  EXPECT_EQ(found.keys.session_token.view(), "CANARY-token");
  EXPECT_EQ(found.source, "the environment");
  EXPECT_EQ(found.expires, 0);
  variables_["AWS_SESSION_TOKEN"] = "CANARY\r\nx-evil: 1";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("not printable"));
}

TEST_F(CredentialsTest, come_from_profiles_of_the_shared_file) {
  variables_["HOME"] = dir_.path();
  dir_.write(".aws/credentials", some_profiles);
  const auto found = get().value();
  EXPECT_EQ(found.keys.access_key_id, "AKIADEFAULT");
  EXPECT_EQ(found.keys.secret_access_key.view(), "CANARY/default+=");
  EXPECT_TRUE(found.keys.session_token.empty());
  variables_["AWS_PROFILE"] = "prod";
  EXPECT_EQ(get()->keys.session_token.view(), "CANARY-session");
  variables_["AWS_SHARED_CREDENTIALS_FILE"] =
      dir_.write("other", "[prod]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=CANARY\n");
  EXPECT_EQ(id(), "AKIAOTHER");
}

TEST_F(CredentialsTest, come_from_the_configured_file_before_all_else) {
  variables_["AWS_ACCESS_KEY_ID"] = "AKIAENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "CANARY";
  EXPECT_EQ(id(), "AKIAENV");
  options_.credentials_file = dir_.write("configured", some_profiles);
  EXPECT_EQ(id(), "AKIADEFAULT");
  dir_.write("configured", "[default]\naws_access_key_id=AKIANEW\naws_secret_access_key=CANARY\n");
  EXPECT_EQ(id(), "AKIANEW");  // long-term keys are read anew
  options_.credentials_file = dir_ / "absent";
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("No such file"));
}

TEST_F(CredentialsTest, are_not_taken_from_a_file_with_a_bad_line) {
  const std::pair<const char*, const char*> files[] = {
      {"[default]\naws_access_key_id=A\nCANARY\n", "line 3 is neither"},
      {"aws_access_key_id = CANARY\n", "line 1 is neither"},
      {"[default]\n= CANARY\n", "line 2 is neither"},
      {"# x\n\n[CANARY\n", "line 3 is neither"},
      {"[default]\naws_access_key_id = A\n", "no secret access key"},
      {"[default]\naws_access_key_id = A\naws_secret_access_key = CAN ARY CANARY\n", "not printable"},
  };
  for (const auto& [text, why] : files) {
    options_.credentials_file = dir_.write("bad", text);
    EXPECT_THAT(refusal(ErrorCode::invalid_argument), AllOf(HasSubstr(why), HasSubstr(options_.credentials_file)));
  }
  options_.credentials_file = dir_.path();
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("no regular file"));
  options_.credentials_file = dir_.write("good", some_profiles);
  variables_["AWS_PROFILE"] = "staging";
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("there is no profile \"staging\""));
  variables_["AWS_PROFILE"] = "roles";
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("holds no keys, and its role_arn is not followed"));
}

TEST_F(CredentialsTest, come_from_sts_for_a_web_identity) {
  auto& sts = serve([](const Asked& request) {
    if (request.body.find("WebIdentityToken=CANARY-jwt.1%2B") == std::string::npos)
      return Reply{400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>CANARY</Message>", {}};
    return Reply{200,
                 "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\n<Credentials>"
                 "<SessionToken>CANARY-token</SessionToken>\n<SecretAccessKey>CANARY-secret</SecretAccessKey>"
                 "<Expiration>2026-11-25T02:47:30Z</Expiration><AccessKeyId>ASIASTS</AccessKeyId></Credentials>",
                 {}};
  });
  variables_["AWS_ENDPOINT_URL_STS"] = sts.url();
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/plumbline";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("only one of"));
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir_.write("token", "CANARY-jwt.1+\n");
  const auto found = get().value();
  EXPECT_EQ(found.keys.access_key_id + " " + found.source, "ASIASTS web identity (IRSA)");
  EXPECT_EQ(found.keys.session_token.view(), "CANARY-token");
  EXPECT_EQ(found.expires, *parse_rfc3339(expiry));
  const Asked request = sts.asked().at(0);
  EXPECT_EQ(request.method + request.target, "POST/");
  EXPECT_EQ(request.header("content-type"), "application/x-www-form-urlencoded");
  EXPECT_THAT(request.body, AllOf(HasSubstr("Action=AssumeRoleWithWebIdentity&"), HasSubstr("Version=2011-06-15"),
                                  HasSubstr("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fplumbline&"),
                                  HasSubstr("RoleSessionName=plumbline-agent&")));
  dir_.write("token", "CANARY-old\n");
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("400 (InvalidIdentityToken)"));
  variables_["AWS_ENDPOINT_URL_STS"] = "http://sts.example.org";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("unencrypted"));
  variables_.erase("AWS_ENDPOINT_URL_STS");
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("AWS_REGION"));
}

TEST_F(CredentialsTest, come_from_the_endpoint_of_ecs) {
  auto& ecs = serve([](const Asked& request) {
    return request.target == "/v2/credentials/1" ? Reply{200, keys_json("ASIAECS"), {}}
                                                 : Reply{404, R"({"code":"NotFound","message":"CANARY"})", {}};
  });
  options_.container_endpoint = ecs.url();
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/1";
  EXPECT_EQ(id(), "ASIAECS");
  EXPECT_EQ(ecs.asked().at(0).header("authorization"), "");
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/CANARY";
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("it answers 404 (NotFound)"));
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "@CANARY/";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("does not begin with /"));
}

TEST_F(CredentialsTest, come_from_the_endpoint_of_eks_pod_identity) {
  auto& eks = serve([](const Asked& request) {
    return request.header("authorization") == "CANARY-jwt" ? Reply{200, keys_json("ASIAEKS"), {}}
                                                           : Reply{400, "CANARY", {}};
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = eks.url() + "/v1/credentials";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "CANARY-stale";
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("it answers 400"));
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir_.write("token", "CANARY-jwt");
  EXPECT_EQ(id(), "ASIAEKS");
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir_ / "absent";
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("absent"));
  variables_.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "CANARY\nHost: x";
  EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("line break"));
  for (const char* url :
       {"http://169.254.169.254/CANARY", "http://example.org/CANARY", "http://[fd00:ec2::24]/CANARY"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_THAT(refusal(ErrorCode::invalid_argument), HasSubstr("without TLS")) << url;
  }
}

/// IMDSv2 as EC2 has it: nothing without the token of a PUT.
Reply imds(const Asked& request) {
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  if (request.target == "/latest/api/token")
    return request.method == "PUT" && !request.header("x-aws-ec2-metadata-token-ttl-seconds").empty()
               ? Reply{200, "CANARY-imds==", {}}
               : Reply{403, "", {}};
  if (request.method != "GET" || request.header("x-aws-ec2-metadata-token") != "CANARY-imds==") return {401, "", {}};
  if (request.target == roles) return {200, "node-role\n", {}};
  if (request.target == roles + "node-role") return {200, keys_json("ASIAIMDS", R"("Type":"AWS-HMAC",)"), {}};
  return {404, "", {}};
}

TEST_F(CredentialsTest, come_from_the_instance_by_imdsv2) {
  auto& server = serve(imds);
  variables_["AWS_EC2_METADATA_DISABLED"] = "false";
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url() + "/";
  EXPECT_EQ(id(), "ASIAIMDS");
  EXPECT_THAT(server.asked(), SizeIs(3));
}

TEST_F(CredentialsTest, are_not_to_be_had_of_an_instance_without_a_role) {
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] =
      serve([](const Asked& request) {
        return request.method == "PUT" ? Reply{200, "CANARY", {}} : Reply{404, "CANARY", {}};
      }).url();
  EXPECT_THAT(refusal(ErrorCode::not_found), AllOf(HasSubstr("instance's role"), HasSubstr("attach a role")));
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] =
      serve([](const Asked& request) {
        if (request.target.ends_with("node-role")) return Reply{200, R"({"Code":"AssumeRoleUnauthorizedAccess"})", {}};
        return imds(request);
      }).url();
  EXPECT_THAT(refusal(ErrorCode::permission), HasSubstr("(AssumeRoleUnauthorizedAccess)"));
  end_server();
  EXPECT_THAT(refusal(ErrorCode::unavailable), AllOf(HasSubstr("cannot connect"), HasSubstr("hop limit")));
}

TEST_F(CredentialsTest, that_are_nowhere_name_each_link_and_what_it_lacks) {
  EXPECT_THAT(refusal(ErrorCode::permission),
              AllOf(HasSubstr("the configured credentials file: none is configured"),
                    HasSubstr("the environment: AWS_ACCESS_KEY_ID"), HasSubstr("nor HOME is set"), HasSubstr("IRSA"),
                    HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI"), HasSubstr("AWS_EC2_METADATA_DISABLED is set"),
                    HasSubstr("name a credentials file")));
}

TEST_F(CredentialsTest, of_a_later_link_are_not_used_where_an_earlier_one_is_broken) {
  variables_["AWS_EC2_METADATA_DISABLED"] = "false";
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = serve(imds).url();
  variables_["AWS_ROLE_ARN"] = "arn";
  variables_["AWS_REGION"] = "eu-west-1";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir_ / "absent";
  EXPECT_THAT(refusal(ErrorCode::not_found), HasSubstr("web identity (IRSA): read the secret"));
  EXPECT_THAT(server_->asked(), IsEmpty());
}

TEST_F(CredentialsTest, are_kept_until_five_minutes_before_they_expire) {
  bool down = false;
  auto& server = serve([&down](const Asked& request) { return down ? Reply{500, "", {}} : imds(request); });
  variables_["AWS_EC2_METADATA_DISABLED"] = "false";
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url();
  auto kept = chain();
  ASSERT_TRUE(kept.get());
  clock_.pass(std::chrono::minutes(54));
  ASSERT_TRUE(kept.get());
  EXPECT_THAT(server.asked(), SizeIs(3));
  clock_.pass(std::chrono::minutes(2));
  ASSERT_TRUE(kept.get());
  EXPECT_THAT(server.asked(), SizeIs(6));
  server.change([&] { down = true; });
  EXPECT_TRUE(kept.get());  // the old ones are good for 4 minutes more
  clock_.pass(std::chrono::minutes(4));
  EXPECT_EQ(kept.get().error().code, ErrorCode::unavailable);
  server.change([&] { down = false; });
  clock_.pass(-std::chrono::minutes(40));
  ASSERT_TRUE(kept.get());
  const std::size_t asked = server.asked().size();
  kept.forget();
  ASSERT_TRUE(kept.get());
  EXPECT_THAT(server.asked(), SizeIs(asked + 3));
}

TEST_F(CredentialsTest, region_comes_from_the_option_the_environment_or_the_profile) {
  const auto region = [this] {
    const auto found = chain().region();
    return found ? *found : found.error().message();
  };
  EXPECT_THAT(region(), HasSubstr("set `region`"));
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = dir_.write("c", some_profiles);
  variables_["AWS_PROFILE"] = "prod";
  EXPECT_EQ(region(), "eu-west-3");
  variables_["AWS_DEFAULT_REGION"] = "eu-west-2";
  EXPECT_EQ(region(), "eu-west-2");
  variables_["AWS_REGION"] = "eu-west-1";
  EXPECT_EQ(region(), "eu-west-1");
  options_.region = "example.org/";
  EXPECT_THAT(region(), HasSubstr("no region's name"));
}

TEST(AwsAnswer, is_read_one_element_at_a_time) {
  EXPECT_EQ(xml_text("<a><Code>X</Code></a>", "Code"), "X");
  for (const char* bad : {"", "<Code>", "<Code>X", "<Code></Code>", "<Code>X</Code><Code>Y</Code>", "<Code>a b</Code>",
                          "<Code>&lt;</Code>", "<Code><x></Code>", "<Code>a\nb</Code>", "<code>X</code>"})
    EXPECT_EQ(xml_text(bad, "Code"), "") << bad;
  EXPECT_EQ(domain_of("cn-north-1"), "amazonaws.com.cn");
  EXPECT_EQ(domain_of("us-isob-east-1"), "sc2s.sgov.gov");
  EXPECT_EQ(domain_of("eu-central-1"), "amazonaws.com");
}

}  // namespace
}  // namespace plumbline::fetch::aws
