// What a call changes: the things it names, as the vendor and as IaC call them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/body/value.hpp"

namespace plumbline::cloud {

/// How a write treats what it does not mention.
enum class Semantics : std::uint8_t {
  unknown,
  create,   ///< a new thing
  replace,  ///< the whole, or a whole aspect of it: what is absent is reset
  merge,    ///< what is absent stays as it is
  delta,    ///< adds to what is there, or takes from it
  remove,   ///< the thing is gone
};

/// One attribute that a call sets, as the state of an IaC type names it.
struct Setting {
  std::string attribute;  ///< as in the state: "instance_class", "environment.variables.LEVEL", "ingress"
  std::string parameter;  ///< as in the request: "DBInstanceClass", "IpPermissions"
  Value value;            ///< in the type's own shape; a secret has no text
  /// Of a delta: whether it adds `value` or takes it away.
  bool removes = false;
  /// Of a call that is no delta as a whole: whether `value` is only added to what is there ("AddSubnetIds").
  bool adds = false;
};

/// What IaC may call the thing.
struct Candidate {
  std::string iac_type;  ///< "aws_security_group", "AWS::EC2::SecurityGroup"
  std::vector<Setting> settings;
};

/// One thing that a call touches.
struct Touched {
  std::string type;                   ///< the vendor's: "AWS::EC2::SecurityGroup", "apps/Deployment"; "" = not known
  std::vector<std::string> ids;       ///< every form that a state may hold: name, ARN, URL, "team:rule"
  bool from_answer = false;           ///< only the answer names it, as of what was just created
  std::vector<Candidate> candidates;  ///< likeliest first; empty = no IaC type is known
};

}  // namespace plumbline::cloud
