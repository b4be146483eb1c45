// Whether an agent could run here, one fact a check: what doctor says where no agent answers. No libbpf: it asks the
// same files that the kernel shows to everybody.
#pragma once

#include <string>
#include <vector>

namespace plumbline::ctl {

enum class Finding { ok, degraded, fatal };

struct Check {
  std::string name;
  Finding finding = Finding::ok;
  std::string fact;
  std::string effect;  ///< "" where all is well
  std::string remedy;  ///< "" = none
};

/// Reads below `root` ("" = this machine): proc, sys.
std::vector<Check> preflight(const std::string& root);

}  // namespace plumbline::ctl
