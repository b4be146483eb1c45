// The operations that people change AWS with by hand, as botocore 1.44.8 serialises them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cloud/aws_touched.hpp"

namespace plumbline::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string sg_arn = "arn:aws:ec2:eu-west-1:058264492887:security-group/sg-1";

TEST(AwsTouched, rules_of_a_security_group) {
  const auto nested =
      form("ec2",
           "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&"
           "IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&"
           "IpPermissions.1.IpRanges.1.Description=ssh&IpPermissions.2.IpProtocol=-1&IpPermissions.2.Groups.1.GroupId="
           "sg-1");
  const Effect effect(nested.decoded(
      200,
      "<AuthorizeSecurityGroupIngressResponse><return>true</return><securityGroupRuleSet><item><groupId>sg-1</groupId>"
      "<securityGroupRuleId>sgr-9</securityGroupRuleId><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22"
      "</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item></securityGroupRuleSet></AuthorizeSecurityGroupIngressResponse>"));
  EXPECT_EQ(effect.semantics(), "delta");
  ASSERT_EQ(effect.count(), 2u);
  EXPECT_EQ(effect.named(0), "AWS::EC2::SecurityGroup: sg-1 " + sg_arn);
  EXPECT_EQ(effect.set("aws_security_group"), Json::parse(R"({"ingress": [
              {"protocol": "tcp", "from_port": 22, "to_port": 22, "description": "ssh", "cidr_blocks": ["0.0.0.0/0"]},
              {"protocol": "-1", "from_port": 0, "to_port": 0, "self": true}]})"));
  EXPECT_THAT(effect.named(1), HasSubstr("AWS::EC2::SecurityGroupIngress: sgr-9 "));
  EXPECT_EQ(effect.json["resources"][1]["from_answer"], true);
  EXPECT_EQ(effect.set("aws_vpc_security_group_ingress_rule", 1),
            Json::parse(R"({"security_group_id": "sg-1", "ip_protocol": "tcp", "from_port": 22, "to_port": 22,
                            "cidr_ipv4": "0.0.0.0/0"})"));
  EXPECT_EQ(effect.set("aws_security_group_rule", 1)["cidr_blocks"], Json::parse(R"(["0.0.0.0/0"])"));

  const Effect flat(
      form("ec2",
           "Action=AuthorizeSecurityGroupEgress&Version=2016-11-15&GroupId=sg-1&IpProtocol=udp&FromPort=53&"
           "ToPort=53&CidrIp=10.0.0.0%2F8")
          .decoded(200));
  EXPECT_EQ(flat.count(), 1u);  // no answer names its rule
  EXPECT_EQ(flat.set("aws_security_group"),
            Json::parse(R"({"egress": [{"protocol": "udp", "from_port": 53, "to_port": 53,
                                        "cidr_blocks": ["10.0.0.0/8"]}]})"));

  const Effect revoked(
      form("ec2",
           "Action=RevokeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&SecurityGroupRuleId.1=sgr-1&"
           "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=1&"
           "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0")
          .decoded(200));
  EXPECT_EQ(revoked.set("aws_security_group"),
            Json::parse(R"({"-ingress": [{"protocol": "tcp", "from_port": 1, "to_port": 1,
                                          "ipv6_cidr_blocks": ["::/0"]}]})"));
  EXPECT_EQ(revoked.named(1), "AWS::EC2::SecurityGroupIngress: sgr-1");
}

TEST(AwsTouched, instances) {
  const auto modified = [](const std::string& what) {
    return Effect(form("ec2", "Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId=i-1&" + what).decoded(200));
  };
  const Effect type = modified("InstanceType.Value=m5.large");
  EXPECT_EQ(type.semantics(), "merge");
  EXPECT_EQ(type.named(0), "AWS::EC2::Instance: i-1 arn:aws:ec2:eu-west-1:058264492887:instance/i-1");
  EXPECT_EQ(type.set("aws_instance"), Json::parse(R"({"instance_type": "m5.large"})"));
  EXPECT_EQ(type.set("AWS::EC2::Instance"), Json::parse(R"({"InstanceType": "m5.large"})"));
  EXPECT_EQ(modified("DisableApiTermination.Value=true").set("aws_instance"),
            Json::parse(R"({"disable_api_termination": true})"));
  // The other form's value may be the user's data, so it is hidden; which attribute it is stays known.
  EXPECT_EQ(modified("Attribute=instanceType&Value=m5.large").set("aws_instance"),
            Json::parse(R"({"instance_type": {"sensitive": true}})"));

  const Effect run(form("ec2",
                        "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&InstanceType=t3.micro&MinCount=2&"
                        "MaxCount=2&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name&"
                        "TagSpecification.1.Tag.1.Value=web")
                       .decoded(200,
                                "<RunInstancesResponse><instancesSet><item><instanceId>i-1</instanceId></item><item>"
                                "<instanceId>i-2</instanceId></item></instancesSet></RunInstancesResponse>"));
  EXPECT_EQ(run.semantics(), "create");
  ASSERT_EQ(run.count(), 2u);
  EXPECT_THAT(run.named(1), HasSubstr("AWS::EC2::Instance: i-2 "));
  EXPECT_EQ(run.json["resources"][0]["from_answer"], true);
  EXPECT_EQ(run.set("aws_instance", 1),
            Json::parse(R"({"ami": "ami-1", "instance_type": "t3.micro", "tags": {"Name": "web"}})"));
  const Effect ended(
      form("ec2", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2").decoded(200));
  EXPECT_EQ(ended.semantics(), "remove");
  EXPECT_EQ(ended.count(), 2u);
  EXPECT_EQ(ended.json["resources"][0].value("from_answer", false), false);
}

TEST(AwsTouched, buckets_by_host_and_by_path) {
  const std::string policy = R"({"Version":"2012-10-17"})";
  const Effect by_path(
      Sent::to("s3", "PUT", "/logs.a.b?policy", "s3.eu-west-1.amazonaws.com").carrying(policy).decoded(204));
  const Effect by_host(
      Sent::to("s3", "PUT", "/?policy", "logs.a.b.s3.dualstack.eu-west-1.amazonaws.com").carrying(policy).decoded(204));
  for (const auto& effect : {by_path, by_host}) {
    EXPECT_EQ(effect.semantics(), "replace");
    EXPECT_EQ(effect.named(0), "AWS::S3::BucketPolicy: logs.a.b arn:aws:s3:::logs.a.b");
    EXPECT_EQ(effect.set("aws_s3_bucket_policy"), Json({{"policy", policy}}));
  }
  const Effect versioning(Sent::to("s3", "PUT", "/?versioning", "logs.s3.eu-west-1.amazonaws.com")
                              .with("x-amz-expected-bucket-owner", "123456789012")
                              .carrying("<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                                        "<Status>Enabled</Status></VersioningConfiguration>")
                              .decoded(200));
  EXPECT_EQ(versioning.named(0), "AWS::S3::Bucket: logs logs,123456789012 arn:aws:s3:::logs");
  EXPECT_EQ(versioning.set("aws_s3_bucket_versioning"),
            Json::parse(R"({"versioning_configuration.status": "Enabled"})"));
  EXPECT_EQ(versioning.set("aws_s3_bucket"), Json::parse(R"({"versioning.enabled": true})"));
  const Effect tags(Sent::to("s3", "PUT", "/?tagging", "logs.s3.eu-west-1.amazonaws.com")
                        .carrying("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")
                        .decoded(204));
  EXPECT_EQ(tags.set("aws_s3_bucket"), Json::parse(R"({"tags": {"a": "b"}})"));
}

TEST(AwsTouched, objects_by_the_head_and_batches_by_what_failed) {
  const Effect put(Sent::to("s3", "PUT", "/a%3Fb/policy?x-id=PutObject", "logs.s3.eu-west-1.amazonaws.com")
                       .with("Content-Type", "text/plain")
                       .carrying("canary-object")
                       .decoded(200));
  EXPECT_EQ(put.named(0), ": logs/a?b/policy s3://logs/a?b/policy arn:aws:s3:::logs/a?b/policy");
  EXPECT_EQ(put.set("aws_s3_object"), Json::parse(R"({"content_type": "text/plain"})"));
  EXPECT_EQ(put.json["data_plane"], true);
  EXPECT_THAT(put.json.dump(), Not(HasSubstr("canary")));

  const auto batch = Sent::to("s3", "POST", "/?delete", "logs.s3.eu-west-1.amazonaws.com")
                         .carrying(
                             "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object>"
                             "<Object><Key>dir/b</Key></Object></Delete>");
  EXPECT_EQ(Effect(batch.decoded(200, "<DeleteResult/>")).count(), 2u);
  const Effect half(
      batch.decoded(200,
                    "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>dir/b</Key><Code>AccessDenied"
                    "</Code></Error></DeleteResult>"));
  ASSERT_EQ(half.count(), 1u);
  EXPECT_THAT(half.named(0), HasSubstr("logs/a "));
  EXPECT_EQ(half.semantics(), "remove");
}

TEST(AwsTouched, policies_of_a_role) {
  const Effect inlined(
      form("iam", "Action=PutRolePolicy&Version=2010-05-08&RoleName=app&PolicyName=p&PolicyDocument=%7B%7D")
          .decoded(200));
  EXPECT_EQ(inlined.named(0), "AWS::IAM::RolePolicy: app:p p|app");
  EXPECT_EQ(inlined.set("aws_iam_role_policy"), Json::parse(R"({"policy": "{}"})"));
  EXPECT_EQ(inlined.named(1), "AWS::IAM::Role: app arn:aws:iam::058264492887:role/app");
  EXPECT_EQ(inlined.set("aws_iam_role", 1), Json::parse(R"({"inline_policy": [{"name": "p", "policy": "{}"}]})"));
  const std::string arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
  for (const std::string verb : {"Attach", "Detach"}) {
    const Effect effect(form("iam", "Action=" + verb +
                                        "RolePolicy&Version=2010-05-08&RoleName=app&PolicyArn=arn%3Aaws%3Aiam"
                                        "%3A%3Aaws%3Apolicy%2FReadOnlyAccess")
                            .decoded(200));
    EXPECT_EQ(effect.semantics(), "delta");
    EXPECT_EQ(effect.named(0), ": app/" + arn);
    EXPECT_EQ(effect.types(0), "aws_iam_role_policy_attachment ");
    EXPECT_EQ(effect.set("aws_iam_role", 1),
              Json({{verb == "Attach" ? "managed_policy_arns" : "-managed_policy_arns", {arn}}}));
  }
}

TEST(AwsTouched, a_database_by_its_identifier_whatever_its_engine) {
  const Effect effect(
      form("rds",
           "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=db1&DBInstanceClass=db.t3.large&"
           "AllocatedStorage="
           "50&MultiAZ=true&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1&MasterUserPassword=canary&ApplyImmediately="
           "true&"
           "CACertificateIdentifier=rds-ca-2019&CloudwatchLogsExportConfiguration.EnableLogTypes.member.1=audit")
          .decoded(200,
                   "<ModifyDBInstanceResponse><ModifyDBInstanceResult><DBInstance><DbiResourceId>db-ABC</DbiResourceId>"
                   "</DBInstance></ModifyDBInstanceResult></ModifyDBInstanceResponse>"));
  EXPECT_EQ(effect.semantics(), "merge");
  // Terraform's id of aws_db_instance is the last of them; `identifier` is the first.
  EXPECT_EQ(effect.named(0), "AWS::RDS::DBInstance: db1 arn:aws:rds:eu-west-1:058264492887:db:db1 db-ABC");
  EXPECT_EQ(effect.set("aws_db_instance"),
            Json::parse(R"({"instance_class": "db.t3.large", "allocated_storage": 50, "multi_az": true,
                            "vpc_security_group_ids": ["sg-1"], "password": {"sensitive": true},
                            "ca_cert_identifier": "rds-ca-2019", "+enabled_cloudwatch_logs_exports": ["audit"]})"));
  EXPECT_THAT(effect.types(),
              HasSubstr("aws_docdb_cluster_instance aws_neptune_cluster_instance AWS::RDS::DBInstance"));
  EXPECT_EQ(effect.set("aws_docdb_cluster_instance")["instance_class"], "db.t3.large");
  EXPECT_THAT(effect.json.dump(), Not(HasSubstr("canary")));
}

TEST(AwsTouched, a_function_by_name_part_of_an_arn_and_arn) {
  const std::string body =
      R"({"Timeout": 30, "VpcConfig": {"SubnetIds": ["s-1"]}, "Environment": {"Variables": {"A": "b"}}})";
  for (const std::string id :
       {"f", "058264492887%3Afunction%3Af", "arn%3Aaws%3Alambda%3Aeu-west-1%3A058264492887%3Afunction%3Af"}) {
    const Effect effect(
        Sent::to("lambda", "PUT", "/2015-03-31/functions/" + id + "/configuration").carrying(body).decoded(200));
    EXPECT_EQ(effect.semantics(), "merge");
    EXPECT_THAT(effect.named(0), HasSubstr("arn:aws:lambda:eu-west-1:058264492887:function:f"));
    EXPECT_EQ(
        effect.set("aws_lambda_function"),
        Json::parse(
            R"({"timeout": 30, "vpc_config.subnet_ids": ["s-1"], "environment.variables": {"sensitive": true}})"));
  }
}

TEST(AwsTouched, a_table) {
  const Effect effect(
      target("dynamodb", "DynamoDB_20120810.UpdateTable",
             R"({"TableName": "t", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by_h"}}], "StreamSpecification": {"StreamEnabled": false},
        "SSESpecification": {"Enabled": true, "KMSMasterKeyId": "k"},
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}]})")
          .decoded(200, "{}"));
  EXPECT_EQ(effect.named(0), "AWS::DynamoDB::Table: t arn:aws:dynamodb:eu-west-1:058264492887:table/t");
  EXPECT_EQ(effect.set("aws_dynamodb_table"),
            Json::parse(R"({"read_capacity": 5, "write_capacity": 6, "-global_secondary_index": [{"name": "by_h"}],
                            "stream_enabled": false, "server_side_encryption.enabled": true,
                            "server_side_encryption.kms_key_arn": "k", "attribute": [{"name": "a", "type": "S"}]})"));
}

TEST(AwsTouched, queues_and_topics) {
  const std::string ids =
      "AWS::SQS::Queue: https://sqs.eu-west-1.amazonaws.com/058264492887/q q "
      "arn:aws:sqs:eu-west-1:058264492887:q";
  const Effect json(target("sqs", "AmazonSQS.SetQueueAttributes",
                           R"({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/058264492887/q",
                               "Attributes": {"VisibilityTimeout": "60", "Policy": "{}"}})")
                        .decoded(200, "{}"));
  EXPECT_EQ(json.named(0), ids);
  EXPECT_EQ(json.set("aws_sqs_queue"), Json::parse(R"({"visibility_timeout_seconds": 60, "policy": "{}"})"));
  EXPECT_EQ(json.set("aws_sqs_queue_policy"), Json::parse(R"({"policy": "{}"})"));
  const Effect query(
      form("sqs",
           "Action=SetQueueAttributes&Version=2012-11-05&QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com"
           "%2F058264492887%2Fq&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=60")
          .decoded(200));
  EXPECT_EQ(query.named(0), ids);
  EXPECT_EQ(query.set("aws_sqs_queue"), Json::parse(R"({"visibility_timeout_seconds": 60})"));
  EXPECT_THAT(query.types(), Not(HasSubstr("aws_sqs_queue_policy")));  // no policy is set

  const Effect topic(
      form("sns",
           "Action=SetTopicAttributes&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A058264492887%3At"
           "&AttributeName=Policy&AttributeValue=%7B%7D")
          .decoded(200));
  EXPECT_EQ(topic.named(0), "AWS::SNS::Topic: arn:aws:sns:eu-west-1:058264492887:t t");
  EXPECT_EQ(topic.set("aws_sns_topic"), Json::parse(R"({"policy": "{}"})"));
  EXPECT_EQ(topic.set("aws_sns_topic_policy"), Json::parse(R"({"policy": "{}"})"));
}

TEST(AwsTouched, a_service_of_a_cluster) {
  const auto service = [](const std::string& more) {
    return Effect(target("ecs", "AmazonEC2ContainerServiceV20141113.UpdateService",
                         R"({"desiredCount": 3, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"],
                             "assignPublicIp": "ENABLED"}}, )" +
                             more + "}")
                      .decoded(200, "{}"));
  };
  const std::string arn = "arn:aws:ecs:eu-west-1:058264492887:service/";
  EXPECT_EQ(service(R"("service": "web")").named(0), "AWS::ECS::Service: " + arn + "default/web default/web");
  EXPECT_THAT(service(R"("service": ")" + arn + R"(prod/web", "cluster": "prod")").named(0),
              HasSubstr(arn + "prod/web prod/web"));
  EXPECT_EQ(service(R"("service": "web")").set("aws_ecs_service"),
            Json::parse(R"({"desired_count": 3, "network_configuration.subnets": ["s"],
                            "network_configuration.assign_public_ip": true})"));
}

TEST(AwsTouched, each_record_of_a_batch) {
  const auto batch =
      Sent::to("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/")
          .carrying(
              "<ChangeResourceRecordSetsRequest "
              "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>"
              "<Change><Action>UPSERT</Action><ResourceRecordSet><Name>WWW.example.com.</Name><Type>A</"
              "Type><SetIdentifier>blue"
              "</SetIdentifier><Weight>10</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</"
              "Value>"
              "</ResourceRecord></ResourceRecords></ResourceRecordSet></Change><Change><Action>DELETE</"
              "Action><ResourceRecordSet>"
              "<Name>old.example.com</Name><Type>CNAME</Type><TTL>5</TTL></ResourceRecordSet></"
              "Change><Change><Action>UPSERT"
              "</Action><ResourceRecordSet><Name>\\052.example.com</Name><Type>A</Type><AliasTarget><HostedZoneId>Z9"
              "</HostedZoneId><DNSName>lb.example.com.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></"
              "AliasTarget>"
              "</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
  const Effect effect(batch.decoded(200));
  EXPECT_EQ(effect.semantics(), "replace");
  ASSERT_EQ(effect.count(), 3u);
  EXPECT_EQ(effect.named(0), "AWS::Route53::RecordSet: Z1_www.example.com_A_blue");
  EXPECT_EQ(effect.set("aws_route53_record", 0),
            Json::parse(R"({"name": "www.example.com", "type": "A", "set_identifier": "blue", "ttl": 60,
                            "weighted_routing_policy.weight": 10, "records": ["192.0.2.1"]})"));
  EXPECT_EQ(effect.named(1), "AWS::Route53::RecordSet: Z1_old.example.com_CNAME");
  EXPECT_EQ(effect.set("aws_route53_record", 1)["-ttl"], 5);
  EXPECT_EQ(effect.named(2), "AWS::Route53::RecordSet: Z1_*.example.com_A Z1_\\052.example.com_A");
  EXPECT_EQ(effect.set("aws_route53_record", 2),
            Json::parse(R"({"name": "*.example.com", "type": "A", "alias.zone_id": "Z9", "alias.name": "lb.example.com",
                            "alias.evaluate_target_health": true})"));
  // All or none of a batch is done.
  EXPECT_EQ(batch.decoded(400, "<ErrorResponse><Error><Code>InvalidChangeBatch</Code></Error></ErrorResponse>").outcome,
            Outcome::failed);
}

TEST(AwsTouched, one_alarm_in_three_wires) {
  const Json alarm = {{"AlarmName", "a"},       {"Threshold", 5.5},
                      {"EvaluationPeriods", 1}, {"Dimensions", {{{"Name", "InstanceId"}, {"Value", "i-1"}}}},
                      {"ActionsEnabled", true}, {"AlarmActions", {"arn:x"}}};
  const auto cbor = Json::to_cbor(alarm);
  const Effect by_json(target("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", alarm.dump())
                           .with("x-amzn-query-mode", "true")
                           .decoded(200, "{}"));
  const Effect by_cbor(Sent::to("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm")
                           .with("smithy-protocol", "rpc-v2-cbor")
                           .carrying(std::string(cbor.begin(), cbor.end()))
                           .decoded(200));
  const Effect by_form(form("monitoring",
                            "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Threshold=5.5&EvaluationPeriods=1&"
                            "Dimensions.member.1.Name=InstanceId&Dimensions.member.1.Value=i-1&ActionsEnabled=true&"
                            "AlarmActions.member.1=arn%3Ax")
                           .decoded(200));
  EXPECT_EQ(by_json.semantics(), "replace");
  EXPECT_EQ(by_json.named(0), "AWS::CloudWatch::Alarm: a arn:aws:cloudwatch:eu-west-1:058264492887:alarm:a");
  const Json wanted = Json::parse(R"({"threshold": 5.5, "evaluation_periods": 1, "dimensions": {"InstanceId": "i-1"},
                                      "actions_enabled": true, "alarm_actions": ["arn:x"]})");
  // But for the order of members, and how numbers were written, nothing tells the wires apart.
  const auto whole = [](Effect effect) {
    effect.json.erase("parameters");
    for (auto& type : effect.json["resources"][0]["iac_types"]) type.erase("attributes");
    return effect.json;
  };
  for (const auto& effect : {by_json, by_cbor, by_form}) {
    EXPECT_EQ(whole(effect), whole(by_json));
    EXPECT_EQ(effect.set("aws_cloudwatch_metric_alarm"), wanted);
  }
}

TEST(AwsTouched, parameters_secrets_and_keys) {
  const auto parameter = [](const std::string& more) {
    return Effect(
        target("ssm", "AmazonSSM.PutParameter", R"({"Name": "/a/b", "Value": "canary", "Type": "String")" + more + "}")
            .decoded(200, "{}"));
  };
  EXPECT_EQ(parameter("").semantics(), "create");
  EXPECT_EQ(parameter(R"(, "Overwrite": true)").semantics(), "replace");
  EXPECT_THAT(parameter("").named(0),
              HasSubstr("AWS::SSM::Parameter: /a/b arn:aws:ssm:eu-west-1:058264492887:parameter/a/b"));
  EXPECT_EQ(parameter(R"(, "Overwrite": true)").set("aws_ssm_parameter"),
            Json::parse(R"({"type": "String", "value": {"sensitive": true}})"));

  const std::string arn = "arn:aws:secretsmanager:eu-west-1:058264492887:secret:s-AbCdEf";
  const Effect secret(
      target("secretsmanager", "secretsmanager.PutSecretValue", R"({"SecretId": "s", "SecretString": "canary"})")
          .decoded(200, R"({"ARN": ")" + arn + R"(", "Name": "s", "VersionId": "v-1"})"));
  EXPECT_EQ(secret.named(0), "AWS::SecretsManager::Secret: " + arn + "|v-1 s " + arn);
  EXPECT_EQ(secret.set("aws_secretsmanager_secret_version"), Json::parse(R"({"secret_string": {"sensitive": true}})"));
  EXPECT_EQ(secret.types(1), "aws_secretsmanager_secret AWS::SecretsManager::Secret ");
  EXPECT_THAT(secret.json.dump(), Not(HasSubstr("canary")));

  const std::string key = "arn:aws:kms:eu-west-1:058264492887:key/k-1";
  for (const auto& id : {std::string("k-1"), key}) {
    const Effect effect(
        target("kms", "TrentService.PutKeyPolicy", R"({"KeyId": ")" + id + R"(", "Policy": "{}"})").decoded(200));
    EXPECT_THAT(effect.named(0), HasSubstr("k-1"));
    EXPECT_THAT(effect.named(0), HasSubstr(key));
    EXPECT_EQ(effect.set("aws_kms_key"), Json::parse(R"({"policy": "{}"})"));
    EXPECT_EQ(effect.set("aws_kms_key_policy"), Json::parse(R"({"policy": "{}"})"));
  }
}

TEST(AwsTouched, listeners_and_groups) {
  const Effect listener(
      form("elasticloadbalancing",
           "Action=ModifyListener&Version=2015-12-01&ListenerArn=arn%3Aaws%3Aelasticloadbalancing%3Aeu-west-1%3A1%"
           "3Alistener"
           "%2Fapp%2Fa%2Fb%2Fc&Port=443&DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn=tg&"
           "Certificates.member.1.CertificateArn=c")
          .decoded(200));
  EXPECT_THAT(listener.named(0), HasSubstr("Listener: arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/b/c"));
  EXPECT_EQ(listener.set("aws_lb_listener"), Json::parse(R"({"port": 443, "certificate_arn": "c",
                            "default_action": [{"type": "forward", "target_group_arn": "tg"}]})"));
  const Effect group(
      form("autoscaling",
           "Action=UpdateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=g&MinSize=1&VPCZoneIdentifier="
           "a%2Cb&LaunchTemplate.LaunchTemplateId=lt-1&LaunchTemplate.Version=2&"
           "NewInstancesProtectedFromScaleIn=true")
          .decoded(200));
  EXPECT_EQ(group.named(0), "AWS::AutoScaling::AutoScalingGroup: g");
  EXPECT_EQ(group.set("aws_autoscaling_group"),
            Json::parse(R"({"min_size": 1, "vpc_zone_identifier": ["a", "b"], "launch_template.id": "lt-1",
                            "launch_template.version": "2", "protect_from_scale_in": true})"));
}

}  // namespace
}  // namespace plumbline::cloud
