#include "agent/spool/file_layer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

class RealFile final : public File {
 public:
  RealFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("read " + path_ + " at byte " + std::to_string(offset + done), errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("write " + path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<void> sync() override { return check(::fdatasync(fd_.get()), "fdatasync "); }
  Result<void> truncate(std::uint64_t size) override {
    return check(::ftruncate(fd_.get(), static_cast<off_t>(size)), "truncate ");
  }
  Result<void> allocate(std::uint64_t size) override {
    const int failure = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));  // returns, does not set, errno
    if (failure != 0) return io_error("allocate " + std::to_string(size) + " bytes for " + path_, failure);
    return {};
  }
  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return io_error("stat " + path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Result<void> check(int outcome, const char* action) const {
    if (outcome != 0) return io_error(action + path_, errno);
    return {};
  }

  Fd fd_;
  std::string path_;
};

class RealLock final : public FileLock {
 public:
  explicit RealLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;
};

class RealFiles final : public FileLayer {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (mode == OpenMode::create ? O_CREAT : 0);
    Fd fd(::open(path.c_str(), flags, 0600));
    if (!fd) return io_error("open " + path, errno);
    return std::make_unique<RealFile>(std::move(fd), path);
  }

  Result<void> make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return sync_directory(parent_of(path));
    if (errno == EEXIST) return {};
    if (errno != ENOENT || parent_of(path) == path) return io_error("make directory " + path, errno);
    if (auto made = make_directory(parent_of(path)); !made) return made;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make directory " + path, errno);
    return sync_directory(parent_of(path));
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
    if (!stream) return io_error("list " + directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) return io_error("list " + directory, errno);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return io_error("rename " + from + " to " + to, errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return io_error("remove " + path, errno);
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return io_error("open directory " + path, errno);
    if (::fsync(fd.get()) != 0) return io_error("fsync directory " + path, errno);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return io_error("open lock file " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return io_error("lock " + path, errno);
      return Error{ErrorCode::unavailable, "lock " + path, "another agent uses it" + holder(fd),
                   "stop that one, or give this one a state directory of its own"};
    }
    const std::string pid =
        std::to_string(::getpid()) + "\n";  // for people and for the message above; no one relies on it
    if (::ftruncate(fd.get(), 0) == 0) [[maybe_unused]]
      const ssize_t written = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
    return std::make_unique<RealLock>(std::move(fd));
  }

 private:
  static std::string parent_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
  }

  static std::string holder(const Fd& fd) {
    std::array<char, 16> text{};
    const ssize_t n = ::pread(fd.get(), text.data(), text.size(), 0);
    std::string pid;
    for (ssize_t i = 0; i < n && text[static_cast<std::size_t>(i)] >= '0' && text[static_cast<std::size_t>(i)] <= '9';
         ++i)
      pid += text[static_cast<std::size_t>(i)];
    return pid.empty() ? "" : " (pid " + pid + ")";
  }
};

}  // namespace

FileLayer& real_files() {
  static RealFiles files;
  return files;
}

}  // namespace plumbline::agent
