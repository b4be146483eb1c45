#include "agent/source/go_functions.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "agent/source/elf_window.hpp"
#include "agent/source/machine_code.hpp"
#include "agent/source/tls_functions.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint32_t magic_118 = 0xfffffff0, magic_120 = 0xfffffff1, magic_116 = 0xfffffffa;
constexpr std::uint64_t max_functions = 4'000'000;  // terraform-provider-aws, the largest that we know, has 1.3 million
constexpr std::uint64_t max_body = 64 << 10;        // bytes of one function: (*Conn).Read has 1 KiB
constexpr std::size_t window = 1 << 18;
/// In this order everywhere here.
constexpr std::array<std::string_view, 3> wanted{"crypto/tls.(*Conn).Write", "crypto/tls.(*Conn).Read",
                                                 "crypto/tls.(*Conn).Close"};

/// runtime.pcHeader since Go 1.18.
struct PcHeader {
  std::uint32_t magic;
  std::uint8_t zero[2];
  std::uint8_t min_instruction;
  std::uint8_t pointer_size;
  std::uint64_t functions;
  std::uint64_t files;
  std::uint64_t text_start;  ///< 0 since Go 1.26
  std::uint64_t names;       ///< offset from here, as are the next
  std::uint64_t units;
  std::uint64_t file_table;
  std::uint64_t pc_table;
  std::uint64_t function_table;
};
struct FunctionEntry {
  std::uint32_t entry;  ///< from the start of the text
  std::uint32_t info;   ///< of its runtime._func, from the start of the function table
};

template <class T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

Error broken(const char* why) {
  return {ErrorCode::corrupt, "read Go's table of functions", why, ""};
}

/// The address that stands at `address` once the program is loaded: a position-independent one has it in its
/// relocations (R_X86_64_RELATIVE: the addend).
std::uint64_t pointer_at(const ElfFile& file, const ElfFile::Section& section, std::uint64_t address) {
  std::uint64_t value = 0;
  if (address < section.address || address - section.address + sizeof value > section.size ||
      !file.read(section.offset + (address - section.address), bytes_of(value)))
    return 0;
  if (value != 0) return value;
  const auto* relocations = file.find_section(".rela.dyn");
  if (relocations == nullptr) relocations = file.find_section(".rela");
  if (relocations == nullptr) return 0;
  Window rows(file, relocations->offset + relocations->size);
  for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= relocations->size; at += sizeof(Elf64_Rela)) {
    Elf64_Rela row{};
    if (!rows.read(relocations->offset + at, bytes_of(row))) break;
    if (row.r_offset == address && ELF64_R_TYPE(row.r_info) == R_X86_64_RELATIVE)
      return static_cast<std::uint64_t>(row.r_addend);
  }
  return 0;
}

/// Where Go's text begins. It is not where the section does in a program with C in it.
std::uint64_t text_start(const ElfFile& file, const ElfFile::Section& table, const PcHeader& header) {
  if (header.text_start != 0) return header.text_start;
  if (const auto at = pointer_at(file, table, table.address + offsetof(PcHeader, text_start)); at != 0) return at;
  // runtime.moduledata: pcHeader, six slices, findfunctab, minpc, maxpc, text (runtime/symtab.go of Go 1.26).
  constexpr std::uint64_t text_member = 8 + 6 * 24 + 3 * 8;
  if (const auto* module = file.find_section(".go.module"))
    return pointer_at(file, *module, module->address + text_member);
  return 0;
}

struct Body {
  std::uint64_t start = 0, end = 0;  ///< addresses
  std::uint64_t size() const { return end - start; }
};

/// Every RET of the function; empty where it cannot be read as instructions from its beginning to its end.
std::vector<std::uint64_t> returns_of(const ElfFile& file, const Body& body) {
  std::vector<std::uint64_t> found;
  const auto offset = file.offset_of(body.start);
  std::vector<std::byte> code(body.size());
  if (!offset || !file.read(*offset, code)) return found;
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  for (std::size_t at = 0; at < code.size();) {
    ZydisDecodedInstruction instruction;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at, code.size() - at, &instruction)))
      return {};
    if (instruction.mnemonic == ZYDIS_MNEMONIC_RET) found.push_back(*offset + at);
    at += instruction.length;
  }
  return found;
}

/// Whether what stands there asks for a larger stack and begins the function anew.
bool begins_anew(const ElfFile& file, const Body& body, std::uint64_t address) {
  if (address <= body.start || address >= body.end) return false;
  constexpr int most = 32;  // instructions: the registers with arguments are kept before, and taken again behind
  Code code(file, address, body.end - address);
  bool has_called = false;
  for (int i = 0; i < most; ++i) {
    const auto at = code.next();
    if (!at) return false;
    if (at->is(ZYDIS_MNEMONIC_JMP)) return has_called && at->target() == body.start;
    has_called |= at->is(ZYDIS_MNEMONIC_CALL);
  }
  return false;
}

/// Behind the check whether the stack has room (stacksplit() of cmd/internal/obj/x86): where it has none, a probe at
/// the function's very beginning would see one call twice.
std::uint64_t behind_stack_check(const ElfFile& file, const Body& body) {
  constexpr int most = 8;  // instructions: three for usual frames, five for huge ones
  std::uint64_t place = body.start;
  Code code(file, body.start, std::min<std::uint64_t>(body.size(), most * ZYDIS_MAX_INSTRUCTION_LENGTH));
  for (int i = 0; i < most; ++i) {
    const auto at = code.next();
    if (!at) break;
    if (at->what.meta.category == ZYDIS_CATEGORY_COND_BR) {
      const auto to = at->target();
      if (!to || !begins_anew(file, body, *to)) break;
      place = at->end();
    } else if (at->branches() || at->writes(ZYDIS_REGISTER_RSP) || at->writes(ZYDIS_REGISTER_RAX) ||
               at->writes(ZYDIS_REGISTER_RBX) || at->writes(ZYDIS_REGISTER_RCX)) {
      break;
    }
  }
  return place;
}

/// Offsets of the names in the table of names; 0 where one is missing (at 0 stands the empty name).
std::array<std::uint64_t, wanted.size()> find_names(const ElfFile& file, std::uint64_t begin, std::uint64_t end) {
  std::array<std::uint64_t, wanted.size()> found{};
  std::string piece;
  for (std::uint64_t at = begin; at < end;) {
    piece.resize(std::min<std::uint64_t>(window, end - at));
    if (!file.read(at, std::as_writable_bytes(std::span(piece)))) break;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::string whole = std::string(1, '\0') + std::string(wanted[i]) + '\0';
      if (const auto here = piece.find(whole); here != std::string::npos) found[i] = at - begin + here + 1;
    }
    if (piece.size() < window) break;
    at += piece.size() - 64;  // a name may lie across the border
  }
  return found;
}

}  // namespace

Result<std::vector<TlsHook>> find_go_hooks(const ElfFile& file) {
  std::vector<TlsHook> hooks;
  const ElfFile::Section* table = file.find_section(".gopclntab");
  if (table == nullptr) table = file.find_section(".data.rel.ro.gopclntab");
  if (table == nullptr) return hooks;
  PcHeader header{};
  if (table->size < sizeof header || !file.read(table->offset, bytes_of(header))) return broken("it is cut short");
  if (header.magic == magic_116)
    return Error{ErrorCode::unsupported, "hook a Go program", "its Go is older than 1.18", ""};
  if ((header.magic != magic_118 && header.magic != magic_120) || header.pointer_size != 8)
    return Error{ErrorCode::unsupported, "hook a Go program", "its table of functions has a layout that is not known",
                 ""};
  const std::uint64_t end = table->size;
  if (header.functions > max_functions || header.names >= header.units || header.units > end ||
      header.function_table >= end || header.functions * sizeof(FunctionEntry) > end - header.function_table)
    return broken("it points outside itself");
  const auto names = find_names(file, table->offset + header.names, table->offset + header.units);
  if (names[0] == 0 && names[1] == 0) return hooks;  // no crypto/tls, or none that is called
  const std::uint64_t text = text_start(file, *table, header);
  if (text == 0) return Error{ErrorCode::unsupported, "hook a Go program", "where its text begins is not known", ""};

  std::array<Body, wanted.size()> bodies{};
  Window entries(file, table->offset + table->size), infos(file, table->offset + table->size);
  const std::uint64_t functions = table->offset + header.function_table;
  for (std::uint64_t i = 0; i < header.functions; ++i) {
    std::array<FunctionEntry, 2> pair{};  // it and the next; behind the last one is the end of the text
    const std::uint64_t at = functions + i * sizeof(FunctionEntry);
    const bool last = i + 1 == header.functions;
    if (!entries.read(at, std::as_writable_bytes(std::span(pair).first(1))) ||
        !entries.read(at + sizeof(FunctionEntry),
                      bytes_of(pair[1]).first(last ? sizeof(std::uint32_t) : sizeof(FunctionEntry))))
      return broken("it is cut short");
    std::array<std::uint32_t, 2> info{};  // runtime._func: entryOff, nameOff
    if (!infos.read(functions + pair[0].info, bytes_of(info))) return broken("a function's description is cut short");
    for (std::size_t n = 0; n < names.size(); ++n) {
      if (names[n] == 0 || info[1] != names[n] || pair[1].entry <= pair[0].entry) continue;
      // Wrappers for the old ABI have the same name: the function itself is the larger one.
      const Body body{text + pair[0].entry, text + pair[1].entry};
      if (body.size() > bodies[n].size() && body.size() <= max_body) bodies[n] = body;
    }
  }
  const auto beginning_of = [&](const Body& body) {
    return body.start != 0 ? file.offset_of(behind_stack_check(file, body)) : std::nullopt;
  };
  if (const auto offset = beginning_of(bodies[0])) hooks.push_back({CAPTURE_WRITE_ALL, *offset, CAPTURE_GO, false});
  if (const auto offset = beginning_of(bodies[1])) {
    const auto returns = returns_of(file, bodies[1]);
    if (!returns.empty()) hooks.push_back({CAPTURE_READ, *offset, CAPTURE_GO, false});
    for (const auto at : returns) hooks.push_back({CAPTURE_READ_RETURN, at, CAPTURE_GO, false});
  }
  if (const auto offset = beginning_of(bodies[2])) hooks.push_back({CAPTURE_CLOSE, *offset, CAPTURE_GO, false});
  return hooks;
}

}  // namespace plumbline::agent
