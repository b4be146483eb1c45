// Any bytes as an answer of DNS: addresses of a host's name, or none.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/decode/dns_answer.hpp"
#include "tests/fuzz/must.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto answer = plumbline::agent::dns_answer(bytes)) {
    plumbline::fuzz::must(!answer->name.empty() && answer->name.size() <= 253, "a name has a length that DNS allows");
    plumbline::fuzz::must(
        answer->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string::npos,
        "a name has no other letters than a host's has");
    plumbline::fuzz::must(!answer->addresses.empty() && answer->addresses.size() <= 64, "addresses are bounded");
  }
  return 0;
}
