#include "agent/enrich/file_locks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

constexpr std::size_t max_table = std::size_t{4} << 20;

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

template <class Number>
bool take_number(std::string_view& text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

/// "fe:00:131": major and minor in hexadecimal, the inode in decimal.
bool is_of(std::string_view file, dev_t device, ino_t inode) {
  unsigned major = 0, minor = 0;
  std::uint64_t number = 0;
  if (!take_number(file, major, 16) || !file.starts_with(':')) return false;
  file.remove_prefix(1);
  if (!take_number(file, minor, 16) || !file.starts_with(':')) return false;
  file.remove_prefix(1);
  return take_number(file, number, 10) && file.empty() && major == gnu_dev_major(device) &&
         minor == gnu_dev_minor(device) && number == inode;
}

}  // namespace

std::optional<std::uint32_t> write_locker(std::string_view locks, dev_t device, ino_t inode) {
  std::optional<std::uint32_t> found;
  while (!locks.empty()) {
    std::string_view line = locks.substr(0, locks.find('\n'));
    locks.remove_prefix(std::min(line.size() + 1, locks.size()));
    next_word(line);  // its number
    // "->" stands there for who waits.
    if (next_word(line) != "POSIX") continue;
    next_word(line);  // whether it is advisory
    if (next_word(line) != "WRITE") continue;
    std::string_view holder = next_word(line);
    std::uint32_t pid = 0;
    // 0: a process that this PID namespace does not have.
    if (!take_number(holder, pid, 10) || !holder.empty() || pid == 0 || !is_of(next_word(line), device, inode))
      continue;
    if (found && *found != pid) return std::nullopt;
    found = pid;
  }
  return found;
}

std::optional<std::uint32_t> write_locker(const std::string& proc_root, const std::string& path) {
  struct stat status{};
  const Fd fd(::open((proc_root + "/locks").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::stat(path.c_str(), &status) != 0) return std::nullopt;
  std::string text;
  char part[16'384];
  while (text.size() < max_table) {
    const ssize_t size = ::read(fd.get(), part, sizeof part);
    if (size <= 0) break;
    text.append(part, static_cast<std::size_t>(size));
  }
  return write_locker(text, status.st_dev, status.st_ino);
}

}  // namespace plumbline::agent
