#include "baseline/index/tables.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

namespace plumbline::baseline::index {
namespace {

constexpr const char* compile_again = "compile the index again from its sources";

/// The file while it is written; removed again unless it was put in place.
struct Unfinished {
  std::string path;
  ~Unfinished() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

/// Gathers what is written: a small index, of which a node may have thousands, is one write. Errors are errnos, and the
/// first one stays.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) { XXH3_64bits_reset(checksum_.get()); }

  void put(std::span<const std::byte> bytes) {
    XXH3_64bits_update(checksum_.get(), bytes.data(), bytes.size());
    size_ += bytes.size();
    if (buffer_.size() + bytes.size() > most_in_memory) flush();
    if (bytes.size() > most_in_memory)
      write(bytes);
    else
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }

  /// Puts the header, now with its checksum, in the place of the one at the front.
  int finish(Header header) {
    header.checksum = XXH3_64bits_digest(checksum_.get());
    const bool is_in_memory = buffer_.size() == size_;
    const std::size_t size = header_size(header.section_count);
    if (is_in_memory) std::memcpy(buffer_.data(), &header, size);
    flush();
    if (error_ == 0 && !is_in_memory && ::pwrite(fd_, &header, size, 0) != static_cast<ssize_t>(size)) error_ = errno;
    return error_;
  }

  std::uint64_t size() const { return size_; }
  int error() const { return error_; }

 private:
  static constexpr std::size_t most_in_memory = std::size_t{256} << 10;

  void flush() {
    write(buffer_);
    buffer_.clear();
  }
  void write(std::span<const std::byte> bytes) {
    while (error_ == 0 && !bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno != EINTR) error_ = errno;
      if (done > 0) bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
  }

  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  int fd_;
  std::unique_ptr<XXH3_state_t, Free> checksum_{XXH3_createState()};
  std::vector<std::byte> buffer_;
  std::uint64_t size_ = 0;
  int error_ = 0;
};

int write_all(Output& out, Header header, const std::array<SectionFile, section_count>& sections) {
  header.checksum = 0;
  out.put(std::as_bytes(std::span(&header, 1)).first(header_size(header.section_count)));
  constexpr std::array<std::byte, 8> padding{};
  for (std::uint32_t i = 0; i < header.section_count && out.error() == 0; ++i) {
    out.put(std::span(padding).first(header.places[i].offset - out.size()));
    const auto put = [&out](std::span<const std::byte> bytes) {
      out.put(bytes);
      return out.error();
    };
    if (const int error = sections[i].copy_to(put); error != 0) return error;
  }
  return out.finish(header);
}

/// `path` becomes where it is written: beside the target, or in its place at once where nothing is there that somebody
/// may have mapped, and where half of it may be found there after a power cut anyway.
Fd open_new(const std::string& target, bool synced, std::string& path) {
  constexpr int flags = O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  path = target;
  Fd fd(synced ? -1 : ::open(path.c_str(), flags | O_EXCL, 0600));
  if (fd || (!synced && errno != EEXIST)) return fd;
  path += ".new";
  return Fd(::open(path.c_str(), flags | O_TRUNC, 0600));
}

}  // namespace

int bucket_bits(std::uint64_t entries) {
  return std::clamp(static_cast<int>(std::bit_width(entries)) - 2, 1, 31);
}

void write_table(const std::vector<HashedRow>& rows, SectionFile& buckets, SectionFile& entries) {
  const int bits = bucket_bits(rows.size());
  const auto bucket = [bits](const HashedRow& row) { return row.high >> (32 - bits); };
  // Counted first, so that each row is put straight into its place: sorting them takes ten times as long.
  std::vector<std::uint32_t> ends((std::size_t{1} << bits) + 1);
  for (const auto& row : rows) ++ends[bucket(row) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  buckets.append(std::as_bytes(std::span(ends)));
  std::vector<TableEntry> placed(rows.size());
  for (const auto& row : rows) placed[ends[bucket(row)]++] = {row.low, row.row};
  entries.append(std::as_bytes(std::span(placed)));
}

Result<void> write_whole(const std::string& target, const std::string& folder, const Header& header,
                         const std::array<SectionFile, section_count>& sections, bool synced) {
  const std::string what = "write the index " + target;
  Unfinished unfinished;
  const Fd fd = open_new(target, synced, unfinished.path);
  if (!fd) return io_error(what, errno);
  Output out(fd.get());
  if (const int error = write_all(out, header, sections); error != 0)
    return io_error(what, error, "make room on the disk");
  if (synced && ::fsync(fd.get()) != 0) return io_error(what, errno, "make room on the disk");
  if (unfinished.path != target && ::rename(unfinished.path.c_str(), target.c_str()) != 0) return io_error(what, errno);
  unfinished.path.clear();
  if (!synced) return {};
  const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return {};
}

Error shorter_than_head(const std::string& path) {
  return {ErrorCode::corrupt, "open the index " + path, "shorter than its head", compile_again};
}

Result<void> check_whole(const std::string& path, std::span<const std::byte> bytes) {
  const std::string what = "open the index " + path;
  Header header{};
  if (bytes.size() < header_size(sections_of(version))) return shorter_than_head(path);
  std::memcpy(&header, bytes.data(), header_size(sections_of(version)));
  if (header.magic != magic) return invalid(what, "not an index of Plumbline", "name a file that `compile` made");
  if ((header.version != version && header.version != version_with_containers) ||
      header.section_count != sections_of(header.version))
    return Error{ErrorCode::unsupported, what, "made by another version of Plumbline", compile_again};
  const std::size_t size = header_size(header.section_count);
  if (bytes.size() < size) return shorter_than_head(path);
  std::memcpy(&header, bytes.data(), size);
  if (header.file_size != bytes.size())
    return Error{ErrorCode::corrupt, what, "not as long as its head says: written halfway, or cut", compile_again};
  for (const auto& place : header.places)
    if (place.offset % 8 != 0 || place.offset > bytes.size() || place.size > bytes.size() - place.offset)
      return Error{ErrorCode::corrupt, what, "a part lies outside of the file", compile_again};
  const std::uint64_t said = std::exchange(header.checksum, 0);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> sum(XXH3_createState(), &XXH3_freeState);
  if (sum == nullptr) return Error{ErrorCode::unavailable, what, "not enough memory", ""};
  XXH3_64bits_reset(sum.get());
  XXH3_64bits_update(sum.get(), &header, size);
  XXH3_64bits_update(sum.get(), bytes.data() + size, bytes.size() - size);
  if (XXH3_64bits_digest(sum.get()) != said)
    return Error{ErrorCode::corrupt, what, "its checksum does not fit: the file was damaged", compile_again};
  return {};
}

}  // namespace plumbline::baseline::index
