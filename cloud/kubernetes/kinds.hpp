// The kinds that Kubernetes itself serves.
#pragma once

#include <string_view>

#include "cloud/table/tables.hpp"

namespace plumbline::cloud::kubernetes {

/// Of a group's resource ("apps", "deployments"), in whatever version; nullptr for custom ones.
const table::KindRow* find_kind(std::string_view group, std::string_view plural);

/// Whether Kubernetes itself serves the group.
bool is_own_group(std::string_view group);

}  // namespace plumbline::cloud::kubernetes
