// Counts what is hooked, and libraries to hook.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/source/capture.hpp"
#include "tests/unit/source/elf_builder.hpp"

namespace plumbline::agent::test {

/// Counts what is hooked, in place of the kernel.
class CountingCapture final : public Capture {
 public:
  Result<std::unique_ptr<Hooked>> hook(int fd, const TlsFunctions&) override {
    if (refuse) return Error{ErrorCode::permission, "hook the functions of a file", "Operation not permitted", ""};
    struct One final : Hooked {
      explicit One(std::atomic<int>& count) : live(count) { ++live; }
      ~One() override { --live; }
      std::atomic<int>& live;
    };
    order.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename());
    if (on_hook) on_hook(order.back());
    return std::unique_ptr<Hooked>(std::make_unique<One>(live));
  }
  int ring_fd() const override { return -1; }
  int executed_fd() const override { return -1; }
  int consume(const Sample&) override { return 0; }
  void on_executed(Executed) override {}
  void decide(const capture_connection_key&, capture_verdict) override {}
  void set_scope(const capture_scope&, std::optional<bool>) override {}
  int scopes_fd() const override { return -1; }
  void warm() override {}
  capture_counters read_counters() const override { return {}; }
  bool has_multi_links() const override { return true; }
  bool has_session_probes() const override { return true; }

  std::atomic<int> live{0};
  std::vector<std::string> order;  // names of what was hooked; the hooking thread's
  std::function<void(const std::string& name)> on_hook;
  bool refuse = false;
};

/// A file that defines one function, large enough to be looked at.
inline std::string library(const std::string& function = "SSL_write") {
  ElfBuilder elf;
  elf.add_text(std::string(5000, '\xc3'));
  elf.add_symbols({{function, 16}});
  return elf.bytes();
}

/// A program without TLS of its own that is linked to one library (DT_NEEDED).
inline std::string linked_to(const std::string& name) {
  ElfBuilder elf;
  elf.add_text(std::string(5000, '\xc3'));
  const auto strings = elf.add(".dynstr", SHT_STRTAB, std::string(1, '\0') + name + '\0');
  Elf64_Dyn rows[2] = {};
  rows[0].d_tag = DT_NEEDED;
  rows[0].d_un.d_val = 1;
  elf.add(".dynamic", SHT_DYNAMIC, std::string(reinterpret_cast<const char*>(rows), sizeof rows), 0,
          static_cast<std::uint32_t>(strings));
  return elf.bytes();
}

}  // namespace plumbline::agent::test
