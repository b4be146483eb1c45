#include "baseline/source/ecs.hpp"

#include "tests/fuzz/check_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plumbline::fuzz::check_reader(plumbline::baseline::read_ecs, {reinterpret_cast<const char*>(data), size});
  return 0;
}
