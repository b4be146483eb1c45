// Which managed resources a cloud API call touches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/compare_setting.hpp"
#include "baseline/index/index.hpp"

namespace plumbline::agent {

/// One attribute that a call sets.
struct CallSetting {
  std::string attribute;            ///< as the state of the IaC type names it
  std::optional<std::string> json;  ///< in that state's shape; nullopt = it is secret
  baseline::SettingEffect effect = baseline::SettingEffect::sets;
  std::vector<std::uint64_t> prints = {};  ///< of a secret: fingerprints of its forms (cloud/body/secret_prints.hpp)
  bool is_as_sent = false;  ///< `prints` are of a list as the request spells it, and the state may spell it otherwise
};
/// What IaC calls a thing, and what a call sets of it then.
struct CallType {
  std::string name;  ///< "aws_security_group"
  std::vector<CallSetting> settings;
};

/// One thing that a call names.
struct CallTarget {
  std::string id;  ///< in any form: name, ARN, "sg-…"
  /// Likeliest first; all forms of an id share them. nullptr or empty = not known.
  std::shared_ptr<const std::vector<CallType>> types;
};

struct CallOwner {
  std::uint32_t resource = 0;  ///< row in the index
  std::uint32_t rank = 0;      ///< 0 = by id and type; 1 = by id, and the operation is named after its type
  std::string reason;
  const CallType* type = nullptr;  ///< of the target; nullptr where it is known by name alone
};

/// Whether that is a type of a provider that Pulumi made of Terraform's: "aws:s3/bucket:Bucket". Its attributes are
/// called as Terraform's, in camel case.
bool is_bridged_type(std::string_view type);

/// Where a call was made. A thing of another account, region or cluster only has the same name. "" = not known.
struct CallPlace {
  std::string_view provider = {}, service = {}, region = {}, account = {};
  std::string_view cluster = {};  ///< of Kubernetes, by the server that the client named (Clusters)
};

/// Owners in one index, best first, and only those of the best rank: a call also names what its target merely refers to
/// (the VPC of a new subnet), and names things that are called alike elsewhere. `operation` is the vendor's name for
/// the call; `cluster` is the one that the baseline's resources are in, "" = nobody said. Any thread.
std::vector<CallOwner> owners_of_call(const baseline::Index& index, const std::vector<CallTarget>& targets,
                                      std::string_view operation, const CallPlace& place = {},
                                      std::string_view cluster = {});

}  // namespace plumbline::agent
