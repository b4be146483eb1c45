#include "agent/source/elf_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>

namespace plumbline::agent {
namespace {

constexpr std::size_t max_segments = 256;
constexpr std::size_t max_sections = 4096;         // a relocatable object may have more; what runs has some 40
constexpr std::uint64_t max_names = 1 << 20;       // bytes of section names
constexpr std::uint64_t max_table = 256ULL << 20;  // bytes of one table of symbols or strings
constexpr std::size_t chunk = 1 << 18;             // read at once
constexpr std::size_t max_needed = 256;
constexpr std::size_t max_name = 64;           // bytes of a section's name: those that are asked for have 23
constexpr std::size_t max_wanted = 4096;       // places of names that are asked for in one table of strings
constexpr std::uint64_t cost_of_call = 1024;   // in bytes: what reads little takes time too
constexpr std::uint64_t clock_step = 1 << 20;  // bytes: its clock is a system call
#if defined(__x86_64__)
constexpr std::uint16_t own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t own_machine = EM_AARCH64;
#endif

Error broken(const char* why) {
  return {ErrorCode::corrupt, "read an ELF file", why, ""};
}

template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::chrono::nanoseconds time_of_thread() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

ElfFile::ElfFile(int fd, std::uint64_t size, ElfLimits limits)
    : fd_(fd), size_(size), limits_(std::move(limits)), began_(time_of_thread()) {}

Result<ElfFile> ElfFile::open(int fd, ElfLimits limits) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return io_error("read an ELF file", errno);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::unsupported, "read an ELF file", "it is no file", ""};
  ElfFile file(fd, static_cast<std::uint64_t>(status.st_size), std::move(limits));
  if (auto read = file.read_tables(); !read) return read.error();
  return file;
}

bool ElfFile::is_within_limits(std::uint64_t bytes) const {
  if (why_ended_ != nullptr) return false;
  spent_ += bytes + cost_of_call;
  if (limits_.stop.stop_requested()) {
    why_ended_ = "the looking was ended";
  } else if (spent_ > limits_.bytes) {
    why_ended_ = "more of it would have to be read than of any program that is known";
  } else if (spent_ - looked_at_clock_ >= clock_step) {
    looked_at_clock_ = spent_;
    if (time_of_thread() - began_ > limits_.cpu)
      why_ended_ = "to look at it takes longer than any program that is known";
  }
  return why_ended_ == nullptr;
}

std::optional<Error> ElfFile::why_ended() const {
  if (why_ended_ == nullptr) return std::nullopt;
  const bool is_stopped = limits_.stop.stop_requested();
  return Error{is_stopped ? ErrorCode::unavailable : ErrorCode::corrupt, "look for TLS in an ELF file", why_ended_, ""};
}

bool ElfFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  if (offset > size_ || to.size() > size_ - offset || !is_within_limits(to.size())) return false;
  while (!to.empty()) {
    const ssize_t n = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;  // cut short meanwhile
    offset += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

Result<void> ElfFile::read_tables() {
  Elf64_Ehdr header{};
  if (!read(0, bytes_of(header)) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != own_machine || (header.e_type != ET_EXEC && header.e_type != ET_DYN))
    return Error{ErrorCode::unsupported, "read an ELF file", "it is no program or library of this machine", ""};
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > max_segments) return broken("its segments are none");
  segments_.resize(header.e_phnum);
  if (!read(header.e_phoff, std::as_writable_bytes(std::span(segments_)))) return broken("its segments are cut short");
  if (header.e_shnum == 0) return {};  // stripped of them, which is fine
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > max_sections || header.e_shstrndx >= header.e_shnum)
    return broken("its sections are none");
  std::vector<Elf64_Shdr> raw(header.e_shnum);
  if (!read(header.e_shoff, std::as_writable_bytes(std::span(raw)))) return broken("its sections are cut short");
  const Elf64_Shdr& of_names = raw[header.e_shstrndx];
  if (of_names.sh_size > max_names) return broken("its sections' names are too long");
  std::string names(of_names.sh_size, '\0');
  if (!read(of_names.sh_offset, std::as_writable_bytes(std::span(names))))
    return broken("its sections' names are cut short");
  for (const auto& section : raw) {
    Section& out = sections_.emplace_back();
    if (section.sh_name < names.size()) {
      const auto name = std::string_view(names).substr(section.sh_name, max_name);
      out.name = name.substr(0, name.find('\0'));
    }
    out.address = section.sh_addr;
    out.offset = section.sh_offset;
    out.size = section.sh_type == SHT_NOBITS ? 0 : section.sh_size;
    out.type = section.sh_type;
    out.link = section.sh_link;
  }
  return {};
}

const ElfFile::Section* ElfFile::find_section(std::string_view name) const {
  const auto at = std::find_if(sections_.begin(), sections_.end(), [&](const auto& s) { return s.name == name; });
  return at == sections_.end() ? nullptr : &*at;
}

std::optional<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const {
  return offset_in(PF_X, address);
}

std::optional<std::uint64_t> ElfFile::loaded_at(std::uint64_t address) const {
  return offset_in(0, address);
}

/// In a segment that has all of these flags.
std::optional<std::uint64_t> ElfFile::offset_in(std::uint32_t flags, std::uint64_t address) const {
  for (const auto& segment : segments_) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & flags) != flags) continue;
    if (address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) continue;
    const std::uint64_t offset = segment.p_offset + (address - segment.p_vaddr);
    if (offset < segment.p_offset || offset >= size_) return std::nullopt;
    return offset;
  }
  return std::nullopt;
}

Result<std::vector<ElfFile::Symbol>> ElfFile::find_functions(std::span<const std::string_view> names) const {
  std::vector<Symbol> found;
  for (const auto& section : sections_) {
    if (section.type != SHT_DYNSYM && section.type != SHT_SYMTAB) continue;
    if (section.link >= sections_.size()) return broken("its symbols have no names");
    if (auto searched = find_in(section, sections_[section.link], names, found); !searched) return searched.error();
  }
  return found;
}

/// The names first, then who has them: both tables go by in pieces, as either may be larger than all that we have. A
/// name may be the end of a longer one (the linker shares tails), so it may begin anywhere.
Result<void> ElfFile::find_in(const Section& symbols, const Section& strings, std::span<const std::string_view> names,
                              std::vector<Symbol>& found) const {
  if (symbols.size > max_table || strings.size > max_table) return broken("its tables of symbols are too large");
  std::size_t longest = 0;
  for (const auto name : names) longest = std::max(longest, name.size() + 1);
  std::map<std::uint64_t, std::string_view> wanted;  // offset in the table of strings
  std::string piece;
  for (std::uint64_t at = 0; at < strings.size;) {
    piece.resize(std::min<std::uint64_t>(chunk, strings.size - at));
    if (!read(strings.offset + at, std::as_writable_bytes(std::span(piece)))) return broken("its names are cut short");
    for (const auto name : names) {
      const std::string ended = std::string(name) + '\0';
      for (auto here = piece.find(ended); here != std::string::npos; here = piece.find(ended, here + 1))
        wanted[at + here] = name;
    }
    if (wanted.size() > max_wanted) return broken("it names one function too often");
    if (piece.size() < chunk) break;
    at += piece.size() - longest;  // a name may lie across the border
  }
  if (wanted.empty()) return {};
  std::vector<Elf64_Sym> rows(chunk / sizeof(Elf64_Sym));
  const std::uint64_t count = symbols.size / sizeof(Elf64_Sym);
  for (std::uint64_t first = 0; first < count; first += rows.size()) {
    const auto these = std::span(rows).first(std::min<std::uint64_t>(rows.size(), count - first));
    if (!read(symbols.offset + first * sizeof(Elf64_Sym), std::as_writable_bytes(these)))
      return broken("its symbols are cut short");
    for (const auto& row : these) {
      const unsigned type = ELF64_ST_TYPE(row.st_info);
      if ((type != STT_FUNC && type != STT_GNU_IFUNC) || row.st_shndx == SHN_UNDEF || row.st_value == 0) continue;
      const auto name = wanted.find(row.st_name);
      if (name == wanted.end()) continue;
      const bool known = std::any_of(found.begin(), found.end(), [&](const Symbol& symbol) {
        return symbol.name == name->second && symbol.address == row.st_value;
      });
      if (!known) found.push_back({std::string(name->second), row.st_value, row.st_size});
    }
    if (found.size() > 64 * names.size()) return broken("it defines one function too often");
  }
  return {};
}

std::vector<std::string> ElfFile::needed() const {
  std::vector<std::string> libraries;
  const Section* dynamic = find_section(".dynamic");
  if (dynamic == nullptr || dynamic->type != SHT_DYNAMIC || dynamic->link >= sections_.size()) return libraries;
  const Section& strings = sections_[dynamic->link];
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic->size && libraries.size() < max_needed;
       at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry{};
    if (!read(dynamic->offset + at, bytes_of(entry)) || entry.d_tag == DT_NULL) break;
    if (entry.d_tag != DT_NEEDED || entry.d_un.d_val >= strings.size) continue;
    std::string name(std::min<std::uint64_t>(256, strings.size - entry.d_un.d_val), '\0');
    if (!read(strings.offset + entry.d_un.d_val, std::as_writable_bytes(std::span(name)))) break;
    libraries.emplace_back(name.c_str());
  }
  return libraries;
}

}  // namespace plumbline::agent
