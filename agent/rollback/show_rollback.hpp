#pragma once

#include <string>

#include "agent/rollback/file_image.hpp"

namespace plumbline::agent {

/// What putting `wanted` in place of `now` changes, for people: one JSON object with `path`, `changes` (attribute,
/// from, to) and, where it is text that is no secret and is short enough to be read, the lines that go and come.
std::string show_rollback(const std::string& path, const FileImage& now, const FileImage& wanted, bool sensitive);

}  // namespace plumbline::agent
