#pragma once

#include <string>
#include <vector>

#include "cloud/compile/image.hpp"

namespace plumbline::cloud::compile {

/// Reads cloud/tables/kubernetes_*.tsv (cloud/tables/README.md) into `image`. Returns the files' bytes, in the order
/// read. Throws std::runtime_error that names file and line.
std::vector<std::string> add_kubernetes(const std::string& folder, Image& image);

}  // namespace plumbline::cloud::compile
