#include "tests/fuzz/check_baseline.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plumbline::fuzz::check_baseline("manifest", {reinterpret_cast<const char*>(data), size});
  return 0;
}
