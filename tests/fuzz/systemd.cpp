#include "baseline/source/systemd.hpp"

#include "tests/fuzz/check_reader.hpp"

namespace {

/// What a file is stands in its name, so each input is a unit and a drop-in.
plumbline::Result<void> read_as(const char* path, std::string_view bytes, const plumbline::baseline::Keys& keys,
                                plumbline::baseline::Builder& out) {
  return plumbline::baseline::read_systemd({"f", "systemd", path}, bytes, keys, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  plumbline::fuzz::check_reader(
      [](const auto&, auto text, const auto& keys, auto& out) { return read_as("/srv/x.service", text, keys, out); },
      bytes);
  plumbline::fuzz::check_reader(
      [](const auto&, auto text, const auto& keys, auto& out) {
        return read_as("/etc/systemd/system/x.service.d/y.conf", text, keys, out);
      },
      bytes);
  return 0;
}
