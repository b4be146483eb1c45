// What a container's image says a file should be.
#pragma once

#include <cstdint>

#include "agent/source/image_layers.hpp"
#include "baseline/baseline.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

struct ImageExpectation {
  baseline::FileExpectation expected;
  bool is_certain = true;  ///< ImageLayers::Found::is_certain
};

/// `declared` is "as the image has it": its address and path stay. Owners are compared where `has_hosts_users`: else
/// the layers' numbers are not the container's. Errors: `unsupported`: that cannot be said, and why.
Result<ImageExpectation> expectation_of_image(const baseline::FileExpectation& declared, const ImageLayers& image,
                                              bool has_hosts_users, std::uint64_t max_bytes);

}  // namespace plumbline::agent
