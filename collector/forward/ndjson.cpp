#include "collector/forward/ndjson.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "collector/forward/event.hpp"
#include "include/util/fd.hpp"

namespace plumbline::collector {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t digits = 20;

/// The number behind {"ledger_seq": at the beginning of a line that ndjson_line() wrote.
std::optional<std::uint64_t> seq_of_line(std::string_view line) {
  constexpr std::string_view prefix = "{\"ledger_seq\":";
  if (line.substr(0, prefix.size()) != prefix) return std::nullopt;
  std::uint64_t seq = 0;
  const char* begin = line.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), seq);
  if (error != std::errc() || end == begin) return std::nullopt;
  return seq;
}

struct Tail {
  std::uint64_t size = 0;  ///< up to and including the last newline
  std::uint64_t seq = 0;   ///< of the last whole line; 0 = no line of ours
};

/// Reads backwards until the last whole line is in hand.
Result<Tail> read_tail(int fd, std::uint64_t size, const std::string& path) {
  std::string text;
  std::uint64_t begin = size;
  for (;;) {
    const auto last = text.rfind('\n');
    if (last != std::string::npos) {
      const auto before = last == 0 ? std::string::npos : text.rfind('\n', last - 1);
      if (before != std::string::npos || begin == 0) {
        const std::size_t line = before == std::string::npos ? 0 : before + 1;
        const auto seq = seq_of_line(std::string_view(text).substr(line, last - line));
        return Tail{begin + last + 1, seq.value_or(0)};
      }
    }
    if (begin == 0) return Tail{};
    const std::uint64_t step = std::min<std::uint64_t>(begin, std::uint64_t{64} << 10);
    std::string chunk(step, '\0');
    begin -= step;
    for (std::size_t got = 0; got < step;) {
      const ssize_t n = ::pread(fd, chunk.data() + got, step - got, static_cast<off_t>(begin + got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return io_error("read the end of " + path, n < 0 ? errno : EIO);
      got += static_cast<std::size_t>(n);
    }
    text.insert(0, chunk);
  }
}

class NdjsonSink final : public Sink {
 public:
  explicit NdjsonSink(NdjsonOptions options) : options_(std::move(options)) {}

  // A group shares one fdatasync.
  SinkPace pace() const override { return {256, {}, {}}; }

  Result<std::uint64_t> open(std::uint64_t cursor, std::uint64_t ledger_end) override {
    file_.reset();
    last_seq_ = 0;
    auto opened = reopen();
    if (!opened) return opened.error();
    if (last_seq_ > ledger_end) {
      const auto moved = rename_to(options_.path + ".other-" + padded(last_seq_));
      if (!moved) return moved.error();
      last_seq_ = 0;
    }
    if (size_ == 0) {
      // Nothing in the file: a rotation may have been the last thing that happened.
      for (const auto& [seq, path] : set_aside())
        if (seq <= ledger_end) last_seq_ = std::max(last_seq_, seq);
    }
    return std::max(cursor, last_seq_);
  }

  Delivery deliver(std::span<const LedgerRecord> records) override {
    // A rotation by others (rename, copytruncate): the file of this name is another one now, or another size.
    if (file_ && !is_in_place()) file_.reset();
    if (!file_) {
      const auto opened = reopen();
      if (!opened) return Delivery::again(opened.error().message());
    }
    if (size_ >= options_.max_bytes) {
      const auto rotated = rotate();
      if (!rotated) return Delivery::again(rotated.error().message());
    }
    std::string text;
    std::uint64_t last = last_seq_;
    for (const auto& record : records) {
      if (record.seq <= last_seq_) continue;  // here already, from before a crash
      text += options_.format == Format::plumbline ? ndjson_line(record)
                                                   : ndjson_line(record, document(options_.format, record));
      last = record.seq;
    }
    const auto written = append(text);
    if (!written) return Delivery::again(written.error().message());
    last_seq_ = last;
    return Delivery::done(records.size());
  }

 private:
  Result<void> reopen() {
    Fd file(::open(options_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!file)
      return io_error(
          "open " + options_.path, errno,
          errno == ELOOP ? "name the file itself, not a symlink" : "check that its directory exists and is writable");
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return io_error("stat " + options_.path, errno);
    if (!S_ISREG(info.st_mode)) return invalid("open " + options_.path, "it is not a regular file", "name a file");
    const auto tail = read_tail(file.get(), static_cast<std::uint64_t>(info.st_size), options_.path);
    if (!tail) return tail.error();
    if (tail->size != static_cast<std::uint64_t>(info.st_size) &&
        ::ftruncate(file.get(), static_cast<off_t>(tail->size)) != 0)
      return io_error("cut a torn line off " + options_.path, errno);
    // What an earlier process wrote may still be in the page cache only; from here on it counts as delivered.
    if (::fdatasync(file.get()) != 0) return io_error("sync " + options_.path, errno);
    const auto synced = sync_directory();
    if (!synced) return synced;
    size_ = tail->size;
    last_seq_ = std::max(last_seq_, tail->seq);
    file_ = std::move(file);
    return {};
  }

  bool is_in_place() const {
    struct stat ours{}, named{};
    return ::fstat(file_.get(), &ours) == 0 && ::stat(options_.path.c_str(), &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino && std::cmp_equal(ours.st_size, size_);
  }

  Result<void> append(const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t n = ::pwrite(file_.get(), text.data() + done, text.size() - done, static_cast<off_t>(size_ + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return undo("write to " + options_.path, errno);
      done += static_cast<std::size_t>(n);
    }
    if (::fdatasync(file_.get()) != 0) return undo("sync " + options_.path, errno);
    size_ += text.size();
    return {};
  }

  /// After a failure nobody knows what is on the disk: cut back, and look again before the next write.
  Result<void> undo(std::string what, int failure) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) what += " (and cut it back)";
    file_.reset();
    return io_error(what, failure, "free space on its file system, or check the disk");
  }

  std::vector<std::pair<std::uint64_t, std::string>> set_aside() const {
    std::vector<std::pair<std::uint64_t, std::string>> found;
    const fs::path path(options_.path);
    const std::string prefix = path.filename().string() + ".";
    std::error_code error;
    for (fs::directory_iterator at(directory(), error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (name.size() != prefix.size() + digits || !name.starts_with(prefix)) continue;
      std::uint64_t seq = 0;
      const char* begin = name.data() + prefix.size();
      const auto [last, bad] = std::from_chars(begin, begin + digits, seq);
      if (bad == std::errc() && last == begin + digits) found.emplace_back(seq, at->path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Result<void> rotate() {
    const auto renamed = rename_to(options_.path + "." + padded(last_seq_));
    if (!renamed || options_.keep == 0) return renamed;
    const auto all = set_aside();
    for (std::size_t i = 0; i + options_.keep < all.size(); ++i) ::unlink(all[i].second.c_str());
    return {};
  }

  /// Sets the file aside in one step and begins a new one.
  Result<void> rename_to(const std::string& aside) {
    if (::rename(options_.path.c_str(), aside.c_str()) != 0)
      return io_error("set " + options_.path + " aside as " + aside, errno);
    file_.reset();
    return reopen();
  }

  static std::string padded(std::uint64_t seq) {
    const std::string number = std::to_string(seq);
    return std::string(digits - number.size(), '0') + number;
  }

  std::string directory() const {
    const std::string parent = fs::path(options_.path).parent_path().string();
    return parent.empty() ? "." : parent;
  }

  Result<void> sync_directory() const {
    const Fd fd(::open(directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return io_error("sync the directory " + directory(), errno);
    return {};
  }

  NdjsonOptions options_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::uint64_t last_seq_ = 0;  ///< highest ledger_seq known to be in the files
};

}  // namespace

Result<std::unique_ptr<Sink>> make_ndjson_sink(const NdjsonOptions& options) {
  const std::string parent = fs::path(options.path).parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  // Made where it is missing, as a log's folder is; where that fails, the look below says why.
  std::error_code ignored;
  fs::create_directories(directory, ignored);
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return io_error("use " + directory + " for " + options.path, errno,
                    "make the directory, writable for the collector");
  if (fs::is_directory(options.path, ignored))
    return invalid("write " + options.path, "it is a folder", "name a file in it");
  return std::unique_ptr<Sink>(std::make_unique<NdjsonSink>(options));
}

}  // namespace plumbline::collector
