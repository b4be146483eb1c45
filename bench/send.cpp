// Sends findings to a collector, or Falco events to falcosidekick, and prints what came of it as JSON:
//
//   bench_send --port N [--kind plumbline|falco] [--findings N] [--batch N] [--agents N] [--first N] [--connections N]
//              [--rate FINDINGS_PER_SECOND] [--acked FILE]
//
// Requests are made before the clock starts; then "ready" is printed and a line is awaited. FILE gets the ids of what
// was acknowledged, one a line.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "bench/load.hpp"

namespace {

using namespace plumbline;

std::map<std::string, std::string> parse(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"--port", ""},   {"--kind", "plumbline"}, {"--findings", "10000"}, {"--batch", "500"}, {"--agents", "40"},
      {"--first", "1"}, {"--connections", "4"},  {"--rate", "0"},         {"--acked", ""}};
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !options.contains(argv[i])) {
      std::fprintf(stderr, "%s is no option, or has no value\n", argv[i]);
      std::exit(64);
    }
    options[argv[i]] = argv[i + 1];
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = parse(argc, argv);
  const auto number = [&](const char* key) { return std::strtoull(options[key].c_str(), nullptr, 10); };
  const bool falco = options["--kind"] == "falco";
  const bench::PayloadShape shape{number("--findings"), falco ? 1 : number("--batch"), number("--agents"),
                                  number("--first")};
  const auto payloads = falco ? bench::make_falco_events(shape) : bench::make_batches(shape);
  bench::Target target;
  target.port = static_cast<std::uint16_t>(number("--port"));
  if (falco) {
    target.path = "/";
    target.headers = {"Content-Type: application/json"};
  }
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 1;
  const auto load =
      bench::send_all(target, payloads, number("--connections"), std::strtod(options["--rate"].c_str(), nullptr));
  std::size_t bytes = 0;
  for (const auto& payload : payloads) bytes += payload.body.size();
  std::printf(
      "{\"acked\": %zu, \"seconds\": %.3f, \"rate\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
      "\"turned_away\": %zu, \"request_bytes\": %zu}\n",
      load.findings, load.seconds, load.rate(), load.percentile(0.5), load.percentile(0.99), load.turned_away,
      bytes / payloads.size());
  if (options["--acked"].empty()) return 0;
  std::ofstream out(options["--acked"]);
  for (const std::size_t i : load.acked)
    for (const auto& row : payloads[i].rows) out << row.first << '\n';
  return 0;
}
