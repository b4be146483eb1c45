#include "cloud/route.hpp"

#include <gtest/gtest.h>

#include "cloud/table/tables.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

constexpr const char* no_operation = "the service has no operation with this path, target or action";
constexpr const char* not_cloud = "neither host nor signature is that of a known cloud";

struct S3Case {
  const char *method, *host, *path, *wanted, *bucket, *key;
};

/// Whatever way a bucket is addressed, and whatever a key is called.
TEST(Route, finds_buckets_in_host_and_path) {
  constexpr S3Case cases[] = {
      {"PUT", "a.b.c.s3.eu-west-1.amazonaws.com", "/?policy", "s3:PutBucketPolicy", "a.b.c", ""},
      {"PUT", "s3.eu-west-1.amazonaws.com", "/a.b.c?policy", "s3:PutBucketPolicy", "a.b.c", ""},
      {"PUT", "s3.eu-west-1.amazonaws.com", "/a.b.c/?policy=", "s3:PutBucketPolicy", "a.b.c", ""},
      {"PUT", "a.b.c.s3.dualstack.eu-west-1.amazonaws.com", "/?policy", "s3:PutBucketPolicy", "a.b.c", ""},
      {"PUT", "a.b.c.s3-fips.dualstack.us-east-1.amazonaws.com", "/?policy", "s3:PutBucketPolicy", "a.b.c", ""},
      {"PUT", "A.b.S3.amazonaws.com", "/?policy", "s3:PutBucketPolicy", "A.b", ""},
      {"PUT", "logs.s3-us-west-2.amazonaws.com", "/?policy", "s3:PutBucketPolicy", "logs", ""},
      {"PUT", "logs.s3-accelerate.amazonaws.com", "/k", "s3:PutObject", "logs", "k"},
      {"PUT", "logs.s3-accelerate.dualstack.amazonaws.com", "/k", "s3:PutObject", "logs", "k"},
      {"PUT", "logs.s3.cn-north-1.amazonaws.com.cn", "/k", "s3:PutObject", "logs", "k"},
      {"PUT", "ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "/k", "s3:PutObject", "ap-123456789012", "k"},
      {"PUT", "mrap.accesspoint.s3-global.amazonaws.com", "/k", "s3:PutObject", "mrap", "k"},
      {"PUT", "ap-123456789012.op-01.s3-outposts.eu-west-1.amazonaws.com", "/k", "s3:PutObject",
       "ap-123456789012.op-01", "k"},
      {"PUT", "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "/k", "s3:PutObject", "b--use1-az4--x-s3",
       "k"},
      {"PUT", "logs.bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com", "/k", "s3:PutObject", "logs", "k"},
      {"PUT", "bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com", "/logs/k", "s3:PutObject", "logs", "k"},
      {"PUT", "localhost:9000", "/logs/policy", "s3:PutObject", "logs", "policy"},
      {"PUT", "127.0.0.1:9000", "/logs?policy", "s3:PutBucketPolicy", "logs", ""},
      {"PUT", "[::1]:9000", "/logs?versioning", "s3:PutBucketVersioning", "logs", ""},
      {"PUT", "logs.s3.localhost.localstack.cloud:4566", "/k", "s3:PutObject", "logs", "k"},
      {"PUT", "s3.eu-west-1.amazonaws.com", "/logs/a%3Fpolicy%2Fb", "s3:PutObject", "logs", "a%3Fpolicy%2Fb"},
      {"PUT", "s3.eu-west-1.amazonaws.com", "/logs//a//b/", "s3:PutObject", "logs", "/a//b/"},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/policy", "s3:PutObject", "logs", "policy"},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/k?x-id=PutObject", "s3:PutObject", "logs", "k"},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/k?partNumber=1&uploadId=u", "s3:UploadPart", "logs", "k"},
      {"GET", "logs.s3.eu-west-1.amazonaws.com", "/?list-type=2&prefix=a", "s3:ListObjectsV2", "logs", ""},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/", "s3:CreateBucket", "logs", ""},
      {"GET", "s3.amazonaws.com", "/", "s3:ListBuckets", "", ""},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/?lifecycle", "s3:PutBucketLifecycleConfiguration", "logs", ""},
      {"PUT", "logs.s3.eu-west-1.amazonaws.com", "/?something-new", no_operation, "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.host) + c.path);
    const auto sent = Sent::to("s3", c.method, c.path, c.host);
    EXPECT_EQ(sent.name(), c.wanted);
    const auto views = sent.fields();
    const Route found = route({c.method, c.host, c.path, views});
    std::string bucket, key;
    for (std::size_t i = 0; i < found.label_count; ++i)
      (found.labels[i].member == "Bucket" ? bucket : key) = found.labels[i].value;
    EXPECT_EQ(bucket, c.bucket);
    EXPECT_EQ(key, c.key);
  }
}

/// One call, four wires, one name.
TEST(Route, knows_an_operation_by_each_protocol_that_it_ever_had) {
  const std::string wanted = "cloudwatch:PutMetricAlarm";
  EXPECT_EQ(form("monitoring", "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a").name(), wanted);
  EXPECT_EQ(
      Sent::to("monitoring", "POST", "/").with("X-Amz-Target", "GraniteServiceVersion20100801.PutMetricAlarm").name(),
      wanted);
  EXPECT_EQ(Sent::to("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm")
                .with("Smithy-Protocol", "rpc-v2-cbor")
                .name(),
            wanted);
  EXPECT_EQ(Sent::to("monitoring", "GET", "/?Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a").name(), wanted);
  EXPECT_EQ(form("sqs", "Action=SetQueueAttributes&Version=2012-11-05").name(), "sqs:SetQueueAttributes");
  EXPECT_EQ(Sent::to("sqs", "POST", "/").with("x-amz-target", "AmazonSQS.SetQueueAttributes").name(),
            "sqs:SetQueueAttributes");
}

TEST(Route, splits_a_target_at_its_last_dot) {
  EXPECT_EQ(Sent::to("cloudtrail", "POST", "/")
                .with("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging")
                .name(),
            "cloudtrail:StopLogging");
  EXPECT_EQ(Sent::to("cloudtrail", "POST", "/").with("X-Amz-Target", "NoSuchPrefix.StopLogging").name(),
            "cloudtrail:StopLogging");
  EXPECT_EQ(Sent::to("cloudtrail", "POST", "/").with("X-Amz-Target", "StopLogging").name(), "cloudtrail:StopLogging");
  EXPECT_EQ(Sent::to("cloudtrail", "POST", "/").with("X-Amz-Target", ".").name(), no_operation);
  EXPECT_EQ(Sent::to("cloudtrail", "POST", "/").with("X-Amz-Target", "").name(), no_operation);
}

TEST(Route, takes_who_does_not_sign_by_host) {
  const std::string body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=canary";
  Sent sent{"POST", "sts.amazonaws.com", "/", {{"content-type", "application/x-www-form-urlencoded"}}, body, false};
  EXPECT_EQ(sent.name(), "sts:AssumeRoleWithWebIdentity");
  sent.host = "sts.eu-west-1.amazonaws.com";
  EXPECT_EQ(sent.name(), "sts:AssumeRoleWithWebIdentity");
  sent.host = "example.com";  // whose form is nobody's business
  EXPECT_EQ(sent.name(), not_cloud);
}

TEST(Route, reads_the_scope_of_presigned_urls_and_of_sigv4a_and_sigv2) {
  Sent sent{"PUT",
            "localhost:9000",
            "/logs/"
            "k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAQ3EGVTNLQBZXABCD%2F20261123%2Feu-west-1%2Fs3%"
            "2Faws4_request&X-Amz-Signature=canary",
            {},
            "",
            false};
  EXPECT_EQ(sent.name(), "s3:PutObject");
  Operation operation = sent.decoded();
  EXPECT_EQ(operation.region, "eu-west-1");
  EXPECT_EQ(operation.access_key_id, "AKIAQ3EGVTNLQBZXABCD");
  sent = {"PUT",
          "mrap.accesspoint.s3-global.amazonaws.com",
          "/k",
          {{"authorization",
            "AWS4-ECDSA-P256-SHA256 Credential=AKIAQ3EGVTNLQBZXABCD/20261123/s3/aws4_request, Signature=canary"},
           {"x-amz-region-set", "*"}},
          "",
          false};
  EXPECT_EQ(sent.name(), "s3:PutObject");
  EXPECT_EQ(sent.decoded().region, "");
  sent = {"PUT", "minio.example.com", "/logs/k", {{"Authorization", "AWS AKIAQ3EGVTNLQBZXABCD:canary"}}, "", false};
  EXPECT_EQ(sent.name(), "s3:PutObject");
}

TEST(Route, tells_services_of_one_signing_name_by_their_hosts) {
  EXPECT_EQ(Sent::to("ses", "POST", "/v2/email/identities", "email.eu-west-1.amazonaws.com").name(),
            "sesv2:CreateEmailIdentity");
  EXPECT_EQ(form("ses", "Action=VerifyEmailIdentity&Version=2010-12-01", "email.eu-west-1.amazonaws.com").name(),
            "ses:VerifyEmailIdentity");
  EXPECT_EQ(Sent::to("s3", "GET", "/v20180820/configuration/publicAccessBlock",
                     "123456789012.s3-control.eu-west-1.amazonaws.com")
                .with("x-amz-account-id", "123456789012")
                .name(),
            "s3control:GetPublicAccessBlock");
  EXPECT_EQ(Sent::to("s3express", "GET", "/", "s3express-control.us-east-1.amazonaws.com").name(),
            "s3:ListDirectoryBuckets");
}

TEST(Route, takes_todays_names_for_old_ones_and_old_versions_of_an_api) {
  EXPECT_EQ(form("rds", "Action=ModifyDBInstance&Version=2014-09-01").name(), "rds:ModifyDBInstance");
  EXPECT_EQ(form("ec2", "Action=StopInstances&Version=2031-01-01").name(), "ec2:StopInstances");  // of tomorrow
  EXPECT_EQ(Sent::to("cloudfront", "GET", "/2019-03-26/distribution").name(), "cloudfront:ListDistributions");
  EXPECT_EQ(Sent::to("cloudfront", "GET", "/2020-05-31/distribution").name(), "cloudfront:ListDistributions");
  EXPECT_EQ(Sent::to("cloudfront", "GET", "/hello/distribution").name(), no_operation);
}

TEST(Route, says_what_of_a_body_is_worth_keeping) {
  const auto keep = [](const Sent& sent) {
    const auto views = sent.fields();
    return route({sent.method, sent.host, sent.path, views}).keep;
  };
  EXPECT_EQ(keep(Sent::to("s3", "PUT", "/logs/k")
                     .with("Expect", "100-continue")
                     .with("Content-Encoding", "aws-chunked")
                     .with("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")),
            0U);
  EXPECT_EQ(keep(Sent::to("s3", "PUT", "/logs?policy")), max_body);
  EXPECT_EQ(keep(Sent::to("dynamodb", "POST", "/").with("X-Amz-Target", "DynamoDB_20120810.UpdateTable")), max_body);
  EXPECT_EQ(keep(Sent::to("dynamodb", "POST", "/").with("X-Amz-Target", "DynamoDB_20120810.PutItem")), 0U);
  EXPECT_EQ(keep(Sent::to("dynamodb", "POST", "/").with("X-Amz-Target", "DynamoDB_20120810.DescribeTable")), 0U);
  EXPECT_EQ(keep(form("ec2", "")), max_body);  // only the body says which operation it is
  EXPECT_EQ(keep(Sent{"POST", "example.com", "/", {{"content-type", "application/x-www-form-urlencoded"}}, "", false}),
            0U);
}

TEST(Route, says_why_it_does_not_know) {
  EXPECT_EQ(Sent::to("no-such-service", "GET", "/").name(), "no known service has this signing name or host");
  EXPECT_EQ((Sent{"GET", "nosuch.eu-west-1.amazonaws.com", "/", {}, "", false}).name(),
            "no known service has this signing name or host");
  EXPECT_EQ((Sent{"GET", "example.com", "/", {}, "", false}).name(), not_cloud);
  EXPECT_EQ((Sent{"GET", "", "", {}, "", false}).name(), not_cloud);
  EXPECT_EQ((Sent{"GET", "myamazonaws.com", "/", {}, "", false}).name(), not_cloud);
  EXPECT_EQ(Sent::to("lambda", "GET", "/no/such/path").name(), no_operation);
  EXPECT_EQ(form("ec2", "Action=NoSuchAction&Version=2016-11-15").name(), no_operation);
  EXPECT_EQ(form("ec2", "Version=2016-11-15").name(), no_operation);
}

TEST(Route, has_levels_from_iam) {
  EXPECT_EQ(form("ec2", "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15").decoded().level, Level::write);
  EXPECT_EQ(Sent::to("s3", "PUT", "/logs?policy").decoded().level, Level::permissions);
  EXPECT_EQ(form("ec2", "Action=CreateTags&Version=2016-11-15").decoded().level, Level::tagging);
  EXPECT_EQ(form("ec2", "Action=DescribeInstances&Version=2016-11-15").decoded().level, Level::list);
}

/// A header or a second Action makes no call another's, nor hides one that changes something.
TEST(Route, takes_the_operation_that_writes_of_the_service_that_is_meant) {
  const std::string terminate = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1";
  const std::string ec2 = "ec2.eu-west-1.amazonaws.com", wanted = "ec2:TerminateInstances";
  EXPECT_EQ(form("ec2", terminate, ec2).with("X-Amz-Target", "DynamoDB_20120810.ListTables").name(), wanted);
  EXPECT_EQ(form("ec2", terminate, ec2).with("X-Amz-Target", "Any.DescribeInstances").name(), wanted);
  EXPECT_EQ(form("ec2", terminate).with("X-Amz-Target", "DynamoDB_20120810.ListTables").name(), wanted);
  Sent cbor = form("ec2", terminate, ec2).with("Smithy-Protocol", "rpc-v2-cbor");
  cbor.path = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
  EXPECT_EQ(cbor.name(), wanted);
  EXPECT_EQ(Sent::to("lambda", "DELETE", "/2015-03-31/functions/web").with("X-Amz-Target", "Any.ListTables").name(),
            "lambda:DeleteFunction");
  EXPECT_EQ(Sent::to("dynamodb", "POST", "/")
                .with("X-Amz-Target", "DynamoDB_20120810.ListTables")
                .with("X-Amz-Target", "DynamoDB_20120810.DeleteTable")
                .name(),
            "dynamodb:DeleteTable");
  EXPECT_EQ(form("sqs", "Action=DeleteQueue&Version=2012-11-05").with("X-Amz-Target", "AmazonSQS.ListQueues").name(),
            "sqs:DeleteQueue");
  EXPECT_EQ(form("ec2", "Action=DescribeInstances&" + terminate).name(), wanted);
  EXPECT_EQ(form("ec2", terminate + "&Action=DescribeInstances").name(), wanted);
  EXPECT_EQ(form("ec2", "Action=%54erminateInstances&Version=2016%2D11-15").name(), wanted);
  Sent twice = form("ec2", terminate);
  twice.path = "/?Action=DescribeInstances&Version=2016-11-15";
  EXPECT_EQ(twice.name(), wanted);
  ASSERT_EQ(twice.decoded(200).touched.size(), 1U);
  EXPECT_EQ(twice.decoded(200).touched[0].ids.at(0), "i-1");
  // The query's stays where the body has none.
  twice.body = "Filter.1.Name=x";
  EXPECT_EQ(twice.decoded(200).operation, "DescribeInstances");
  twice.body = "";
  EXPECT_EQ(twice.decoded(200).operation, "DescribeInstances");
}

TEST(Route, reads_a_form_of_any_type_where_the_service_speaks_forms) {
  const std::string terminate = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1";
  const Sent bare = Sent::to("ec2", "POST", "/").carrying(terminate);
  EXPECT_EQ(bare.name(), "ec2:TerminateInstances");
  for (const auto type : {"text/plain", "application/json", "application/x-amz-json-1.0", ""})
    EXPECT_EQ(bare.with("Content-Type", type).name(), "ec2:TerminateInstances") << type;
  EXPECT_EQ(bare.with("X-Amz-Target", "DynamoDB_20120810.ListTables").name(), "ec2:TerminateInstances");
  ASSERT_EQ(bare.decoded(200).touched.size(), 1U);
  EXPECT_EQ(bare.decoded(200).touched[0].ids.at(0), "i-1");
  EXPECT_EQ(bare.carrying("hello").name(), no_operation);
  EXPECT_EQ(word(bare.carrying("").decoded(200).unmapped), no_operation);
  // Who speaks no forms has no operation there, nor has who speaks JSON too and is asked in it.
  EXPECT_EQ(Sent::to("dynamodb", "POST", "/").carrying(terminate).name(), no_operation);
  const auto sqs = Sent::to("sqs", "POST", "/").with("X-Amz-Target", "AmazonSQS.ReceiveMessage");
  EXPECT_EQ(sqs.carrying(R"({"QueueUrl":"q"})").name(), "sqs:ReceiveMessage");
}

TEST(Tables, fit_the_agent) {
  EXPECT_LE(table::bytes(), 4'000'000U);
  EXPECT_NE(table::source_hash(), 0U);
}

TEST(Route, reads_a_path_with_needless_escapes) {
  EXPECT_EQ(Sent::to("lambda", "DELETE", "/2015%2D03-31/function%73/web").name(), "lambda:DeleteFunction");
  EXPECT_EQ(Sent::to("monitoring", "POST", "/%73ervice/GraniteServiceVersion20100801/operation/Put%4DetricAlarm")
                .with("Smithy-Protocol", "rpc-v2-cbor")
                .name(),
            "cloudwatch:PutMetricAlarm");
  EXPECT_EQ(Sent::to("s3", "PUT", "/log%73?policy").name(), "s3:PutBucketPolicy");
}

}  // namespace
}  // namespace plumbline::cloud
