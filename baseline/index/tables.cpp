#include "baseline/index/tables.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace plumbline::baseline::index {
namespace {

/// The file under its temporary name; removed again unless it was put in place.
struct Unfinished {
  std::string path;
  ~Unfinished() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

struct Output {
  int fd;
  XXH3_state_t* checksum;
  std::uint64_t at = 0;

  int write(const void* data, std::size_t size) {
    XXH3_64bits_update(checksum, data, size);
    at += size;
    for (const char* from = static_cast<const char*>(data); size > 0;) {
      const ssize_t done = ::write(fd, from, size);
      if (done < 0 && errno != EINTR) return errno;
      if (done > 0) {
        from += done;
        size -= static_cast<std::size_t>(done);
      }
    }
    return 0;
  }

  int copy(int from, std::uint64_t size) {
    std::vector<char> buffer(std::size_t{256} << 10);
    for (off_t offset = 0; std::cmp_less(offset, size);) {
      const ssize_t got = ::pread(from, buffer.data(), buffer.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno;
      if (got == 0) return EIO;
      if (const int error = write(buffer.data(), static_cast<std::size_t>(got)); error != 0) return error;
      offset += got;
    }
    return 0;
  }
};

int write_all(Output& out, const Header& header, const std::array<SectionFile, section_count>& sections) {
  if (const int error = out.write(&header, sizeof header); error != 0) return error;
  constexpr std::array<char, 8> padding{};
  for (std::uint32_t i = 0; i < section_count; ++i) {
    if (const int error = out.write(padding.data(), header.places[i].offset - out.at); error != 0) return error;
    if (const int error = out.copy(sections[i].fd(), header.places[i].size); error != 0) return error;
  }
  return 0;
}

}  // namespace

int bucket_bits(std::uint64_t entries) {
  return std::clamp(static_cast<int>(std::bit_width(entries)), 1, 31);
}

void write_table(std::vector<HashedRow>& rows, SectionFile& buckets, SectionFile& entries) {
  const int bits = bucket_bits(rows.size());
  const auto bucket = [bits](const HashedRow& row) { return row.high >> (32 - bits); };
  std::sort(rows.begin(), rows.end(), [](const HashedRow& a, const HashedRow& b) {
    return a.high != b.high ? a.high < b.high : a.low != b.low ? a.low < b.low : a.row < b.row;
  });
  std::uint32_t next = 0;
  for (std::uint64_t i = 0; i <= std::uint64_t{1} << bits; ++i) {
    while (next < rows.size() && bucket(rows[next]) < i) ++next;
    buckets.append_row(next);
  }
  for (const auto& row : rows) entries.append_row(TableEntry{row.low, row.row});
}

Result<void> write_whole(const std::string& target, const std::string& folder, Header header,
                         const std::array<SectionFile, section_count>& sections) {
  const std::string what = "write the index " + target;
  Unfinished unfinished{target + ".new"};
  const Fd fd(::open(unfinished.path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return io_error(what, errno);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> checksum(XXH3_createState(), &XXH3_freeState);
  if (checksum == nullptr) return Error{ErrorCode::unavailable, what, "not enough memory", ""};
  XXH3_64bits_reset(checksum.get());
  header.checksum = 0;
  Output out{fd.get(), checksum.get()};
  if (const int error = write_all(out, header, sections); error != 0)
    return io_error(what, error, "make room on the disk");
  header.checksum = XXH3_64bits_digest(checksum.get());
  if (::pwrite(fd.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) || ::fsync(fd.get()) != 0)
    return io_error(what, errno, "make room on the disk");
  if (::rename(unfinished.path.c_str(), target.c_str()) != 0) return io_error(what, errno);
  unfinished.path.clear();
  const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return {};
}

}  // namespace plumbline::baseline::index
