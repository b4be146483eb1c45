// Which IaC tool a client says to be.
#pragma once

#include <span>
#include <string_view>

#include "cloud/http.hpp"

namespace plumbline::cloud {

/// "terraform" (OpenTofu's providers say so, too) or "pulumi", by the User-Agent of their providers, all of which are
/// written in Go; "" = neither. Anybody can write that.
std::string_view tool_of(std::span<const HeaderField> headers);

}  // namespace plumbline::cloud
