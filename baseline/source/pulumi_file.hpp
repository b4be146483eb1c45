// local:index/file:File and local:index/sensitiveFile:SensitiveFile (Terraform's provider "local", bridged): the Pulumi
// resources that are files of the node itself.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

bool is_pulumi_file(std::string_view type);

/// The expectation of a file, handed to `out`, and a skip line for what is not known of it. `inputs` as opened
/// (pulumi_values.hpp), `outputs` as they are. `content_is_encrypted`: `inputs` lack the content for that reason.
void emit_pulumi_file(const std::string& address, simdjson::dom::object inputs, simdjson::dom::object outputs,
                      bool content_is_encrypted, bool sensitive, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
