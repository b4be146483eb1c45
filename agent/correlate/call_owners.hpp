// Which managed resources a cloud API call touches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/index/index.hpp"

namespace plumbline::agent {

/// One thing that a call names.
struct CallTarget {
  std::string id;                      ///< in any form: name, ARN, "sg-…"
  std::vector<std::string> iac_types;  ///< what IaC calls it ("aws_security_group", …); empty = not known
};

struct CallOwner {
  std::uint32_t resource = 0;  ///< row in the index
  std::uint32_t rank = 0;      ///< 0 = by id and type; 1 = by id, and the operation is named after its type
  std::string reason;
};

/// Owners in one index, best first, and only those of the best rank: a call also names what its target merely refers to
/// (the VPC of a new subnet). `operation` is the vendor's name for the call. Any thread.
std::vector<CallOwner> owners_of_call(const baseline::Index& index, const std::vector<CallTarget>& targets,
                                      std::string_view operation);

}  // namespace plumbline::agent
