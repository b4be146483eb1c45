// Whether a hook at a function's return is harmless on this kernel.
#pragma once

#include <string>

#include "agent/source/capture.hpp"

namespace plumbline::agent {

/// Linux 6.11 ends a hooked call by a system call of its own, uretprobe(2), which a program's seccomp filter refuses:
/// the program dies. (seccomp lets it pass since 6.14 and the stable kernels after 6.12.13; before 6.11 there is none.)
/// Tried in a child of ours below a filter that allows nothing but its end. "" = harmless; else why it is not, or
/// why nobody knows. Any thread; takes some ms.
std::string why_no_return_probes(Capture& capture);

}  // namespace plumbline::agent
