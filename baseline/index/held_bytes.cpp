#include "baseline/index/held_bytes.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "include/util/fd.hpp"

namespace plumbline::baseline::index {
namespace {

constexpr std::size_t most_in_memory = std::size_t{1} << 20;

/// None where it cannot be made, or the file is shorter by now.
Fd unnamed_copy(int file, std::size_t size, const std::string& folder) {
  Fd copy(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  off_t from = 0;
  while (copy && std::cmp_less(from, size)) {
    // Shares the blocks where the file system can (btrfs, XFS).
    const ssize_t done = ::copy_file_range(file, &from, copy.get(), nullptr, size - static_cast<std::size_t>(from), 0);
    if (done <= 0 && !(done < 0 && errno == EINTR)) copy.reset();
  }
  return copy;
}

}  // namespace

Result<HeldBytes> HeldBytes::open(const std::string& path, std::size_t least, Hold hold) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return io_error("open the index " + path, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return io_error("open the index " + path, errno);
  if (!S_ISREG(status.st_mode)) return invalid("open the index " + path, "not a regular file");
  if (std::cmp_less(status.st_size, least))
    return Error{ErrorCode::corrupt, "open the index " + path, "shorter than its head", compile_again};
  HeldBytes held;
  held.size_ = static_cast<std::size_t>(status.st_size);
  if (auto done = hold == Hold::mapped ? held.map(fd.get(), path) : held.hold_apart(fd.get(), path); !done)
    return done.error();
  return held;
}

/// Memory that is a file's can be taken back by the kernel, so what is large is a file's; where there is no room for
/// another one, or the file system knows no unnamed files, memory it is.
Result<void> HeldBytes::hold_apart(int file, const std::string& path) {
  if (size_ <= most_in_memory) return read(file, path);
  const Fd copy = unnamed_copy(file, size_, path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)));
  return copy ? map(copy.get(), path) : read(file, path);
}

Result<void> HeldBytes::read(int file, const std::string& path) {
  memory_ = std::make_unique_for_overwrite<std::byte[]>(size_);
  for (std::size_t done = 0; done < size_;) {
    const ssize_t got = ::pread(file, memory_.get() + done, size_ - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read the index " + path, errno);
    if (got == 0) return Error{ErrorCode::corrupt, "read the index " + path, "it became shorter", compile_again};
    done += static_cast<std::size_t>(got);
  }
  data_ = memory_.get();
  return {};
}

Result<void> HeldBytes::map(int file, const std::string& path) {
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) return io_error("map the index " + path, errno);
  data_ = static_cast<const std::byte*>(mapped);
  return {};
}

HeldBytes::HeldBytes(HeldBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      memory_(std::move(other.memory_)) {}

HeldBytes& HeldBytes::operator=(HeldBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(memory_, other.memory_);
  return *this;
}

HeldBytes::~HeldBytes() {
  if (data_ != nullptr && memory_ == nullptr)
    ::munmap(const_cast<std::byte*>(data_), size_);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

}  // namespace plumbline::baseline::index
