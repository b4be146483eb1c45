// A connection of HTTP/1.1 of which pieces are lost; seeds are conversations that the input may cut anywhere.
#include "tests/fuzz/http_stream.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline::fuzz;
  run(calls_of({reinterpret_cast<const char*>(data), size}));
  return 0;
}
