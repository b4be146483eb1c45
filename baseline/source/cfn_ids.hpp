// How the things behind CloudFormation's types are named: by the id that a stack shows, and by the ARN that is made of
// it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"

namespace plumbline::baseline {

/// The account's part of every ARN, as the id of a stack shows it.
struct CfnPlace {
  std::string partition = "aws";
  std::string region;
  std::string account;
  std::string stack_name;
  std::string stack_id;
};

/// From "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/<uuid>"; false where the text is no such ARN.
bool place_of_stack(std::string_view stack_id, CfnPlace& out);

/// The ARN of a thing of a well-known type; "" where the type is not in the table, or a part of it is not known.
/// `path`: of the things of IAM that have one ("/" unless declared otherwise), "" where it is not known.
std::string cfn_arn(std::string_view type, std::string_view physical_id, std::string_view path, const CfnPlace& place);

/// The name within an id that is an ARN or a URL, for types whose calls name them by it; "" elsewhere.
std::string cfn_name(std::string_view type, std::string_view physical_id);

/// Whether the type is of IAM and its things have a path in their ARN.
bool cfn_has_path(std::string_view type);

/// The property that holds the physical id, where an author may choose it ("BucketName"); "" for other types.
std::string_view cfn_name_property(std::string_view type);

/// What Fn::GetAtt gives where that is the physical id itself or its name: {"GroupId"} of a security group; "" for
/// attributes that are not known here. "Arn" is cfn_arn().
std::string cfn_attribute(std::string_view type, std::string_view attribute, std::string_view physical_id);

/// Why a type stands for nothing in the cloud, or for nothing that is named by its id; "" for all others.
std::string_view cfn_why_nothing(std::string_view type);

/// Properties that hold secrets whatever they are named, beside what sounds_sensitive() knows.
void append_cfn_always_sensitive(std::string_view type, std::vector<std::string>& out);

}  // namespace plumbline::baseline
