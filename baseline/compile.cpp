#include "baseline/compile.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "baseline/kinds.hpp"
#include "baseline/source/terraform_state.hpp"
#include "include/util/fd.hpp"

namespace plumbline::baseline {
namespace {

constexpr off_t max_whole = off_t{256} << 20;
constexpr off_t max_streamed = off_t{64} << 30;
constexpr std::size_t head_size = std::size_t{256} << 10;

/// Clears what it held: sources hold secrets in clear.
struct SecretText {
  std::string text;
  explicit SecretText(std::size_t size) : text(size, '\0') {}
  ~SecretText() { ::explicit_bzero(text.data(), text.size()); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
};

struct Opened {
  Fd fd;
  struct stat status{};
};

std::string action(const SourceSpec& spec) {
  return "read the baseline " + spec.name + " from " + spec.path;
}

Result<Opened> open_source(const std::string& path, const std::string& what, off_t limit) {
  Opened opened;
  opened.fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened.fd) return io_error(what, errno, "check the path and its permissions");
  if (::fstat(opened.fd.get(), &opened.status) != 0) return io_error(what, errno);
  if (S_ISDIR(opened.status.st_mode)) return invalid(what, "it is a directory", "name the file itself");
  if (!S_ISREG(opened.status.st_mode)) return invalid(what, "it is not a regular file", "name a file");
  if (opened.status.st_size > limit)
    return invalid(what, "it is larger than " + std::to_string(limit >> 20) + " MiB", "split the source");
  if (opened.status.st_size == 0)
    return invalid(what, "it is empty", "a writer may be in the middle of it; it is read again when it changes");
  return opened;
}

/// Up to `size` bytes, fewer only at the end.
Result<std::size_t> read_some(int fd, char* to, std::size_t size, const std::string& what) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t part = ::read(fd, to + got, size - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return io_error(what, errno);
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  return got;
}

/// Whether somebody wrote to the file while it was read: half of one revision and half of another is neither.
Result<void> check_unchanged(const Opened& opened, const std::string& what) {
  struct stat now{};
  if (::fstat(opened.fd.get(), &now) != 0) return io_error(what, errno);
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  // The time of the last write can be set back, that of the last change cannot.
  if (now.st_size == opened.status.st_size && same(now.st_mtim, opened.status.st_mtim) &&
      same(now.st_ctim, opened.status.st_ctim))
    return {};
  return Error{ErrorCode::unavailable, what, "it changed while it was read", "it is read again"};
}

}  // namespace

std::uint64_t key_id_of(const Keys& keys) {
  return keys.attributes.of("key id");
}

std::uint64_t seed_of(const Keys& keys) {
  return keys.attributes.of("seed of the index");
}

Result<void> read_source(const SourceSpec& spec, const Keys& keys, Builder& out, const std::stop_token& stop) {
  const std::string what = action(spec);
  const Kind* kind = find_kind(spec.kind);
  if (kind == nullptr) return invalid(what, "unknown kind " + spec.kind, "use one of " + kind_names());
  const bool streamed = kind->read == &read_terraform_state;
  auto opened = open_source(spec.path, what, streamed ? max_streamed : max_whole);
  if (!opened) return opened.error();
  Result<void> done;
  if (streamed) {
    const int fd = opened->fd.get();
    done = stream_terraform_state(
        spec,
        [fd, what, stop](char* to, std::size_t size) -> Result<std::size_t> {
          if (stop.stop_requested()) return Error{ErrorCode::unavailable, what, "nobody waits for it any more", ""};
          return read_some(fd, to, size, what);
        },
        keys, out);
  } else {
    SecretText bytes(static_cast<std::size_t>(opened->status.st_size));
    const auto got = read_some(opened->fd.get(), bytes.text.data(), bytes.text.size(), what);
    if (!got) return got.error();
    done = kind->read(spec, std::string_view(bytes.text).substr(0, *got), keys, out);
  }
  if (auto unchanged = check_unchanged(*opened, what); !unchanged) return unchanged;
  return done;
}

Result<std::string> kind_of_file(const std::string& path) {
  const std::string what = "tell what " + path + " is";
  auto opened = open_source(path, what, max_streamed);
  if (!opened) return opened.error();
  SecretText head(std::min(head_size, static_cast<std::size_t>(opened->status.st_size)));
  const auto got = read_some(opened->fd.get(), head.text.data(), head.text.size(), what);
  if (!got) return got.error();
  const Kind* kind = guess_kind(path, std::string_view(head.text).substr(0, *got));
  if (kind == nullptr)
    return invalid(what, "it looks like no source that Plumbline reads", "say it with --source: " + kind_names());
  return std::string(kind->name);
}

Baseline baseline_of(const Index& index) {
  const auto source = index.source(0);
  Baseline baseline;
  baseline.name = source.spec.name;
  baseline.kind = source.spec.kind;
  baseline.path = source.spec.path;
  baseline.revision = source.revision;
  for (std::uint32_t i = 0; i < index.file_count(); ++i) baseline.files.push_back(index.file(i));
  for (std::uint32_t i = 0; i < index.skipped_count(); ++i) baseline.skipped.push_back(index.skipped(i));
  return baseline;
}

Result<void> compile(std::span<const SourceSpec> sources, const Keys& keys, const std::string& target,
                     IndexOptions options) {
  options.seed = seed_of(keys);
  const auto writer = IndexWriter::create(target, key_id_of(keys), options);
  for (const auto& spec : sources) {
    writer->begin_source(spec);
    if (auto done = read_source(spec, keys, *writer); !done) return done;
  }
  return writer->finish();
}

}  // namespace plumbline::baseline
