// A set of public keys, as an issuer hands it out.
#include <cstddef>
#include <cstdint>

#include "cloud/token_keys.hpp"
#include "tests/fuzz/must.hpp"

using namespace plumbline;
using fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cloud::TokenKeys keys;
  const auto added = keys.add_jwks("f.json", {reinterpret_cast<const char*>(data), size});
  if (!added) {
    fuzz::must_be_readable(added.error());
    return 0;
  }
  must(keys.size() >= 1 && keys.size() <= cloud::TokenKeys::most_keys, "one key at least, and not too many");
  // Each kind of key is tried: signatures that nobody made, of the right length.
  const std::string claims = ".eyJleHAiOjE5MDAwMDAwMDB9.";
  for (const char* head : {"eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJQUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9",
                           "eyJhbGciOiJFUzM4NCJ9", "eyJhbGciOiJFUzUxMiJ9", "eyJhbGciOiJFZERTQSJ9"})
    for (const std::size_t bytes : {86U, 128U, 176U, 342U})
      must(!keys.prove(head + claims + std::string(bytes, 'B'), 1'800'000'000), "a signature that nobody made");
  return 0;
}
