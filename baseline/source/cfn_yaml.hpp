#pragma once

#include <string>
#include <string_view>

#include "include/util/result.hpp"

namespace plumbline::baseline {

/// A CloudFormation template in YAML as the JSON that means the same: the short forms of its functions (!Ref, !GetAtt,
/// !Sub, !If, …, on values, lists and maps) become the long ones ({"Ref": …}, {"Fn::GetAtt": ["A", "B.C"]}); scalars
/// get the types of yaml_scalar.hpp. Errors name `origin`:line:column: not YAML, a key twice in one map, nesting deeper
/// than 100, an alias (CloudFormation has none), more than one document.
Result<std::string> cfn_yaml_to_json(const std::string& origin, std::string_view text);

}  // namespace plumbline::baseline
