// A node on which nobody runs.
#pragma once

#include "agent/enrich/enricher.hpp"

namespace plumbline::agent {

class NoProcesses final : public ProcessSource {
 public:
  std::vector<process_key> list_processes() const override { return {}; }
  std::optional<process> find_process(const process_key&) const override { return std::nullopt; }
  std::optional<image> find_image(const image_key&) const override { return std::nullopt; }
};

}  // namespace plumbline::agent
