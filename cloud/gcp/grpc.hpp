// gRPC calls of Google's APIs, which have a method's name and no path.
#pragma once

#include <span>
#include <string_view>

#include "cloud/gcp/methods.hpp"

namespace plumbline::cloud::gcp {

/// The REST method that an rpc of one of `apis` is the same as: "CreateKeyRing" → projects.locations.keyRings.create,
/// by its verb and the collection that it names. Several (of projects, of folders) are one but for where the thing is.
MethodMatch find_rpc(std::span<const std::uint32_t> apis, std::string_view rpc);

}  // namespace plumbline::cloud::gcp
