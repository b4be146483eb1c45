// A node on which those run that a test says.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "agent/enrich/enricher.hpp"

namespace plumbline::agent {

/// The kernel side's table, and what /proc shows beside it.
class FewProcesses final : public ProcessSource {
 public:
  explicit FewProcesses(std::string proc_root) : proc_root_(std::move(proc_root)) {}

  process_key run(std::uint32_t pid, const std::string& comm, std::uint32_t parent = 1) {
    constexpr std::uint64_t start = 1'230'000'000;  // 123 ticks, which is all that /proc shows
    process_key key{};
    key.tgid = pid;
    key.start_boot_ns = start + pid;
    process made{};
    std::strncpy(made.comm, comm.c_str(), sizeof made.comm - 1);
    made.parent.tgid = parent;
    for (const auto& [known, value] : all_)
      if (known.tgid == parent) made.parent = known;
    all_.emplace_back(key, made);
    const std::string folder = proc_root_ + "/" + std::to_string(pid);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/stat") << pid << " (" << comm << ") S " << parent
                                    << " 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 123 0\n";
    return key;
  }
  /// The table still knows it, /proc does not.
  void end(const process_key& key) { std::filesystem::remove_all(proc_root_ + "/" + std::to_string(key.tgid)); }

  std::vector<process_key> list_processes() const override {
    std::vector<process_key> keys;
    for (const auto& [key, value] : all_) keys.push_back(key);
    return keys;
  }
  std::optional<process> find_process(const process_key& wanted) const override {
    for (const auto& [key, value] : all_)
      if (same_process(key, wanted)) return value;
    return std::nullopt;
  }
  std::optional<image> find_image(const image_key&) const override { return std::nullopt; }

 private:
  const std::string proc_root_;
  std::vector<std::pair<process_key, process>> all_;
};

}  // namespace plumbline::agent
