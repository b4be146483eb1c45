#include "baseline/source/puppet.hpp"

#include "tests/fuzz/check_reader.hpp"

/// Either of Puppet's files: JSON begins with a brace, what Puppet writes as YAML does not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  plumbline::fuzz::check_reader(
      text.starts_with('{') ? plumbline::baseline::read_puppet_catalog : plumbline::baseline::read_puppet_state, text);
  return 0;
}
