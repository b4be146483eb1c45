#include "agent/source/openssl_functions.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "agent/source/function_bounds.hpp"
#include "agent/source/tls_functions.hpp"
#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent {
namespace {

using test::file_of;
using ::testing::HasSubstr;

std::string bytes_of(const std::string& path) {
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_FALSE(bytes.str().empty()) << path;
  return bytes.str();
}

/// Where they are by the symbols: ssl_write_internal(), ssl_read_internal(), SSL_new().
std::array<std::uint64_t, 3> truth(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::open(file.get());
  constexpr std::array<std::string_view, 3> names{"ssl_write_internal", "ssl_read_internal", "SSL_new"};
  std::array<std::uint64_t, 3> found{};
  for (const auto& symbol : elf.value().find_functions(names).value())
    for (std::size_t i = 0; i < names.size(); ++i)
      if (symbol.name == names[i]) found[i] = symbol.address;
  return found;
}

/// "": found; else why not.
std::string look(std::string_view bytes, std::array<std::uint64_t, 3>* at = nullptr) {
  const auto file = file_of(bytes);
  const auto elf = ElfFile::open(file.get());
  if (!elf) return elf.error().message();
  const auto found = find_openssl_without_symbols(*elf);
  if (!found) return found.error().message();
  if (!*found) return "none";
  if (at != nullptr) *at = {(*found)->write.address, (*found)->read.address, (*found)->make.address};
  return "";
}

class OpensslInside : public ::testing::TestWithParam<const char*> {};

TEST_P(OpensslInside, is_found_without_symbols_where_they_were) {
  const std::string path = GetParam(), stripped = bytes_of(path + ".stripped");
  std::array<std::uint64_t, 3> at{};
  EXPECT_EQ(look(stripped, &at), "");
  EXPECT_EQ(at, truth(path));
  EXPECT_NE(at[0], 0u);
}

TEST_P(OpensslInside, is_hooked_as_with_symbols) {
  const std::string path = GetParam();
  const auto hooks = [](const std::string& of) {
    const Fd file(::open(of.c_str(), O_RDONLY | O_CLOEXEC));
    const auto found = find_tls_functions(ElfFile::open(file.get()).value());
    EXPECT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->stack, "openssl");
    auto sorted = found->hooks;
    std::erase_if(sorted, [](const TlsHook& h) { return h.place == CAPTURE_CLOSE || h.place == CAPTURE_OPEN_RETURN; });
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return std::pair(a.offset, a.place) < std::pair(b.offset, b.place); });
    return sorted;
  };
  const auto without = hooks(path + ".stripped");
  EXPECT_EQ(without.size(), 4u);
  EXPECT_EQ(without, hooks(path));
}

INSTANTIATE_TEST_SUITE_P(Kinds, OpensslInside, ::testing::Values(OPENSSL_INSIDE_PIE, OPENSSL_INSIDE_STATIC),
                         [](const auto& kind) { return kind.index == 0 ? "pie" : "linked_statically"; });

// A program of 5 KB whose functions look like OpenSSL's: what is changed in it is refused.
class OpensslLike : public ::testing::Test {
 protected:
  void replace(const std::string& from, const std::string& to) {
    const auto at = bytes_.find(from);
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(from.size(), to.size());
    bytes_.replace(at, to.size(), to);
  }
  std::string bytes_ = bytes_of(OPENSSL_SEED);
};

TEST_F(OpensslLike, is_found) {
  EXPECT_EQ(look(bytes_), "");
}
TEST_F(OpensslLike, that_names_no_file_of_it_is_none) {
  replace("ssl/ssl_lib.c", "ssl/ssl_lob.c");
  EXPECT_EQ(look(bytes_), "none");
}
TEST_F(OpensslLike, with_a_name_too_few_is_not_sure) {
  for (const std::string name : {"ssl_write_internal", "ssl_read_internal", "SSL_new"}) {
    const std::string whole = bytes_;
    replace(name, "X" + name.substr(1));
    EXPECT_THAT(look(bytes_), HasSubstr("not all of them"));
    bytes_ = whole;
  }
}
TEST_F(OpensslLike, is_boringssl_by_its_files_name) {
  const auto at = bytes_.find("ssl/ssl_lib.c");
  bytes_.replace(at, 16, std::string("ssl/ssl_lib.cc\0\0", 16));  // whatever stood behind it
  EXPECT_THAT(look(bytes_), HasSubstr("BoringSSL"));
}
TEST_F(OpensslLike, that_hands_on_something_else_is_not_sure) {
  replace("\x48\x63\xd2", "\x48\x31\xd2");  // movslq %edx,%rdx: xor
  EXPECT_THAT(look(bytes_), HasSubstr("not where it is known to be"));
}

// Certain or nothing: whatever byte is changed, no other place is ever given out.
TEST_F(OpensslLike, with_any_byte_changed_is_found_where_it_is_or_not_at_all) {
  std::array<std::uint64_t, 3> real{};
  ASSERT_EQ(look(bytes_, &real), "");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes_.size(); ++at) {
    std::string changed = bytes_;
    changed[at] = static_cast<char>(changed[at] ^ 0x21);
    std::array<std::uint64_t, 3> found{};
    if (!look(changed, &found).empty()) {
      ++refused;
    } else if (at >= sizeof(Elf64_Ehdr) + 16 * sizeof(Elf64_Phdr)) {  // before it stands where all of it is loaded
      EXPECT_EQ(found, real) << at;
    }
  }
  EXPECT_GT(refused, 150u) << "of the bytes that say who they are";
}

// Each would be looked through, for 256 MiB, as often as there are segments.
TEST_F(OpensslLike, whose_segments_overlap_is_refused) {
  std::string bytes = bytes_;
  auto* const segments = reinterpret_cast<Elf64_Phdr*>(bytes.data() + sizeof(Elf64_Ehdr));
  const auto count = reinterpret_cast<const Elf64_Ehdr*>(bytes.data())->e_phnum;
  Elf64_Phdr* first = nullptr;
  bool is_changed = false;
  for (auto* each = segments; each < segments + count && !is_changed; ++each) {
    if (each->p_type != PT_LOAD) continue;
    is_changed = first != nullptr;
    if (is_changed) first->p_filesz = each->p_offset - first->p_offset + 1;
    first = each;
  }
  ASSERT_TRUE(is_changed);
  EXPECT_THAT(look(bytes), HasSubstr("overlap"));
}

TEST(FunctionBounds, of_a_program_hold_what_is_in_them_alone) {
  const Fd file(::open(OPENSSL_INSIDE_PIE ".stripped", O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::open(file.get());
  const auto bounds = FunctionBounds::of(elf.value());
  ASSERT_TRUE(bounds);
  for (const std::uint64_t start : truth(OPENSSL_INSIDE_PIE)) {
    const auto range = bounds->around(start + 5);
    ASSERT_TRUE(range);
    EXPECT_EQ(range->start, start);
    EXPECT_EQ(bounds->around(range->end - 1)->start, start);
    const auto next = bounds->around(range->end);
    EXPECT_TRUE(!next || next->start == range->end);
  }
  EXPECT_FALSE(bounds->around(0));
  EXPECT_FALSE(bounds->around(~0ULL));
}

/// MiB by which the most that a process ever had grows, in a process of its own.
int growth_of(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto most = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    const long before = most();
    act();
    ::_exit(static_cast<int>(std::min(255L, (most() - before) / 1024)));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

// Eight bytes each, and each names another common part.
TEST(FunctionBounds, of_a_crafted_table_take_no_memory_for_each_row) {
  std::vector<std::uint32_t> rows(4 << 20);
  for (std::uint32_t i = 0; i < rows.size(); i += 2) {
    rows[i] = 4;
    rows[i + 1] = std::max(1U, 4 * i + 4 - i / 2);
  }
  test::ElfBuilder builder;
  builder.add(".eh_frame", SHT_PROGBITS, std::string(reinterpret_cast<const char*>(rows.data()), 4 * rows.size()));
  const auto file = file_of(builder.bytes());
  EXPECT_LT(growth_of([&] { EXPECT_FALSE(FunctionBounds::of(ElfFile::open(file.get()).value())); }), 32);
}

}  // namespace
}  // namespace plumbline::agent
