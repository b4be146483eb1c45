#include "baseline/baseline.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "baseline/sources.hpp"
#include "include/util/fd.hpp"

namespace plumbline::baseline {
namespace {

constexpr off_t max_source = off_t{2} << 30;

}  // namespace

Result<Baseline> parse(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key) {
  Result<Baseline> parsed =
      spec.kind == "terraform_state" ? parse_terraform_state(spec, bytes, key)
      : spec.kind == "manifest"
          ? parse_manifest(spec, bytes, key)
          : Result<Baseline>(invalid("read the baseline " + spec.name, "unknown kind " + spec.kind,
                                     "use terraform_state or manifest"));
  if (!parsed) return parsed;
  parsed->name = spec.name;
  parsed->kind = spec.kind;
  parsed->path = spec.path;
  return parsed;
}

Result<Baseline> load(const SourceSpec& given, const KeyedHash& key) {
  SourceSpec spec = given;
  if (!spec.path.starts_with('/')) {
    std::error_code error;
    spec.path = std::filesystem::absolute(spec.path, error);
    if (error) return io_error("find " + given.path, error.value(), "give an absolute path");
  }
  const std::string what = "read the baseline " + spec.name + " from " + spec.path;
  const Fd fd(::open(spec.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return io_error(what, errno, "check the path and its permissions");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return io_error(what, errno);
  if (S_ISDIR(status.st_mode)) return invalid(what, "it is a directory", "name the file itself");
  if (!S_ISREG(status.st_mode)) return invalid(what, "it is not a regular file", "name a file");
  if (status.st_size > max_source) return invalid(what, "it is larger than 2 GiB", "split the state");
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t size = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return io_error(what, errno);
    if (size == 0) break;
    got += static_cast<std::size_t>(size);
  }
  bytes.resize(got);
  if (bytes.empty())
    return invalid(what, "it is empty", "a writer may be in the middle of it; it is read again when it changes");
  auto parsed = parse(spec, bytes, key);
  explicit_bzero(bytes.data(), bytes.size());  // states hold secrets in clear
  return parsed;
}

}  // namespace plumbline::baseline
