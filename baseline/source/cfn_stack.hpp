// What the outputs of CloudFormation's API say of one stack and what is in it (read_cloudformation's container).
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/builder.hpp"
#include "baseline/source/cfn_ids.hpp"

namespace plumbline::baseline {

/// A resource as a list of the API shows it.
struct CfnListed {
  std::string_view logical_id, physical_id, type, status;
  simdjson::dom::object drift;  ///< its entry of StackResourceDrifts
  bool has_drift = false;
};

/// Views into the JSON it was read from.
struct CfnStack {
  CfnPlace place;               ///< stack_id is "" where nothing names the stack
  simdjson::dom::object entry;  ///< of describe-stacks
  bool has_entry = false;
  std::vector<CfnListed> listed;
  std::unordered_map<std::string_view, std::size_t> index;  ///< of listed, by logical id
};

/// Whether `top` holds a list of resources.
bool is_cfn_stack(simdjson::dom::object top);

/// Letters and digits; those of modules have more.
bool is_logical_id(std::string_view id);

/// Errors: pages are missing, lists of two stacks, a resource twice in one list, a deleted stack. Entries without an id
/// or type are skipped.
Result<void> read_cfn_stack(const SourceSpec& spec, simdjson::dom::object top, CfnStack& stack, Builder& out);

}  // namespace plumbline::baseline
