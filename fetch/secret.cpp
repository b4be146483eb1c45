#include "fetch/secret.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fetch/encoding.hpp"
#include "http/url.hpp"
#include "include/util/fd.hpp"

namespace plumbline::fetch {
namespace {

constexpr std::size_t max_line_bytes = std::size_t{16} << 10;

}  // namespace

void wipe(std::string& text) noexcept {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret Secret::take(std::string& text) noexcept {
  Secret secret;
  secret.text_.swap(text);
  wipe(text);
  return secret;
}

Result<Secret> read_secret_file(const std::string& what, const std::string& path, std::size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not stop the agent
  if (!file) return io_error(what, errno, "check the path and its permissions");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return io_error(what, errno, "check the file system");
  if (!S_ISREG(status.st_mode)) return invalid(what, "it is no regular file", "is it the right path?");
  std::string bytes(max_bytes + 1, '\0');
  std::size_t size = 0;
  int failure = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failure = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  Secret whole = Secret::take(bytes);
  if (failure != 0) return io_error(what, failure, "check the file system");
  if (size > max_bytes)
    return invalid(what, "it is longer than " + std::to_string(max_bytes >> 10) + " KiB", "is it the right file?");
  return whole;
}

Result<Secret> read_secret_line(const std::string& path) {
  const std::string what = "read the secret in " + path;
  const auto whole = read_secret_file(what, path, max_line_bytes);
  if (!whole) return whole.error();
  const std::string_view line = whole->view().substr(0, whole->view().find_first_of("\r\n"));
  if (line.empty() || !is_header_text(line))
    return invalid(what, "it is empty or not printable", "write it as one line");
  return Secret(line);
}

Result<void> safe_for_secrets(const std::string& what, const std::string& url) {
  const auto parsed = http::parse_url(what, url);
  if (!parsed) return parsed.error();
  if (!http::is_private(*parsed))
    return invalid(what, "a credential would travel unencrypted to " + parsed->host, "use https://");
  return {};
}

}  // namespace plumbline::fetch
