#include "baseline/index/section_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace plumbline::baseline::index {
namespace {

constexpr std::size_t piece_size = std::size_t{256} << 10;
constexpr std::size_t smallest = 64;

}  // namespace

bool SectionFile::make_room(std::size_t more) {
  if (used_ + more > most_in_memory) return false;
  const std::size_t capacity = std::min(std::max({2 * capacity_, used_ + more, smallest}), most_in_memory);
  auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
  std::copy_n(buffer_.get(), used_, larger.get());
  buffer_ = std::move(larger);
  capacity_ = capacity;
  return true;
}

void SectionFile::spill(std::span<const std::byte> more) {
  if (!fd_ && error_ == 0) {
    fd_ = Fd(::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd_) error_ = errno;
  }
  write({buffer_.get(), used_});
  used_ = 0;
  if (more.size() < most_in_memory)
    append(more);
  else
    write(more);
}

void SectionFile::write(std::span<const std::byte> bytes) {
  written_ += bytes.size();
  while (error_ == 0 && !bytes.empty()) {
    const ssize_t size = ::write(fd_.get(), bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) error_ = errno;
    if (size > 0) bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
}

Result<void> SectionFile::state() const {
  if (error_ != 0)
    return io_error("write a part of an index in " + folder_, error_, "name a folder on a local disk with room");
  return {};
}

int SectionFile::copy_to(const std::function<int(std::span<const std::byte>)>& take) const {
  if (error_ != 0) return error_;
  std::vector<std::byte> piece(written_ > 0 ? piece_size : 0);
  for (off_t offset = 0; std::cmp_less(offset, written_);) {
    const ssize_t got = ::pread(fd_.get(), piece.data(), piece.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EIO;
    if (const int error = take(std::span(piece).first(static_cast<std::size_t>(got))); error != 0) return error;
    offset += got;
  }
  return take({buffer_.get(), used_});
}

}  // namespace plumbline::baseline::index
