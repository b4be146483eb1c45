// ELF files and Go's tables in them, as containers bring them.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "agent/source/openssl_functions.hpp"
#include "agent/source/tls_functions.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::agent {
namespace {

void run(std::span<const std::uint8_t> input) {
  static const int file = ::memfd_create("elf", MFD_CLOEXEC);
  fuzz::must(::ftruncate(file, 0) == 0 && ::pwrite(file, input.data(), input.size(), 0) == std::ssize(input), "a file");
  const auto elf = ElfFile::open(file);
  if (!elf) return fuzz::must_be_readable(elf.error());
  fuzz::must(elf->needed().size() <= 256, "libraries are bounded");
  // By itself, as it is looked for in large files alone.
  const auto openssl = find_openssl_without_symbols(*elf);
  if (!openssl) fuzz::must_be_readable(openssl.error());
  if (openssl && *openssl)
    for (const auto* function : {&(*openssl)->write, &(*openssl)->read, &(*openssl)->make})
      fuzz::must(elf->offset_of(function->address).has_value(), "a function is in the file's code");
  const auto found = find_tls_functions(*elf);
  if (!found) return fuzz::must_be_readable(found.error());
  for (const auto& hook : found->hooks) fuzz::must(hook.offset < input.size(), "a hook is in the file");
}

}  // namespace
}  // namespace plumbline::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plumbline::agent::run({data, size});
  return 0;
}
