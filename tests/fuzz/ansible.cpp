#include "baseline/source/ansible.hpp"

#include "tests/fuzz/check_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plumbline::fuzz::check_reader(plumbline::baseline::read_ansible, {reinterpret_cast<const char*>(data), size});
  return 0;
}
