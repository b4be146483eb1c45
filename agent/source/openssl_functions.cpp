#include "agent/source/openssl_functions.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "agent/source/function_bounds.hpp"
#include "agent/source/register_values.hpp"

namespace plumbline::agent {
namespace {

constexpr std::string_view source_file = "ssl/ssl_lib.c";  // behind it: the end, or "c" (BoringSSL and AWS-LC)
constexpr std::size_t longest_path = 512;                  // of a builder's folders before it
constexpr std::size_t piece = 1 << 20;                     // read at once
constexpr std::size_t max_paths = 16;
constexpr std::size_t max_uses = 4096;               // of the path, in code: OpenSSL 4.0 has 400
constexpr std::uint64_t max_body = 64 << 10;         // bytes of a function
constexpr std::uint64_t max_segment = 256ULL << 20;  // bytes of one that is looked through
constexpr std::uint64_t library = 20;                // ERR_LIB_SSL

enum Role : std::uint8_t { write_inner, read_inner, write_outer, read_outer, make, roles };
/// Names since 3.0, and numbers of 1.1.1 (SSL_F_… of openssl/sslerr.h).
struct Name {
  std::string_view name;
  std::uint64_t number;
};
constexpr std::array<Name, roles> names{
    {{"ssl_write_internal", 524}, {"ssl_read_internal", 523}, {"SSL_write", 208}, {"SSL_read", 223}, {"SSL_new", 186}}};

Error unsure(const char* why) {
  return {ErrorCode::unsupported, "find OpenSSL's functions in a program without symbols", why, ""};
}

/// Addresses from which a text ends with the file's name.
struct Path {
  std::uint64_t first = 0, last = 0;
  bool is_openssl = false;
  bool holds(std::uint64_t address) const { return address >= first && address <= last; }
};

/// No linker makes these; so the same bytes would be looked through once for each segment.
bool do_segments_overlap(const ElfFile& file) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& segment : file.segments())
    if (segment.p_type == PT_LOAD && segment.p_filesz != 0) ranges.emplace_back(segment.p_offset, segment.p_filesz);
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first - ranges[i - 1].first < ranges[i - 1].second) return true;
  return false;
}

/// Hands over what segments hold, in pieces that overlap by `overlap` bytes; false ends it.
void for_each_piece(const ElfFile& file, std::size_t overlap, const auto& wants, const auto& tell) {
  std::vector<std::byte> bytes;
  for (const auto& segment : file.segments()) {
    if (segment.p_type != PT_LOAD || !wants(segment.p_flags)) continue;
    const std::uint64_t size = std::min(segment.p_filesz, max_segment);
    for (std::uint64_t at = 0; at < size; at += piece - overlap) {
      bytes.resize(std::min<std::uint64_t>(piece, size - at));
      if (!file.read(segment.p_offset + at, bytes) || !tell(segment.p_vaddr + at, std::span<const std::byte>(bytes)))
        return;
      if (bytes.size() < piece) break;
    }
  }
}

std::vector<Path> find_paths(const ElfFile& file) {
  std::map<std::uint64_t, Path> found;  // by where it ends
  for_each_piece(
      file, longest_path, [](std::uint32_t flags) { return (flags & PF_W) == 0; },
      [&](std::uint64_t address, std::span<const std::byte> bytes) {
        const auto* const begin = reinterpret_cast<const char*>(bytes.data());
        const auto* const end = begin + bytes.size();
        for (const auto* at = begin; at < end; at += source_file.size()) {
          at = static_cast<const char*>(
              ::memmem(at, static_cast<std::size_t>(end - at), source_file.data(), source_file.size()));
          if (at == nullptr) break;
          const auto* const behind = at + source_file.size();
          const bool is_openssl = behind < end && *behind == '\0';
          const bool is_other = behind + 1 < end && behind[0] == 'c' && behind[1] == '\0';
          if (!is_openssl && !is_other) continue;
          const auto* first = at;
          while (first > begin && at - first < static_cast<std::ptrdiff_t>(longest_path) && first[-1] > ' ') --first;
          const std::uint64_t last = address + static_cast<std::uint64_t>(at - begin);
          Path path{address + static_cast<std::uint64_t>(first - begin), last, is_openssl};
          const auto [known, is_new] = found.try_emplace(last, path);
          if (!is_new) known->second.first = std::min(known->second.first, path.first);
        }
        return found.size() <= max_paths;
      });
  std::vector<Path> paths;
  for (const auto& [last, path] : found) paths.push_back(path);
  return paths;
}

/// Places in code that name one of the paths, as an address of their own or by the distance to it.
std::vector<std::uint64_t> find_uses(const ElfFile& file, const std::vector<Path>& paths) {
  std::vector<std::uint64_t> uses;
  const std::uint64_t lowest = paths.front().first, span = paths.back().last - lowest;
  for_each_piece(
      file, sizeof(std::int32_t), [](std::uint32_t flags) { return (flags & PF_X) != 0; },
      [&](std::uint64_t address, std::span<const std::byte> bytes) {
        for (std::size_t at = 0; at + sizeof(std::int32_t) <= bytes.size(); ++at) {
          std::int32_t value = 0;
          std::memcpy(&value, &bytes[at], sizeof value);
          const auto distance = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
          const std::uint64_t relative = address + at + sizeof value + distance;
          for (const std::uint64_t named : {relative, distance})
            if (named - lowest <= span &&
                std::any_of(paths.begin(), paths.end(), [&](const Path& path) { return path.holds(named); }))
              uses.push_back(address + at);
        }
        return uses.size() <= max_uses;
      });
  return uses;
}

/// Whether something calls what begins there: the moved-away part of a function is only jumped to.
bool is_called(const ElfFile& file, std::uint64_t function) {
  bool found = false;
  for_each_piece(
      file, 5, [](std::uint32_t flags) { return (flags & PF_X) != 0; },
      [&](std::uint64_t address, std::span<const std::byte> bytes) {
        for (std::size_t at = 0; at + 5 <= bytes.size() && !found; ++at) {
          if (bytes[at] != std::byte{0xe8}) continue;  // call, by the distance from its end
          std::int32_t distance = 0;
          std::memcpy(&distance, &bytes[at + 1], sizeof distance);
          found = address + at + 5 + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance)) == function;
        }
        return !found;
      });
  return found;
}

/// A function that says who it is.
struct Spoken {
  FunctionBounds::Range range;
  std::uint64_t first_line = 0, last_line = 0;  // 0: compilers join what differs in the line alone
  std::uint64_t reported_to = 0;                ///< the function for errors
};

class Search {
 public:
  Search(const ElfFile& file, const std::vector<Path>& paths) : file_(file), paths_(paths) {}

  /// False: what is found contradicts itself.
  bool read(const FunctionBounds::Range& range) {
    bool agrees = true;
    for_each_call(file_, range.start, range.end, [&](std::uint64_t callee, const RegisterValues& registers) {
      std::uint64_t line = 0;
      const auto role = role_of(registers, line);
      if (!role) return;
      auto& spoken = found_[*role];
      if (spoken.range.start == 0) spoken = {range, line, line, callee};
      agrees &= spoken.range.start == range.start && spoken.reported_to == callee;
      if (line == 0) return;
      spoken.first_line = spoken.first_line == 0 ? line : std::min(spoken.first_line, line);
      spoken.last_line = std::max(spoken.last_line, line);
    });
    return agrees;
  }

  Result<std::optional<OpensslFunctions>> judge() const {
    for (const auto& spoken : found_)
      if (spoken.range.start == 0) return unsure("not all of them say who they are");
    std::set<std::uint64_t> starts;
    for (const auto& spoken : found_) {
      starts.insert(spoken.range.start);
      if (spoken.reported_to != found_[0].reported_to) return unsure("they report errors to different functions");
    }
    if (starts.size() != found_.size()) return unsure("one was built into another");
    // ssl_lib.c has them in this order.
    constexpr std::array order{make, read_inner, read_outer, write_inner, write_outer};
    std::uint64_t line = 0;
    for (const Role each : order) {
      if (found_[each].first_line == 0) continue;
      if (found_[each].first_line <= line) return unsure("they stand in another order than their source");
      line = found_[each].last_line;
    }
    const auto write_call = handed_on(found_[write_outer], found_[write_inner]);
    const auto read_call = handed_on(found_[read_outer], found_[read_inner]);
    if (!write_call || !read_call || *read_call != CAPTURE_C_EX)
      return unsure("what they hand on is not where it is known to be");
    if (!is_called(file_, found_[make].range.start)) return unsure("nothing calls SSL_new() where it would begin");
    const auto symbol = [&](Role role) {
      const auto& range = found_[role].range;
      return ElfFile::Symbol{std::string(names[role].name), range.start, range.end - range.start};
    };
    return std::optional(OpensslFunctions{symbol(write_inner), symbol(read_inner), symbol(make), *write_call});
  }

 private:
  bool is_path(const RegisterValue& value) const {
    return value.kind == RegisterValue::number && std::any_of(paths_.begin(), paths_.end(), [&](const Path& path) {
             return path.is_openssl && path.holds(value.value);
           });
  }

  /// Of who calls ERR_set_debug(file, line, function) or ERR_put_error(library, function, reason, file, line) so.
  std::optional<Role> role_of(const RegisterValues& registers, std::uint64_t& line) const {
    const auto rdi = registers.of(ZYDIS_REGISTER_RDI), rsi = registers.of(ZYDIS_REGISTER_RSI),
               rdx = registers.of(ZYDIS_REGISTER_RDX), rcx = registers.of(ZYDIS_REGISTER_RCX),
               r8 = registers.of(ZYDIS_REGISTER_R8);
    if (is_path(rdi) && rdx.kind == RegisterValue::number) {
      line = rsi.kind == RegisterValue::number ? rsi.value : 0;
      for (std::size_t i = 0; i < names.size(); ++i)
        if (stands_at(rdx.value, names[i].name)) return static_cast<Role>(i);
    }
    if (is_path(rcx) && rdi == RegisterValue{RegisterValue::number, library} && rsi.kind == RegisterValue::number) {
      line = r8.kind == RegisterValue::number ? r8.value : 0;
      for (std::size_t i = 0; i < names.size(); ++i)
        if (rsi.value == names[i].number) return static_cast<Role>(i);
    }
    return std::nullopt;
  }

  bool stands_at(std::uint64_t address, std::string_view name) const {
    std::array<char, 32> text{};
    const auto offset = file_.loaded_at(address);
    const auto whole = std::span(text).first(name.size() + 1);
    return offset && file_.read(*offset, std::as_writable_bytes(whole)) && std::string_view(whole.data()) == name;
  }

  /// How `outer` gives its own three arguments and the address of a count to `inner`; nullopt where it does anything
  /// else with it.
  std::optional<capture_call> handed_on(const Spoken& outer, const Spoken& inner) const {
    std::optional<capture_call> how;
    std::size_t calls = 0;
    for_each_call(file_, outer.range.start, outer.range.end,
                  [&](std::uint64_t callee, const RegisterValues& registers) {
                    if (callee != inner.range.start) return;
                    ++calls;
                    const std::array passed{ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX};
                    for (std::size_t i = 0; i < passed.size(); ++i)
                      if (registers.of(passed[i]) != RegisterValue{RegisterValue::argument, i}) return;
                    const auto fourth = registers.of(ZYDIS_REGISTER_RCX), fifth = registers.of(ZYDIS_REGISTER_R8);
                    if (fourth.kind == RegisterValue::stack && fifth.kind != RegisterValue::stack) how = CAPTURE_C_EX;
                    if (fourth == RegisterValue{RegisterValue::number, 0} && fifth.kind == RegisterValue::stack)
                      how = CAPTURE_C_EX2;  // the fourth are flags
                  });
    return calls == 1 ? how : std::nullopt;
  }

  const ElfFile& file_;
  const std::vector<Path>& paths_;
  std::array<Spoken, roles> found_{};
};

}  // namespace

Result<std::optional<OpensslFunctions>> find_openssl_without_symbols(const ElfFile& file) {
  const auto bounds = FunctionBounds::of(file);
  if (!bounds) return std::optional<OpensslFunctions>();
  if (do_segments_overlap(file)) return unsure("its segments overlap");
  const auto paths = find_paths(file);
  if (paths.empty()) return std::optional<OpensslFunctions>();
  const auto uses = find_uses(file, paths);
  if (uses.empty()) return std::optional<OpensslFunctions>();  // a text that nothing uses
  if (uses.size() > max_uses || paths.size() > max_paths) return unsure("more of it names OpenSSL than OpenSSL has");
  if (std::none_of(paths.begin(), paths.end(), [](const Path& path) { return path.is_openssl; }))
    return unsure("it is BoringSSL or AWS-LC, whose functions do not say who they are");
  Search search(file, paths);
  std::map<std::uint64_t, std::uint64_t> functions;
  for (const auto use : uses)
    if (const auto range = bounds->around(use)) functions.emplace(range->start, range->end);
  for (const auto& [start, end] : functions)
    if (end - start <= max_body && !search.read({start, end})) return unsure("one of them was built into another");
  return search.judge();
}

}  // namespace plumbline::agent
