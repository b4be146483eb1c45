#include "agent/source/tls_functions.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstring>
#include <tuple>

#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent {
namespace {

using namespace std::string_literals;
using test::ElfBuilder;
using test::file_of;
using test::go_table;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::Truly;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t code_at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);  // the text is the builder's first section

TlsFunctions find(std::string_view bytes) {
  const auto file = file_of(bytes);
  const auto elf = ElfFile::open(file.get());
  EXPECT_TRUE(elf) << elf.error().message();
  auto found = find_tls_functions(elf.value());
  EXPECT_TRUE(found) << found.error().message();
  return found.value();
}
std::string refusal(std::string_view bytes) {
  const auto file = file_of(bytes);
  const auto elf = ElfFile::open(file.get());
  if (!elf) return elf.error().message();
  const auto found = find_tls_functions(*elf);
  return found ? "(accepted)" : found.error().message();
}

TEST(TlsFunctions, are_found_by_their_symbols) {
  ElfBuilder elf;
  elf.add_text(std::string(256, '\x90'));
  elf.add_symbols({{"main", 0}, {"SSL_write", 16}, {"SSL_read_ex", 32}, {"SSL_free", 48}, {"my_SSL_read", 64}});
  const auto found = find(elf.bytes());
  EXPECT_EQ(found.stack, "openssl");
  EXPECT_THAT(found.hooks, ElementsAre(TlsHook{CAPTURE_WRITE, code_at + 16, CAPTURE_C, false},
                                       TlsHook{CAPTURE_WRITE_RETURN, code_at + 16, CAPTURE_C, true},
                                       TlsHook{CAPTURE_READ, code_at + 32, CAPTURE_C_EX, false},
                                       TlsHook{CAPTURE_READ_RETURN, code_at + 32, CAPTURE_C_EX, true},
                                       TlsHook{CAPTURE_CLOSE, code_at + 48, CAPTURE_C, false}));
}

// SSL_write_ex() hands its arguments on to a function at 64, which SSL_write() calls, too.
class InnerFunction : public ::testing::Test {
 protected:
  static constexpr std::uint64_t inner = 64;
  InnerFunction() : code_(128, '\x90') {
    put(0, "\x48\x83\xec\x08" + call(4) + "\x48\x83\xc4\x08\xc3");  // sub $8,%rsp; call inner; add $8,%rsp; ret
    put(32, call(32) + "\xc3");
    put(inner, "\x41\x57\x53\xc3");  // push %r15; push %rbx; ret
  }
  void put(std::size_t at, const std::string& bytes) { code_.replace(at, bytes.size(), bytes); }
  static std::string call(std::uint64_t from, char opcode = '\xe8') {
    return opcode + std::string(1, static_cast<char>(inner - from - 5)) + std::string(3, '\0');
  }
  std::vector<TlsHook> hooks() const {
    ElfBuilder elf;
    elf.add_text(code_);
    elf.add_symbols({{"SSL_write_ex", 0}, {"SSL_write", 32}}, 16);
    return find(elf.bytes()).hooks;
  }
  static auto at_inner(std::uint64_t offset = 0) {
    return ElementsAre(TlsHook{CAPTURE_WRITE, code_at + inner + offset, CAPTURE_C_EX, false},
                       TlsHook{CAPTURE_WRITE_RETURN, code_at + inner + offset, CAPTURE_C_EX, true});
  }
  auto at_symbols() const {
    return ElementsAre(TlsHook{CAPTURE_WRITE, code_at, CAPTURE_C_EX, false},
                       TlsHook{CAPTURE_WRITE_RETURN, code_at, CAPTURE_C_EX, true},
                       TlsHook{CAPTURE_WRITE, code_at + 32, CAPTURE_C, false},
                       TlsHook{CAPTURE_WRITE_RETURN, code_at + 32, CAPTURE_C, true});
  }
  std::string code_;
};

TEST_F(InnerFunction, stands_for_all_that_call_it) {
  EXPECT_THAT(hooks(), at_inner());
  put(32, call(32, '\xe9'));
  EXPECT_THAT(hooks(), at_inner()) << "a jump is a call";
}
TEST_F(InnerFunction, begins_behind_an_endbr64) {
  put(inner, "\xf3\x0f\x1e\xfa\x41\x57\xc3");
  EXPECT_THAT(hooks(), at_inner(4));
}
// OpenSSL 3.5 as Alpine builds it, but for the names.
TEST_F(InnerFunction, stands_for_who_calls_it_by_another) {
  put(0, "\x50" + call(1) + "\x5a\xc3\x90\x90");  // push %rax; call inner; pop %rdx; ret
  put(32, std::string("\xe9\xdb\xff\xff\xff"));   // jmp to 0
  EXPECT_THAT(hooks(), at_inner());
}
TEST_F(InnerFunction, stands_for_nobody_who_does_not_call_it) {
  put(32, "\x90\x90\x90\x90\x90");
  EXPECT_THAT(hooks(), SizeIs(4)) << "SSL_write() is hooked by itself";
}
TEST_F(InnerFunction, that_begins_with_anything_but_a_push_is_no_cheaper) {
  for (const char* const begin : {"\x48\x83\xec\x08", "\x68\x01\x02\x03", "\xff\x35\x01\x02", "\x06\x06\x06\x06"}) {
    put(inner, begin);
    EXPECT_THAT(hooks(), at_symbols());
  }
}
// One that does something with its arguments may hand on others.
TEST_F(InnerFunction, is_that_of_a_mere_wrapper_alone) {
  const std::string whole = code_;
  for (const auto& [at, bytes] : std::vector<std::pair<std::size_t, std::string>>{
           {0, "\x48\x83\xc4\x08"},               // add $8,%rsp
           {0, std::string("\x48\x89\xf2\x90")},  // mov %rsi,%rdx
           {4, "\xff\xd0\x90\x90\x90"},           // call *%rax
           {9, "\x48\x89\x03\xc3"},               // mov %rax,(%rbx); ret
           {9, "\x75\x00\x90\xc3"},               // jne; ret
           {13, std::string(51, '\x90')}}) {      // no return, on to what follows
    code_ = whole;
    put(at, bytes);
    EXPECT_THAT(hooks(), Not(at_inner())) << at;
  }
}

// The kernel takes no probe at an instruction with the prefix of a segment: s2n_recv() of awscrt 0.38.1, made shorter.
class PaddedFunction : public ::testing::Test {
 protected:
  static constexpr std::size_t entry = 11, first_return = 24, last_return = 27;
  PaddedFunction()
      : code_(
            "\x2e\x2e\x2e\x2e\x41\x54"  // 0: cs cs cs cs push %r12
            "\x2e\x2e\x2e\x2e\x53"      // 6: cs cs cs cs push %rbx
            "\x48\x83\xec\x08"          // 11: sub $8,%rsp
            "\x48\x85\xff"              // 15: test %rdi,%rdi
            "\x74\x04"                  // 18: je 24
            "\x48\x89\xfb\x90"          // 20: mov %rdi,%rbx; nop
            "\xc3\x66\x90\xc3") {}      // 24: ret; xchg; 27: ret
  std::string file(const char* name, std::uint64_t size) const {
    ElfBuilder elf;
    elf.add_text(code_);
    elf.add_symbols({{name, 0}}, size);
    return elf.bytes();
  }
  std::string code_;
};

TEST_F(PaddedFunction, is_hooked_behind_its_padding_and_at_its_returns) {
  EXPECT_THAT(find(file("s2n_recv", code_.size())).hooks,
              ElementsAre(TlsHook{CAPTURE_READ, code_at + entry, CAPTURE_C, false},
                          TlsHook{CAPTURE_READ_RETURN, code_at + first_return, CAPTURE_C, false},
                          TlsHook{CAPTURE_READ_RETURN, code_at + last_return, CAPTURE_C, false}));
  code_[last_return] = '\x90';
  EXPECT_THAT(find(file("s2n_connection_free", code_.size())).hooks,
              ElementsAre(TlsHook{CAPTURE_CLOSE, code_at + entry, CAPTURE_C, false}))
      << "where it returns does not matter";
}
TEST_F(PaddedFunction, is_refused_where_no_place_is_sure) {
  const std::string whole = code_;
  for (const auto& [at, bytes, why] : std::vector<std::tuple<std::size_t, std::string, const char*>>{
           {18, "\x74\x70", "it goes on elsewhere"},
           {18, "\xff\xe0", "it goes on wherever"},
           {18, "\x74\xf7", "it comes back to where the probe would be"},
           {6, "\x2e\x48\x89\xf2\x90", "its third argument is another one by then"},
           {6, "\x2e\xe8\x01\x02\x03", "a call may change them all"},
           {26, "\x2e\xc3", "a return takes no probe either"},
           {24, "\x90\x66\x90\x90", "it never returns"},
           {21, "\x06", "it is no code to the end"}}) {
    code_ = whole;
    code_.replace(at, bytes.size(), bytes);
    EXPECT_THAT(refusal(file("s2n_recv", code_.size())), HasSubstr("takes no probe")) << why;
  }
  code_ = whole;
  EXPECT_THAT(refusal(file("s2n_recv", 0)), HasSubstr("takes no probe")) << "its size is not known";
  EXPECT_THAT(refusal(file("s2n_recv", whole.size() + 8)), HasSubstr("takes no probe"))
      << "it ends behind the file's code";
}

TEST(TlsFunctions, of_gnutls_are_not_seen_twice) {
  ElfBuilder elf;
  elf.add_text(std::string(256, '\x90'));
  elf.add_symbols({{"gnutls_record_send", 16}, {"gnutls_record_send2", 32}});
  EXPECT_THAT(find(elf.bytes()).hooks, ElementsAre(TlsHook{CAPTURE_WRITE, code_at + 32, CAPTURE_C, false},
                                                   TlsHook{CAPTURE_WRITE_RETURN, code_at + 32, CAPTURE_C, true}));
}

TEST(TlsFunctions, that_a_file_only_uses_are_not_its_own) {
  ElfBuilder elf;
  elf.add_text(std::string(256, '\x90'));
  elf.add_symbols({{"SSL_write", 16}});
  std::string bytes = elf.bytes();
  const std::uint64_t address = ElfBuilder::text_address + 16;
  const auto at = bytes.find(std::string_view(reinterpret_cast<const char*>(&address), sizeof address));
  ASSERT_NE(at, std::string::npos);
  bytes[at - 2] = bytes[at - 1] = 0;  // st_shndx: undefined
  EXPECT_THAT(find(bytes).hooks, IsEmpty());
}

// The library that this test is linked to, as it is on this machine.
TEST(TlsFunctions, of_the_systems_own_openssl) {
  Dl_info info{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&SSL_write_ex), &info), 0);
  const Fd file(::open(info.dli_fname, O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::open(file.get());
  ASSERT_TRUE(elf) << elf.error().message();
  const auto found = find_tls_functions(*elf);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->stack, "openssl");
  std::vector<capture_place> places;
  for (const auto& hook : found->hooks) {
    places.push_back(hook.place);
    if (hook.place == CAPTURE_CLOSE) continue;  // once a connection
    std::array<std::byte, 1> first{};
    ASSERT_TRUE(elf->read(hook.offset, first));
    EXPECT_THAT(first[0],
                AnyOf(std::byte{0x41}, Truly([](std::byte b) { return (b & std::byte{0xf8}) == std::byte{0x50}; })))
        << "a push: anything else traps twice, at " << std::hex << hook.offset;
  }
  EXPECT_THAT(places, UnorderedElementsAre(CAPTURE_READ, CAPTURE_READ_RETURN, CAPTURE_WRITE, CAPTURE_WRITE_RETURN,
                                           CAPTURE_CLOSE, CAPTURE_CLOSE))
      << "SSL_free and SSL_clear";
  EXPECT_THAT(elf->needed(), Contains(HasSubstr("libcrypto")));
}

// Three bodies: ret; nop, ret, nop, ret; ret. One wrapper of the old ABI has the name of the second.
TEST(TlsFunctions, of_go_are_found_by_its_own_table) {
  ElfBuilder elf;
  std::string code(64, '\x90');
  code[0] = code[17] = code[19] = code[32] = code[47] = '\xc3';
  elf.add_text(code);
  const auto write = "crypto/tls.(*Conn).Write", read = "crypto/tls.(*Conn).Read";
  elf.add(".gopclntab", SHT_PROGBITS, go_table({{write, 0}, {read, 16}, {read, 32}, {"main.main", 36}}, 64));
  const auto found = find(elf.bytes());
  EXPECT_EQ(found.stack, "go");
  EXPECT_THAT(found.hooks, ElementsAre(TlsHook{CAPTURE_WRITE_ALL, code_at, CAPTURE_GO, false},
                                       TlsHook{CAPTURE_READ, code_at + 16, CAPTURE_GO, false},
                                       TlsHook{CAPTURE_READ_RETURN, code_at + 17, CAPTURE_GO, false},
                                       TlsHook{CAPTURE_READ_RETURN, code_at + 19, CAPTURE_GO, false}));
}

// Where the stack has no room, the function begins anew on a larger one: the same call, seen twice.
TEST(TlsFunctions, of_go_are_hooked_behind_the_check_of_the_stack) {
  const std::string usual = "\x49\x3b\x66\x10\x76\x02\x55\xc3"s,  // cmp 0x10(%r14),%rsp; jbe 8; push %rbp; ret
      huge =
          "\x49\x89\xe4\x49\x81\xec\x00\x10\x00\x00\x72\x08"s  // mov %rsp,%r12; sub $0x1000,%r12; jb 20
          "\x4d\x3b\x66\x10\x76\x02\x55\xc3"s,                 // cmp 0x10(%r14),%r12; jbe 20; push %rbp; ret
      anew = "\x48\x89\x44\x24\x08\xe8\x00\x00\x00\x00\x48\x8b\x44\x24\x08\xeb"s;  // mov; call; mov; jmp
  const auto write_at = [](const std::string& code) {
    ElfBuilder elf;
    elf.add_text(code + std::string(64 - code.size(), '\xc3'));
    elf.add(".gopclntab", SHT_PROGBITS, go_table({{"crypto/tls.(*Conn).Write", 0}}, 64));
    const auto hooks = find(elf.bytes()).hooks;
    return hooks.size() == 1 ? hooks[0].offset - code_at : 0xffff;
  };
  EXPECT_EQ(write_at(usual + anew + '\xe7'), 6u);
  EXPECT_EQ(write_at(huge + anew + '\xdb'), 18u);
  EXPECT_EQ(write_at(usual + anew + '\xe8'), 0u) << "it goes on in the middle";
  EXPECT_EQ(write_at(usual + "\x90\x90\x90\x90\x90\xeb\xf1"s), 0u) << "a loop";
  EXPECT_EQ(write_at("\x48\x31\xc0"s + usual + anew + '\xe4'), 0u) << "its arguments are others by then";
}

// A uprobe in the middle of an instruction would break the program.
TEST(TlsFunctions, of_go_whose_code_cannot_be_read_are_left_alone) {
  ElfBuilder elf;
  std::string code(64, '\x90');
  code[20] = '\x06';  // no instruction in 64-bit mode
  code[24] = '\xc3';
  elf.add_text(code);
  elf.add(".gopclntab", SHT_PROGBITS,
          go_table({{"crypto/tls.(*Conn).Write", 0}, {"crypto/tls.(*Conn).Read", 16}, {"main.main", 36}}, 64));
  EXPECT_THAT(find(elf.bytes()).hooks, ElementsAre(TlsHook{CAPTURE_WRITE_ALL, code_at, CAPTURE_GO, false}));
}

TEST(TlsFunctions, of_go_since_1_26_begin_where_its_module_says) {
  ElfBuilder elf;
  elf.add_text(std::string(64, '\xc3'));
  elf.add(".gopclntab", SHT_PROGBITS, go_table({{"crypto/tls.(*Conn).Write", 8}}, 64, 0), 0x600000);
  std::string module(300, '\0');
  const std::uint64_t text = ElfBuilder::text_address;
  std::memcpy(module.data() + 176, &text, sizeof text);
  elf.add(".go.module", SHT_PROGBITS, module, 0x700000);
  EXPECT_THAT(find(elf.bytes()).hooks, ElementsAre(TlsHook{CAPTURE_WRITE_ALL, code_at + 8, CAPTURE_GO, false}));
}

TEST(TlsFunctions, of_a_go_that_is_not_known_are_refused) {
  ElfBuilder elf;
  elf.add_text(std::string(64, '\xc3'));
  elf.add(".gopclntab", SHT_PROGBITS, go_table({{"crypto/tls.(*Conn).Write", 8}}, 64, 1, 0xfffffffa));
  EXPECT_THAT(refusal(elf.bytes()), HasSubstr("older than 1.18"));
  ElfBuilder other;
  other.add_text(std::string(64, '\xc3'));
  other.add(".gopclntab", SHT_PROGBITS, go_table({{"crypto/tls.(*Conn).Write", 8}}, 64, 1, 0xfffffff7));
  EXPECT_THAT(refusal(other.bytes()), HasSubstr("not known"));
}

TEST(ElfFile, that_is_none_or_is_broken_is_refused) {
  ElfBuilder elf;
  elf.add_text(std::string(64, '\xc3'));
  elf.add_symbols({{"SSL_write", 16}});
  const std::string good = elf.bytes();
  EXPECT_THAT(refusal("#!/bin/sh\n"), HasSubstr("no program"));
  EXPECT_THAT(refusal(""), HasSubstr("no program"));
  std::string other = good;
  reinterpret_cast<Elf64_Ehdr*>(other.data())->e_machine = EM_AARCH64;
  EXPECT_THAT(refusal(other), HasSubstr("no program"));
  EXPECT_THAT(refusal(good.substr(0, good.size() - 1)), HasSubstr("cut short"));
  std::string header = good;
  reinterpret_cast<Elf64_Ehdr*>(header.data())->e_shnum = 0xffff;
  EXPECT_THAT(refusal(header), HasSubstr("sections are none"));
  header = good;
  reinterpret_cast<Elf64_Ehdr*>(header.data())->e_phoff = ~0ULL - 8;
  EXPECT_THAT(refusal(header), HasSubstr("cut short"));
  // Every byte, changed: no crash, and nothing outside the file is hooked.
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    const auto file = file_of(changed);
    const auto opened = ElfFile::open(file.get());
    const auto found = opened ? find_tls_functions(*opened) : Result<TlsFunctions>(opened.error());
    if (!found) continue;
    for (const auto& hook : found->hooks) EXPECT_LT(hook.offset, changed.size()) << at;
  }
}

TEST(ElfFile, finds_names_across_the_pieces_in_which_it_reads) {
  ElfBuilder elf;
  elf.add_text(std::string(64, '\xc3'));
  std::vector<std::pair<std::string, std::uint64_t>> functions;
  for (int i = 0; i < 3; ++i) functions.emplace_back(std::string((1 << 18) - 20, static_cast<char>('a' + i)), 1);
  functions.emplace_back("SSL_write", 16);
  for (std::size_t pad = 0; pad < 40; ++pad) {
    functions[0].first.resize((1 << 18) - 30 + pad, 'a');
    functions[1] = {"SSL_read", 32};
    ElfBuilder each;
    each.add_text(std::string(64, '\xc3'));
    each.add_symbols(functions);
    EXPECT_THAT(find(each.bytes()).hooks, SizeIs(4)) << pad;
  }
}

TEST(TlsFunctions, who_defines_one_function_hundreds_of_times_is_not_looked_at_for_long) {
  constexpr std::uint64_t body = 4096;
  constexpr int count = 890;
  // 0: SSL_write_ex, at 64 the inner function, then bodies of 4 KiB that end in a call of the one before.
  std::string text(body * (count + 2), '\x90');
  const auto call_at = [&](std::uint64_t at, std::uint64_t to) {
    const auto rel = static_cast<std::int32_t>(static_cast<std::int64_t>(to) - static_cast<std::int64_t>(at) - 5);
    text[at] = '\xe8';
    std::memcpy(&text[at + 1], &rel, 4);
  };
  text.replace(0, 4, std::string("\x48\x83\xec\x08", 4));
  call_at(4, 64);
  text[9] = '\xc3';
  text[64] = '\x55';
  std::vector<std::pair<std::string, std::uint64_t>> functions{{"SSL_write_ex", 0}};
  for (int i = count; i >= 1; --i) {
    const std::uint64_t at = body * static_cast<std::uint64_t>(i);
    call_at(at + body - 5, i == 1 ? 64 : at - body);
    functions.emplace_back("SSL_write", at);
  }
  ElfBuilder elf;
  elf.add_text(text);
  elf.add_symbols(functions, body);
  const auto began = std::chrono::steady_clock::now();
  const auto found = find(elf.bytes());
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  EXPECT_LT(ms, 1000);
  EXPECT_GT(found.hooks.size(), 1000u) << "each has its own hook";
}

}  // namespace
}  // namespace plumbline::agent
