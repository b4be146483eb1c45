#include "baseline/index/section_file.hpp"

#include <fcntl.h>

#include <cerrno>

namespace plumbline::baseline::index {
namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10;

}  // namespace

Result<SectionFile> SectionFile::create(const std::string& folder) {
  SectionFile file;
  file.fd_ = Fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.fd_) return io_error("make a temporary file in " + folder, errno, "name a folder on a local file system");
  return file;
}

void SectionFile::append(std::span<const std::byte> bytes) {
  if (buffer_.capacity() == 0) buffer_.reserve(buffer_size);
  if (buffer_.size() + bytes.size() > buffer_size) (void)flush();
  if (bytes.size() <= buffer_size) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return;
  }
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), buffer_size));
    buffer_.assign(part.begin(), part.end());
    (void)flush();
    bytes = bytes.subspan(part.size());
  }
}

Result<void> SectionFile::flush() {
  std::size_t done = 0;
  while (error_ == 0 && done < buffer_.size()) {
    const ssize_t size = ::write(fd_.get(), buffer_.data() + done, buffer_.size() - done);
    if (size < 0 && errno != EINTR) error_ = errno;
    if (size > 0) done += static_cast<std::size_t>(size);
  }
  written_ += buffer_.size();
  buffer_.clear();
  if (error_ != 0) return io_error("write an index", error_, "make room on the disk");
  return {};
}

}  // namespace plumbline::baseline::index
