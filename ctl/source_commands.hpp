// Commands that take the readers of IaC sources and the clouds' tables, which are most of plumb's size: those of
// containers are without (plumb-node), as nobody has sources there.
#pragma once

#include "ctl/baseline.hpp"
#include "ctl/decode.hpp"

namespace plumbline::ctl {

struct SourceCommands {
  decltype(&compile_baseline) compile = nullptr;
  decltype(&inspect_baseline) inspect = nullptr;
  decltype(&diff_baseline) diff = nullptr;
  decltype(&plumbline::ctl::decode) decode = nullptr;
};

/// All of them; of the library plumbline_ctl_sources.
inline SourceCommands source_commands() {
  return {compile_baseline, inspect_baseline, diff_baseline, decode};
}

}  // namespace plumbline::ctl
