// local_file and local_sensitive_file: the Terraform resources that are files of the node itself.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "baseline/source/terraform_common.hpp"

namespace plumbline::baseline {

bool is_terraform_file(std::string_view type);

/// Whether its content is secret: by type, by a mark on a value that is there (providers mark attributes of their
/// schema whether or not they are set), or by its look.
bool terraform_file_is_sensitive(const TerraformInstance& instance);

/// The expectation of the instance's file, handed to `out`; what is not known of it is skipped with the reason. `mode`
/// is file_permission less 022, the part that the umask takes. `base` as for TerraformEmitter.
Result<void> emit_terraform_file(const TerraformInstance& instance, bool sensitive, const SourceSpec& spec,
                                 const std::string& base, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
