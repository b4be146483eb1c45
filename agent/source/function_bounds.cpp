#include "agent/source/function_bounds.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "agent/source/elf_window.hpp"

namespace plumbline::agent {
namespace {

// DW_EH_PE_…: "pcrel | sdata4", "udata4", "datarel | sdata4", which GNU ld, gold, lld and mold write.
struct Header {
  std::uint8_t version, pointer_form, count_form, table_form;
  std::int32_t frames;
  std::uint32_t count;
};
struct Row {
  std::int32_t start, description;  ///< from the header's own address
};
/// Frame description entry: its length, the way back to what is common, and what it describes.
struct Description {
  std::uint32_t length, common;
  std::int32_t start;  ///< from its own place
  std::uint32_t size;
};

constexpr std::uint64_t max_section = 64ULL << 20;
constexpr std::size_t max_ranges = 1'000'000;

template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::uint64_t moved(std::uint64_t address, std::int32_t by) {
  return address + static_cast<std::uint64_t>(static_cast<std::int64_t>(by));
}

}  // namespace

std::optional<FunctionBounds> FunctionBounds::of(const ElfFile& file) {
  for (const auto& segment : file.segments()) {
    if (segment.p_type != PT_GNU_EH_FRAME) continue;
    Header header{};
    if (segment.p_filesz < sizeof header || !file.read(segment.p_offset, bytes_of(header))) return std::nullopt;
    if (header.version != 1 || header.pointer_form != 0x1b || header.count_form != 0x03 || header.table_form != 0x3b ||
        header.count > (segment.p_filesz - sizeof header) / sizeof(Row))
      return std::nullopt;
    FunctionBounds bounds(file);
    bounds.address_ = segment.p_vaddr;
    bounds.rows_at_ = segment.p_offset + sizeof header;
    bounds.count_ = header.count;
    return bounds;
  }
  const auto* section = file.find_section(".eh_frame");
  if (section == nullptr || section->size > max_section) return std::nullopt;
  FunctionBounds bounds(file);
  bounds.read_descriptions(*section);
  if (bounds.ranges_.empty()) return std::nullopt;
  return bounds;
}

/// Those whose common part is that of C: version 1, "zR", addresses as "pcrel | sdata4". Others are left out. Of what
/// was read before, only the last common part is remembered: a linker keeps one of equal ones, and a stranger's file
/// may have as many as it has bytes.
void FunctionBounds::read_descriptions(const ElfFile::Section& section) {
  // Length, 0, version, "zR", alignment of code (1), of data (-8), return address (16), one byte more: the form.
  constexpr std::string_view wanted("\0\0\0\0\1zR\0\1\x78\x10\1\x1b", 13);
  std::optional<std::uint64_t> known;  // where the last common part begins
  bool is_of_c = false;
  const auto common = [&](std::uint64_t at) {
    if (known == at) return is_of_c;
    known = at;
    std::array<char, wanted.size()> found{};
    is_of_c = section.size - at >= 4 + found.size() &&
              file_->read(section.offset + at + 4, std::as_writable_bytes(std::span(found))) &&
              std::string_view(found.data(), found.size()) == wanted;
    return is_of_c;
  };
  Window descriptions(*file_, section.offset + section.size);
  for (std::uint64_t at = 0; at + sizeof(Description) <= section.size && ranges_.size() < max_ranges;) {
    Description description{};
    if (!descriptions.read(section.offset + at, bytes_of(description))) break;
    if (description.length == 0 || description.length > section.size - at - 4) break;  // the end, or a longer form
    if (description.common != 0 && description.common <= at + 4 && common(at + 4 - description.common)) {
      const auto start = moved(section.address + at + offsetof(Description, start), description.start);
      ranges_.push_back({start, start + description.size});
    }
    at += 4 + description.length;
  }
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> FunctionBounds::row(std::uint64_t number) const {
  Row row{};
  if (!file_->read(rows_at_ + number * sizeof row, bytes_of(row))) return std::nullopt;
  return std::pair{moved(address_, row.start), moved(address_, row.description)};
}

std::optional<FunctionBounds::Range> FunctionBounds::around(std::uint64_t address) const {
  if (!ranges_.empty()) {
    const auto behind = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                         [](std::uint64_t a, const Range& range) { return a < range.start; });
    if (behind == ranges_.begin() || address >= std::prev(behind)->end) return std::nullopt;
    return *std::prev(behind);
  }
  std::uint64_t low = 0, high = count_;  // the last row that does not begin behind it is in [low, high)
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto here = row(middle);
    if (!here) return std::nullopt;
    (here->first <= address ? low : high) = middle;
  }
  const auto found = count_ == 0 ? std::nullopt : row(low);
  const auto at = found ? file_->loaded_at(found->second) : std::nullopt;
  Description description{};
  if (!at || !file_->read(*at, bytes_of(description))) return std::nullopt;
  const std::uint64_t start = moved(found->second + offsetof(Description, start), description.start);
  if (start != found->first || address < start || address - start >= description.size) return std::nullopt;
  return Range{start, start + description.size};
}

}  // namespace plumbline::agent
