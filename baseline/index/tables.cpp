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

  int write(std::span<const std::byte> bytes) {
    XXH3_64bits_update(checksum, bytes.data(), bytes.size());
    at += bytes.size();
    while (!bytes.empty()) {
      const ssize_t done = ::write(fd, bytes.data(), bytes.size());
      if (done < 0 && errno != EINTR) return errno;
      if (done > 0) bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return 0;
  }
};

int write_all(Output& out, const Header& header, const std::array<SectionFile, section_count>& sections) {
  if (const int error = out.write(std::as_bytes(std::span(&header, 1))); error != 0) return error;
  constexpr std::array<std::byte, 8> padding{};
  for (std::uint32_t i = 0; i < section_count; ++i) {
    const auto gap = std::span(padding).first(header.places[i].offset - out.at);
    if (const int error = out.write(gap); error != 0) return error;
    const auto write = [&out](std::span<const std::byte> bytes) { return out.write(bytes); };
    if (const int error = sections[i].copy_to(write); error != 0) return error;
  }
  return 0;
}

}  // namespace

int bucket_bits(std::uint64_t entries) {
  return std::clamp(static_cast<int>(std::bit_width(entries)) - 2, 1, 31);
}

void write_table(std::vector<HashedRow> rows, SectionFile& buckets, SectionFile& entries) {
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

Result<void> write_whole(const std::string& target, const std::string& folder, Header header,
                         const std::array<SectionFile, section_count>& sections, bool synced) {
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
  if (::pwrite(fd.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
      (synced && ::fsync(fd.get()) != 0))
    return io_error(what, errno, "make room on the disk");
  if (::rename(unfinished.path.c_str(), target.c_str()) != 0) return io_error(what, errno);
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
  Header header;
  if (bytes.size() < sizeof header) return shorter_than_head(path);
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != magic) return invalid(what, "not an index of Plumbline", "name a file that `compile` made");
  if (header.version != version || header.section_count != section_count)
    return Error{ErrorCode::unsupported, what, "made by another version of Plumbline", compile_again};
  if (header.file_size != bytes.size())
    return Error{ErrorCode::corrupt, what, "not as long as its head says: written halfway, or cut", compile_again};
  for (const auto& place : header.places)
    if (place.offset % 8 != 0 || place.offset > bytes.size() || place.size > bytes.size() - place.offset)
      return Error{ErrorCode::corrupt, what, "a part lies outside of the file", compile_again};
  const std::uint64_t said = std::exchange(header.checksum, 0);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> sum(XXH3_createState(), &XXH3_freeState);
  if (sum == nullptr) return Error{ErrorCode::unavailable, what, "not enough memory", ""};
  XXH3_64bits_reset(sum.get());
  XXH3_64bits_update(sum.get(), &header, sizeof header);
  XXH3_64bits_update(sum.get(), bytes.data() + sizeof header, bytes.size() - sizeof header);
  if (XXH3_64bits_digest(sum.get()) != said)
    return Error{ErrorCode::corrupt, what, "its checksum does not fit: the file was damaged", compile_again};
  return {};
}

}  // namespace plumbline::baseline::index
