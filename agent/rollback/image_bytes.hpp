// An image as bytes, as the store encrypts them: fields in order, texts with their length before them, numbers of eight
// bytes, least significant first.
#pragma once

#include <string>
#include <string_view>

#include "agent/rollback/file_image.hpp"
#include "include/util/result.hpp"

namespace plumbline::agent {

/// May hold secrets: the caller clears it.
std::string bytes_of(const FileImage& image);

/// `corrupt`: it is no such image, whole.
Result<FileImage> image_of(std::string_view bytes);

}  // namespace plumbline::agent
