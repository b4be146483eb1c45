// Any bytes at a connection's begin: a name of DNS, or none.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/decode/client_hello.hpp"
#include "tests/fuzz/must.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto name = plumbline::agent::server_name(bytes)) {
    plumbline::fuzz::must(!name->empty() && name->size() <= 253, "a name has a length that DNS allows");
    plumbline::fuzz::must(name->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string::npos,
                          "a name has no other letters than DNS has");
  }
  return 0;
}
