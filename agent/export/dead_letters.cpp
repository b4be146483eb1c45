#include "agent/export/dead_letters.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "include/util/fd.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t head_bytes = 64;  // holds {"sequence":18446744073709551615,

/// Where the last line begins that ends in a newline, and where it ends; a torn rest behind it does not count.
struct LastLine {
  off_t begin = 0;
  off_t end = 0;
};

Result<LastLine> find_last_line(int fd, off_t size, const std::string& path) {
  LastLine line;
  char byte = 0;
  for (off_t at = size - 1; at >= 0; --at) {  // bodies are a few KB, and this is rare
    if (::pread(fd, &byte, 1, at) != 1) return io_error("read " + path, errno);
    if (byte != '\n') continue;
    if (line.end != 0) {
      line.begin = at + 1;
      return line;
    }
    line.end = at + 1;
  }
  return line;
}

std::uint64_t lines_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return static_cast<std::uint64_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

Result<void> write_all(int fd, const std::string& text, off_t at, const std::string& path) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::pwrite(fd, text.data() + done, text.size() - done, at + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("write " + path, errno, "free space on that disk");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

Result<void> DeadLetters::add(const wire::Record& record, const std::string& why, WallNs refused_at) {
  if (path_.empty())
    return Error{ErrorCode::unsupported, "set record " + std::to_string(record.sequence) + " aside",
                 "no file is named for it", ""};
  const Fd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return io_error("open " + path_, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return io_error("stat " + path_, errno);
  const auto last = find_last_line(fd.get(), status.st_size, path_);
  if (!last) return last.error();

  const std::string begin = "{\"sequence\":" + std::to_string(record.sequence) + ",";
  std::string head(head_bytes, '\0');
  const ssize_t n = ::pread(fd.get(), head.data(), head.size(), last->begin);
  if (n > 0 && last->end != 0 && head.starts_with(begin)) return {};

  std::string line = wire::JsonObject()
                         .number("sequence", record.sequence)
                         .text("type", record.type)
                         .text("id", record.id)
                         .text("at", rfc3339(record.at))
                         .text("refused_at", rfc3339(refused_at))
                         .text("why", why)
                         .raw("body", record.body)
                         .str();
  line += '\n';
  if (last->end != 0 && static_cast<std::uint64_t>(last->end) + line.size() > max_bytes_) {
    const std::string old = path_ + ".old";
    forgotten_ += lines_of(old);
    if (::rename(path_.c_str(), old.c_str()) != 0) return io_error("rename " + path_ + " to " + old, errno);
    return add(record, why, refused_at);
  }
  auto written = write_all(fd.get(), line, last->end, path_);
  if (written && ::ftruncate(fd.get(), last->end + static_cast<off_t>(line.size())) != 0)
    written = io_error("truncate " + path_, errno);
  if (written && ::fsync(fd.get()) != 0) written = io_error("fsync " + path_, errno);
  if (!written) return written;
  const std::string directory = path_.substr(0, path_.find_last_of('/') + 1);
  const Fd parent(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return io_error("fsync the directory of " + path_, errno);
  return {};
}

}  // namespace plumbline::agent
