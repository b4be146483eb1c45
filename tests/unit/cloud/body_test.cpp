#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/body/value.hpp"
#include "tests/unit/cloud/exchange.hpp"

namespace plumbline::cloud {
namespace {

using Kind = Value::Kind;

/// A tree as one line of text, for comparing.
std::string shown(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Kind::null:
      return "null";
    case Kind::secret:
      return "<secret>";
    case Kind::list:
      for (const auto& item : value.items) out += (out.empty() ? "" : ",") + shown(item);
      return "[" + out + "]";
    case Kind::map:
      for (const auto& member : value.members)
        out += (out.empty() ? "" : ",") + member.name + ":" + shown(member.value);
      return "{" + out + "}";
    default:
      return value.text;
  }
}
std::string parameters(const Sent& sent) {
  return shown(sent.decoded().parameters);
}
std::size_t depth_of(const Value& value) {
  std::size_t deepest = 0;
  for (const auto& item : value.items) deepest = std::max(deepest, depth_of(item));
  for (const auto& member : value.members) deepest = std::max(deepest, depth_of(member.value));
  return deepest + 1;
}
std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Body, one_call_is_one_tree_on_each_wire) {
  const std::string wanted = "{AlarmName:a,Threshold:5,Dimensions:[{Name:n,Value:v}]}";
  EXPECT_EQ(parameters(form("monitoring",
                            "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Threshold=5&Dimensions.member.1.Name="
                            "n&Dimensions.member.1.Value=v")),
            wanted);
  EXPECT_EQ(parameters(Sent::to("monitoring", "POST", "/")
                           .with("X-Amz-Target", "GraniteServiceVersion20100801.PutMetricAlarm")
                           .carrying(R"({"AlarmName":"a","Threshold":5,"Dimensions":[{"Name":"n","Value":"v"}]})")),
            wanted);
  const std::string cbor(
      "\xA3\x69"
      "AlarmName\x61"
      "a\x69Threshold\x05\x6A"
      "Dimensions\x81\xBF\x64Name\x61n\x65Value\x61v\xFF",
      53);
  EXPECT_EQ(parameters(Sent::to("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm")
                           .with("smithy-protocol", "rpc-v2-cbor")
                           .carrying(cbor)),
            wanted);
}

TEST(Body, forms_of_ec2_and_of_lists_and_maps) {
  EXPECT_EQ(parameters(form("ec2",
                            "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1."
                            "IpProtocol=tcp&IpPermissions.1.IpRanges.2.CidrIp=b&IpPermissions.1.IpRanges.1.CidrIp=a")),
            "{GroupId:sg-1,IpPermissions:[{IpProtocol:tcp,IpRanges:[{CidrIp:a},{CidrIp:b}]}]}");
  EXPECT_EQ(parameters(form("ec2",
                            "Action=RunInstances&Version=2016-11-15&SecurityGroupId.1=sg-1&TagSpecification.1.Tag.1."
                            "Key=Name&TagSpecification.1.Tag.1.Value=web&UserData=Y2FuYXJ5")),
            "{SecurityGroupIds:[sg-1],TagSpecifications:[{Tags:[{Key:Name,Value:web}]}],UserData:<secret>}");
  EXPECT_EQ(
      parameters(form(
          "sqs",
          "Action=SetQueueAttributes&Version=2012-11-05&QueueUrl=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5")),
      "{QueueUrl:q,Attributes:{DelaySeconds:5}}");
  EXPECT_EQ(parameters(form("rds",
                            "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&VpcSecurityGroupIds."
                            "VpcSecurityGroupId.1=sg-1&MasterUserPassword=canary")),
            "{DBInstanceIdentifier:d,VpcSecurityGroupIds:[sg-1],MasterUserPassword:<secret>}");
  EXPECT_EQ(
      parameters(form(
          "sns", "Action=SetTopicAttributes&Version=2010-03-31&TopicArn=t&AttributeName=Policy&AttributeValue=%7B%7D")),
      "{TopicArn:t,AttributeName:Policy,AttributeValue:{}}");
  EXPECT_EQ(parameters(form("sns",
                            "Action=CreateTopic&Version=2010-03-31&Name=n&Attributes.entry.1.key=DisplayName&"
                            "Attributes.entry.1.value=d")),
            "{Name:n,Attributes:{DisplayName:d}}");
}

TEST(Body, xml_of_s3_and_route53) {
  EXPECT_EQ(parameters(Sent::to("s3", "PUT", "/logs?tagging")
                           .carrying("<?xml version='1.0'?><Tagging "
                                     "xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><TagSet><Tag><Key>a</"
                                     "Key><Value>b</Value></Tag></TagSet></Tagging>")),
            "{Tagging:{TagSet:[{Key:a,Value:b}]},Bucket:logs}");
  EXPECT_EQ(parameters(Sent::to("s3", "PUT", "/logs?lifecycle")
                           .carrying("<LifecycleConfiguration><Rule><ID>r</ID></Rule></LifecycleConfiguration>")),
            "{LifecycleConfiguration:{Rules:[{ID:r}]},Bucket:logs}");
  EXPECT_EQ(
      parameters(Sent::to("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset")
                     .carrying("<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</"
                               "Action><ResourceRecordSet><Name>a.</Name><Type>A</Type></ResourceRecordSet></"
                               "Change><Change><Action>DELETE</Action></Change></Changes></ChangeBatch></"
                               "ChangeResourceRecordSetsRequest>")),
      "{ChangeBatch:{Changes:[{Action:UPSERT,ResourceRecordSet:{Name:a.,Type:A}},{Action:DELETE}]},HostedZoneId:Z1}");
}

TEST(Body, members_in_path_query_and_headers) {
  EXPECT_EQ(parameters(Sent::to("lambda", "PUT", "/2015-03-31/functions/f%3Aprod/configuration")
                           .carrying(R"({"Timeout":3,"Environment":{"Variables":{"A":"canary"}}})")),
            "{Timeout:3,Environment:{Variables:<secret>},FunctionName:f:prod}");
  EXPECT_EQ(parameters(Sent::to("s3", "PUT", "/logs/k%2F1")
                           .with("X-Amz-ACL", "private")
                           .with("x-amz-meta-a", "canary")
                           .with("x-amz-server-side-encryption-customer-key", "canary")),
            "{Bucket:logs,Key:k/1,ACL:private,SSECustomerKey:<secret>}");
  EXPECT_EQ(parameters(Sent::to("s3", "PUT", "/logs?policy").carrying(R"({"Statement":[]})")),
            R"({Policy:{"Statement":[]},Bucket:logs})");
}

TEST(Body, keeps_nothing_of_what_is_the_users_own) {
  EXPECT_EQ(parameters(Sent::to("s3", "PUT", "/logs/k").carrying("canary")), "{Bucket:logs,Key:k}");
  EXPECT_EQ(parameters(Sent::to("dynamodb", "POST", "/")
                           .with("X-Amz-Target", "DynamoDB_20120810.PutItem")
                           .carrying(R"({"TableName":"t","Item":{"a":{"S":"canary"}}})")),
            "{}");
  EXPECT_EQ(parameters(Sent::to("secretsmanager", "POST", "/")
                           .with("X-Amz-Target", "secretsmanager.PutSecretValue")
                           .carrying(R"({"SecretId":"s","SecretString":"canary"})")),
            "{SecretId:s,SecretString:<secret>}");
  EXPECT_EQ(parameters(form("cloudformation",
                            "Action=CreateStack&Version=2010-05-15&Parameters.member.1.ParameterKey=DbPassword&"
                            "Parameters.member.1.ParameterValue=canary&Parameters.member.2.ParameterKey=Mode&"
                            "Parameters.member.2.ParameterValue=x")),
            "{Parameters:[{ParameterKey:DbPassword,ParameterValue:<secret>},{ParameterKey:Mode,ParameterValue:x}]}");
}

/// Whatever is there of a body that ends too early, and a mark.
TEST(Body, cut_anywhere_gives_what_is_there) {
  const std::string json =
      R"({"TableName":"t","BillingMode":"PAY","Tags":[{"Key":"a","Value":"b\"c"},{"Key":"d"}],"N":15})";
  for (std::size_t size = 0; size <= json.size(); ++size) {
    const auto decoded = decode_json(std::string_view(json).substr(0, size), true);
    EXPECT_TRUE(decoded.cut);
    EXPECT_EQ(decoded.value.kind, Kind::map) << size;
    EXPECT_EQ(decoded.value.find("TableName") != nullptr, size >= 17) << size;
  }
  EXPECT_EQ(shown(decode_json(json.substr(0, 60), true).value), "{TableName:t,BillingMode:PAY,Tags:[{Key:a}]}");
  EXPECT_EQ(shown(decode_xml("<A><B>1</B><C><D>2</D><E>3", true).value), "{A:{B:1,C:{D:2,E:3}}}");
  EXPECT_EQ(shown(decode_form("A=1&B=2&C=12", true).value), "{A:1,B:2}");
  const auto cbor = decode_cbor(std::string_view("\xA2\x61"
                                                 "a\x01\x61"
                                                 "b\x63xy",
                                                 9),
                                true);
  EXPECT_EQ(shown(cbor.value), "{a:1,b:xy}");
  EXPECT_TRUE(cbor.cut);
}

TEST(Body, of_no_end_is_bounded) {
  const std::string form = repeated("a.", 100'000) + "=1", tags = repeated("\xC1", 100'000);
  for (const auto& deep : {decode_json(repeated("[", 100'000), false), decode_json(repeated("{\"a\":", 100'000), false),
                           decode_xml(repeated("<a>", 100'000), false), decode_cbor(repeated("\x81", 100'000), false),
                           decode_cbor(repeated("\xA1\x61"
                                                "a",
                                                100'000),
                                       false),
                           decode_cbor(tags, false), decode_form(form, false)}) {
    EXPECT_TRUE(deep.cut);
    EXPECT_LE(depth_of(deep.value), max_depth + 2);
  }
  EXPECT_TRUE(decode_cbor(std::string_view("\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9), false).cut);
  EXPECT_TRUE(decode_cbor(std::string_view("\x7B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9), false).cut);
  EXPECT_TRUE(decode_form(repeated("k", 10) + "=" + std::string(400'000, 'x'), false).cut);
  std::string many;
  for (int i = 0; i < 30'000; ++i) many += "k" + std::to_string(i) + "=1&";
  EXPECT_TRUE(decode_form(many, false).cut);
}

TEST(Body, xml_has_no_entities_of_its_own) {
  const auto decoded = decode_xml("<!DOCTYPE a [<!ENTITY b \"canary\">]><a>&b;</a>", false);
  EXPECT_TRUE(decoded.cut);
  EXPECT_EQ(shown(decoded.value).find("canary"), std::string::npos);
}

TEST(Body, numbers_of_cbor) {
  EXPECT_EQ(
      shown(decode_cbor(std::string_view(
                            "\x86\x20\x1A\x00\x0F\x42\x40\xF9\x3E\x00\xFB\x3F\xF1\x99\x99\x99\x99\x99\x9A\xF5\xF6", 22),
                        false)
                .value),
      "[-1,1000000,1.5,1.1,true,null]");
  EXPECT_EQ(shown(decode_cbor(std::string_view("\x82\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x42xy", 13), false).value),
            "[-18446744073709551616,<secret>]");
}

}  // namespace
}  // namespace plumbline::cloud
