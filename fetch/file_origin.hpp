// A source that is a file of this machine.
#pragma once

#include <memory>
#include <string>

#include "fetch/origin.hpp"

namespace plumbline::fetch {

/// Tells by the file's inode, size and times whether it changed; its reader opens it itself, as large ones are read as
/// a stream.
std::unique_ptr<Origin> make_file_origin(std::string path);

/// What stands for the file as it is now; "" where it cannot be looked at.
std::string file_version(const std::string& path);

}  // namespace plumbline::fetch
