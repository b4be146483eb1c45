// What the enricher asks the kernel side.
#pragma once

#include <optional>
#include <vector>

#include "agent/enrich/digests.hpp"
#include "agent/enrich/process_facts.hpp"
#include "agent/source/kernel.hpp"

namespace plumbline::agent {

/// The kernel's process table as the enricher wants it.
class KernelProcesses final : public ProcessSource {
 public:
  explicit KernelProcesses(const Kernel& kernel) : kernel_(kernel) {}
  std::vector<process_key> list_processes() const override { return kernel_.list_processes(); }
  std::optional<process> find_process(const process_key& key) const override { return kernel_.find_process(key); }
  std::optional<image> find_image(const image_key& key) const override { return kernel_.find_image(key); }

 private:
  const Kernel& kernel_;
};

/// Opens an executable by its path below a root, and says which file that is. `kernel` outlives it.
OpenExecutable opener(Kernel& kernel);

}  // namespace plumbline::agent
