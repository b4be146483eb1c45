// From the start of a write(2) to a managed file to its finding on the agent's stream (GET /v1/stream), N times, one at
// a time. Prints one JSON line: {"p50_us": …, "p99_us": …, "max_us": …, "changes": N}.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/finding_stream.hpp"
#include "include/util/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;

using plumbline::bench::die;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_change_latency AGENT_SOCKET MANAGED_FILE CHANGES\n");
    return 64;
  }
  const int changes = std::atoi(argv[3]);
  plumbline::bench::FindingStream stream(argv[1]);
  const plumbline::Fd file(::open(argv[2], O_WRONLY | O_CLOEXEC));
  if (!file) die(argv[2]);
  std::vector<double> micros;
  for (int i = 0; i < changes; ++i) {
    // Every content is new, and so is its digest: what is awaited can be of this write only.
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%019d\n", i);
    const auto start = Clock::now();
    if (::pwrite(file.get(), text, static_cast<std::size_t>(size), 0) != size) die("write");
    stream.await_finding();
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    stream.finish_finding();
  }
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double part) {
    return micros[static_cast<std::size_t>(part * static_cast<double>(micros.size() - 1))];
  };
  std::printf("{\"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f, \"changes\": %d}\n", at(0.5), at(0.99),
              micros.back(), changes);
}
