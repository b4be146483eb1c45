// One loaded skeleton with its links, maps and pins; used by kernel.cpp only.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/source/kernel.hpp"
#include "include/util/fd.hpp"

struct plumbline_bpf;

namespace plumbline::agent {

/// Slots beyond KernelOptions::max_marks that only the self-test takes: a node whose marks are all in use starts too.
inline constexpr std::uint32_t canary_marks = 16;

class BpfObject {
 public:
  /// Loads the programs of `tier` (or adopts those pinned below options.pin_dir) and attaches them.
  static Result<std::unique_ptr<BpfObject>> load(const KernelOptions& options, Tier tier, TierReport& report);
  ~BpfObject();
  BpfObject(const BpfObject&) = delete;
  BpfObject& operator=(const BpfObject&) = delete;

  int map_fd(const char* name) const;
  /// The maps were made by an earlier agent.
  bool adopted() const { return adopted_; }
  bool carried_over() const { return carried_over_; }
  const std::string& pin_trouble() const { return pin_trouble_; }
  static std::uint64_t object_hash();
  /// Runs iter/task once: everybody who already runs enters the process table.
  Result<void> list_processes();
  /// Pins the links that are not yet pinned and removes those of another version. Called once the self-test passed;
  /// without it, what this object pinned goes with it.
  void pin_links();

 private:
  BpfObject() = default;
  Result<void> load_object(const KernelOptions& options, Tier tier, bool pinned, TierReport& report);
  std::size_t take_over(const std::vector<MarkedInode>& former, const KernelOptions& options);
  Result<void> attach(TierReport& report);

  ::plumbline_bpf* skeleton_ = nullptr;
  std::vector<std::pair<std::string, bpf_link*>> links_;
  std::string link_dir_;
  bool adopted_ = false;
  bool carried_over_ = false;
  Fd lock_;                     // on the pin directory: marks have one agent
  bool other_version_ = false;  // the pinned maps have another ABI
  bool links_adopted_ = false;
  bool proven_ = false;  // its pins are to stay
  std::string pin_trouble_;
};

}  // namespace plumbline::agent
