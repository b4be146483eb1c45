#pragma once

#include <filesystem>

namespace plumbline::agent {

/// Whether the folder is, or would be made, on a bpffs and is not its root, which others share. Makes nothing.
bool is_below_bpffs(const std::filesystem::path& folder);

}  // namespace plumbline::agent
