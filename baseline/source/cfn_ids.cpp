#include "baseline/source/cfn_ids.hpp"

#include <algorithm>
#include <array>

namespace plumbline::baseline {
namespace {

/// {p}artition, {r}egion, {a}ccount, {i}d, {n}ame in an id that is a URL, pat{h}.
struct Arn {
  std::string_view type;
  std::string_view form;
  std::string_view name_property;
};

// The ids are those that the types' own documentation gives for Ref, the ARNs those of the service authorization
// reference.
constexpr Arn arns[] = {
    {"AWS::ApiGateway::RestApi", "arn:{p}:apigateway:{r}::/restapis/{i}", ""},
    {"AWS::CloudFront::Distribution", "arn:{p}:cloudfront::{a}:distribution/{i}", ""},
    {"AWS::CloudWatch::Alarm", "arn:{p}:cloudwatch:{r}:{a}:alarm:{i}", "AlarmName"},
    {"AWS::CodeBuild::Project", "arn:{p}:codebuild:{r}:{a}:project/{i}", "Name"},
    {"AWS::CodePipeline::Pipeline", "arn:{p}:codepipeline:{r}:{a}:{i}", "Name"},
    {"AWS::Cognito::UserPool", "arn:{p}:cognito-idp:{r}:{a}:userpool/{i}", ""},
    {"AWS::DynamoDB::Table", "arn:{p}:dynamodb:{r}:{a}:table/{i}", "TableName"},
    {"AWS::EC2::Instance", "arn:{p}:ec2:{r}:{a}:instance/{i}", ""},
    {"AWS::EC2::InternetGateway", "arn:{p}:ec2:{r}:{a}:internet-gateway/{i}", ""},
    {"AWS::EC2::LaunchTemplate", "arn:{p}:ec2:{r}:{a}:launch-template/{i}", ""},
    {"AWS::EC2::NatGateway", "arn:{p}:ec2:{r}:{a}:natgateway/{i}", ""},
    {"AWS::EC2::NetworkAcl", "arn:{p}:ec2:{r}:{a}:network-acl/{i}", ""},
    {"AWS::EC2::RouteTable", "arn:{p}:ec2:{r}:{a}:route-table/{i}", ""},
    {"AWS::EC2::SecurityGroup", "arn:{p}:ec2:{r}:{a}:security-group/{i}", ""},
    {"AWS::EC2::Subnet", "arn:{p}:ec2:{r}:{a}:subnet/{i}", ""},
    {"AWS::EC2::VPC", "arn:{p}:ec2:{r}:{a}:vpc/{i}", ""},
    {"AWS::EC2::Volume", "arn:{p}:ec2:{r}:{a}:volume/{i}", ""},
    {"AWS::ECR::Repository", "arn:{p}:ecr:{r}:{a}:repository/{i}", "RepositoryName"},
    {"AWS::ECS::Cluster", "arn:{p}:ecs:{r}:{a}:cluster/{i}", "ClusterName"},
    {"AWS::EFS::FileSystem", "arn:{p}:elasticfilesystem:{r}:{a}:file-system/{i}", ""},
    {"AWS::EKS::Cluster", "arn:{p}:eks:{r}:{a}:cluster/{i}", "Name"},
    {"AWS::ElastiCache::CacheCluster", "arn:{p}:elasticache:{r}:{a}:cluster:{i}", "ClusterName"},
    {"AWS::Events::Rule", "arn:{p}:events:{r}:{a}:rule/{b}", "Name"},
    {"AWS::IAM::Group", "arn:{p}:iam::{a}:group{h}{i}", "GroupName"},
    {"AWS::IAM::InstanceProfile", "arn:{p}:iam::{a}:instance-profile{h}{i}", "InstanceProfileName"},
    {"AWS::IAM::Role", "arn:{p}:iam::{a}:role{h}{i}", "RoleName"},
    {"AWS::IAM::User", "arn:{p}:iam::{a}:user{h}{i}", "UserName"},
    {"AWS::KMS::Key", "arn:{p}:kms:{r}:{a}:key/{i}", ""},
    {"AWS::Kinesis::Stream", "arn:{p}:kinesis:{r}:{a}:stream/{i}", "Name"},
    {"AWS::Lambda::Function", "arn:{p}:lambda:{r}:{a}:function:{i}", "FunctionName"},
    {"AWS::Logs::LogGroup", "arn:{p}:logs:{r}:{a}:log-group:{i}", "LogGroupName"},
    {"AWS::RDS::DBCluster", "arn:{p}:rds:{r}:{a}:cluster:{i}", "DBClusterIdentifier"},
    {"AWS::RDS::DBInstance", "arn:{p}:rds:{r}:{a}:db:{i}", "DBInstanceIdentifier"},
    {"AWS::Route53::HostedZone", "arn:{p}:route53:::hostedzone/{i}", ""},
    {"AWS::S3::Bucket", "arn:{p}:s3:::{i}", "BucketName"},
    {"AWS::SQS::Queue", "arn:{p}:sqs:{r}:{a}:{n}", ""},
    {"AWS::SSM::Parameter", "arn:{p}:ssm:{r}:{a}:parameter/{s}", "Name"},
};

// Whose id is an ARN or a URL that ends with the name.
constexpr std::string_view named_at_the_end[] = {
    "AWS::ECS::Service", "AWS::ECS::TaskDefinition",         "AWS::IAM::ManagedPolicy", "AWS::SNS::Topic",
    "AWS::SQS::Queue",   "AWS::StepFunctions::StateMachine", "AWS::Batch::JobQueue",
};

struct OfType {
  std::string_view type;
  std::string_view name;
};

// Fn::GetAtt of these is what Ref gives.
constexpr OfType id_attributes[] = {
    {"AWS::EC2::SecurityGroup", "GroupId"},
    {"AWS::EC2::Subnet", "SubnetId"},
    {"AWS::EC2::VPC", "VpcId"},
    {"AWS::EC2::LaunchTemplate", "LaunchTemplateId"},
    {"AWS::ECS::Service", "ServiceArn"},
    {"AWS::KMS::Key", "KeyId"},
    {"AWS::Route53::HostedZone", "Id"},
    {"AWS::SNS::Topic", "TopicArn"},
    {"AWS::SQS::Queue", "QueueUrl"},
    {"AWS::SecretsManager::Secret", "Id"},
};
constexpr OfType name_attributes[] = {
    {"AWS::ECS::Service", "Name"},
    {"AWS::SNS::Topic", "TopicName"},
    {"AWS::SQS::Queue", "QueueName"},
    {"AWS::StepFunctions::StateMachine", "Name"},
};

constexpr OfType secret_properties[] = {
    {"AWS::CloudFormation::Stack", "Parameters"},
    {"AWS::CodeBuild::Project", "Environment"},
    {"AWS::EC2::Instance", "UserData"},
    {"AWS::EC2::LaunchTemplate", "LaunchTemplateData.UserData"},
    {"AWS::AutoScaling::LaunchConfiguration", "UserData"},
    {"AWS::ECS::TaskDefinition", "ContainerDefinitions"},
    {"AWS::Batch::JobDefinition", "ContainerProperties"},
    {"AWS::ElasticBeanstalk::Environment", "OptionSettings"},
    {"AWS::Lambda::Function", "Environment"},
    {"AWS::Lambda::Function", "Code.ZipFile"},
    {"AWS::SSM::Parameter", "Value"},
    {"AWS::SecretsManager::Secret", "SecretString"},
};

const Arn* find_arn(std::string_view type) {
  const auto found = std::find_if(std::begin(arns), std::end(arns), [&](const Arn& arn) { return arn.type == type; });
  return found == std::end(arns) ? nullptr : &*found;
}

template <std::size_t N>
bool is_in(const OfType (&table)[N], std::string_view type, std::string_view name) {
  return std::any_of(std::begin(table), std::end(table),
                     [&](const OfType& entry) { return entry.type == type && entry.name == name; });
}

std::string_view behind_last(std::string_view text, std::string_view any_of) {
  return text.substr(text.find_last_of(any_of) + 1);  // npos + 1 is 0
}

/// An event bus' rule is "bus|rule", of which its ARN makes "bus/rule".
std::string rule_part(std::string_view id) {
  std::string part(id);
  std::replace(part.begin(), part.end(), '|', '/');
  return part;
}

}  // namespace

bool place_of_stack(std::string_view stack_id, CfnPlace& out) {
  std::array<std::string_view, 6> parts;
  std::string_view rest = stack_id;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return false;
    parts[i] = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  constexpr std::string_view stack = "stack/";
  if (parts[0] != "arn" || parts[2] != "cloudformation" || !rest.starts_with(stack)) return false;
  rest.remove_prefix(stack.size());
  out.partition = parts[1];
  out.region = parts[3];
  out.account = parts[4];
  out.stack_name = rest.substr(0, rest.find('/'));
  out.stack_id = stack_id;
  return true;
}

std::string cfn_arn(std::string_view type, std::string_view physical_id, std::string_view path, const CfnPlace& place) {
  if (physical_id.starts_with("arn:")) return std::string(physical_id);
  const Arn* known = find_arn(type);
  if (known == nullptr || physical_id.empty()) return "";
  std::string arn;
  for (std::size_t i = 0; i < known->form.size(); ++i) {
    if (known->form[i] != '{') {
      arn += known->form[i];
      continue;
    }
    std::string part;
    switch (known->form[i + 1]) {
      case 'p':
        part = place.partition;
        break;
      case 'r':
        part = place.region;
        break;
      case 'a':
        part = place.account;
        break;
      case 'h':
        part = path;
        break;
      case 'n':
        part = cfn_name(type, physical_id);
        break;
      case 'b':
        part = rule_part(physical_id);
        break;
      case 's':
        part = physical_id.substr(physical_id.starts_with('/') ? 1 : 0);
        break;
      default:
        part = physical_id;
    }
    if (part.empty()) return "";
    arn += part;
    i += 2;
  }
  return arn;
}

std::string cfn_name(std::string_view type, std::string_view physical_id) {
  // arn:…:secret:NAME-RANDOM
  if (type == "AWS::SecretsManager::Secret" && physical_id.starts_with("arn:")) {
    const auto name = behind_last(physical_id, ":");
    const auto dash = name.rfind('-');
    return dash == std::string_view::npos || name.size() - dash != 7 ? "" : std::string(name.substr(0, dash));
  }
  const bool has_one =
      std::find(std::begin(named_at_the_end), std::end(named_at_the_end), type) != std::end(named_at_the_end);
  if (!has_one || physical_id.find_first_of(":/") == std::string_view::npos) return "";
  return std::string(behind_last(physical_id, type == "AWS::ECS::TaskDefinition" ? "/" : ":/"));
}

bool cfn_has_path(std::string_view type) {
  const Arn* known = find_arn(type);
  return known != nullptr && known->form.find("{h}") != std::string_view::npos;
}

std::string_view cfn_name_property(std::string_view type) {
  const Arn* known = find_arn(type);
  return known == nullptr ? std::string_view{} : known->name_property;
}

std::string cfn_attribute(std::string_view type, std::string_view attribute, std::string_view physical_id) {
  if (is_in(id_attributes, type, attribute)) return std::string(physical_id);
  return is_in(name_attributes, type, attribute) ? cfn_name(type, physical_id) : "";
}

std::string_view cfn_why_nothing(std::string_view type) {
  if (type == "AWS::CDK::Metadata") return "tells of the CDK itself, and stands for nothing";
  // Its id is an address that is signed: who has it can answer.
  if (type == "AWS::CloudFormation::WaitConditionHandle" || type == "AWS::CloudFormation::WaitCondition")
    return "waits while the stack is made, and stands for nothing";
  return {};
}

void append_cfn_always_sensitive(std::string_view type, std::vector<std::string>& out) {
  for (const auto& entry : secret_properties)
    if (entry.type == type) out.emplace_back(entry.name);
}

}  // namespace plumbline::baseline
