#pragma once

#include <string>
#include <vector>

#include "cloud/compile/image.hpp"

namespace plumbline::cloud::compile {

/// Reads what operations touch and what IaC types have (aws_resources.tsv, aws_attributes.tsv, … in cloud/tables) into
/// an image that has the operations already. Returns the files' bytes, in the order read. Throws std::runtime_error
/// that names file and line.
std::vector<std::string> add_aws_resources(const std::string& folder, Image& image);

}  // namespace plumbline::cloud::compile
