// How many findings a second the real plumbline-collector acknowledges durably, and how long an acknowledgement takes;
// beside it, in the same run and on the same file system, raw inserts of the same bytes into the same kind of database,
// with the same durability.
//
//   bench_collector_ingest [--directory DIR] [--findings N] [--rounds N] [--rate FINDINGS_PER_SECOND] [--connections N]
//     [--postgres URI]
//
// Payloads are made before the clock starts: the two cores are the collector's and the sockets', not the generator's.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/load.hpp"
#include "bench/raw_stores.hpp"
#include "tests/unit/collector/client.hpp"

namespace {

using namespace plumbline;
using collector::test::Client;
using Steady = std::chrono::steady_clock;
namespace fs = std::filesystem;

struct Options {
  std::string directory = fs::temp_directory_path();
  std::size_t findings = 200'000;
  std::size_t connections = 4;
  int rounds = 3;
  double rate = 20'000;
  std::string postgres;  ///< the URI of a database that may be emptied, to store in; "" = SQLite
};

/// A collector of its own, on an empty store.
class RunningCollector {
 public:
  explicit RunningCollector(const std::string& directory, const std::string& postgres = "")
      : port_(collector::test::free_port()) {
    std::ofstream(directory + "/collector.yaml")
        << "listen: 127.0.0.1:" << port_ << "\nstore: {"
        << (postgres.empty() ? "sqlite: " + directory + "/plumbline.db" : "postgres: \"" + postgres + "\"")
        << "}\nlog: {level: warning}\n";
    const std::string config = directory + "/collector.yaml";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(COLLECTOR_BINARY, COLLECTOR_BINARY, "--config", config.c_str(), nullptr);
      ::_exit(127);
    }
    const auto end = Steady::now() + std::chrono::seconds(20);
    while (Steady::now() < end) {
      const auto reply = Client(port_).get("/readyz");
      if (reply && reply->status == 200) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::fprintf(stderr, "the collector did not become ready\n");
    std::exit(1);
  }
  ~RunningCollector() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  RunningCollector(const RunningCollector&) = delete;
  RunningCollector& operator=(const RunningCollector&) = delete;

  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  /// A line of /proc/PID/status in MiB: "VmRSS" now, "VmHWM" at its highest.
  double memory(const std::string& key) const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.rfind(key + ":", 0) == 0) return std::stod(line.substr(key.size() + 1)) / 1024;
    return 0;
  }

 private:
  std::uint16_t port_;
  pid_t pid_ = -1;
};

/// All of them, or the figure is none.
bench::Load send_all(std::uint16_t port, const std::vector<bench::Payload>& payloads, std::size_t connections,
                     double rate) {
  bench::Target target;
  target.port = port;
  auto load = bench::send_all(target, payloads, connections, rate);
  if (load.acked.size() == payloads.size()) return load;
  std::fprintf(stderr, "%zu of %zu batches were not acknowledged\n", payloads.size() - load.acked.size(),
               payloads.size());
  std::exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One load of one collector, and what it cost whom. `server`: the pid of its PostgreSQL; 0 = it has none.
double measure(const RunningCollector& collector, const std::vector<bench::Payload>& payloads, std::size_t connections,
               double rate, int server = 0) {
  const double server_before = server == 0 ? 0 : bench::family_cpu_seconds(server);
  const double own_before = bench::family_cpu_seconds(::getpid()), before = bench::family_cpu_seconds(collector.pid());
  const auto load = send_all(collector.port(), payloads, connections, rate);
  const auto each = [&](double seconds) { return seconds * 1e6 / static_cast<double>(load.findings); };
  const double ours = each(bench::family_cpu_seconds(collector.pid()) - before);
  std::printf("%.0f findings/s, ack p50 %.1f ms p99 %.1f ms, %.1f us of CPU a finding", load.rate(),
              load.percentile(0.5), load.percentile(0.99), ours);
  if (server != 0) std::printf(", the server %.1f", each(bench::family_cpu_seconds(server) - server_before));
  // The collector is this program's child, so that its time is not told apart until it is taken away.
  std::printf(", the load's sender %.1f; RSS %.1f MiB (peak %.1f)\n",
              each(bench::family_cpu_seconds(::getpid()) - own_before) - ours, collector.memory("VmRSS"),
              collector.memory("VmHWM"));
  std::fflush(stdout);
  return load.rate();
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--directory") options.directory = argv[i + 1];
    if (key == "--findings") options.findings = std::strtoull(argv[i + 1], nullptr, 10);
    if (key == "--connections") options.connections = std::strtoull(argv[i + 1], nullptr, 10);
    if (key == "--rounds") options.rounds = std::atoi(argv[i + 1]);
    if (key == "--postgres") options.postgres = argv[i + 1];
    if (key == "--rate") options.rate = std::atof(argv[i + 1]);
  }
  return options;
}

void compare_sqlite(const Options& options, const std::string& directory, const std::vector<bench::Payload>& payloads) {
  const auto fresh = [&] {
    fs::remove_all(directory);
    fs::create_directory(directory);
    return directory;
  };
  std::vector<double> raw, ours;
  for (int round = 0; round < options.rounds; ++round) {
    raw.push_back(bench::raw_sqlite(fresh(), payloads));
    const RunningCollector collector(fresh());
    std::printf("round %d: raw SQLite %.0f rows/s; collector ", round + 1, raw.back());
    ours.push_back(measure(collector, payloads, options.connections, 0));
  }
  std::printf("saturated: median %.0f findings/s, %.2f of raw SQLite (%.0f rows/s)\n", median(ours),
              median(ours) / median(raw), median(raw));
  const RunningCollector collector(fresh());
  std::printf("paced at %.0f findings/s: ", options.rate);
  measure(collector, payloads, options.connections, options.rate);
}

void compare_postgres(const Options& options, const std::string& directory,
                      const std::vector<bench::Payload>& payloads) {
  const int server = bench::postgres_pid(options.postgres);
  std::vector<double> raw, ours;
  for (int round = 0; round < options.rounds; ++round) {
    raw.push_back(bench::raw_postgres(options.postgres, payloads));
    const RunningCollector collector(directory, options.postgres);
    std::printf("round %d: raw PostgreSQL %.0f rows/s; collector ", round + 1, raw.back());
    ours.push_back(measure(collector, payloads, options.connections, 0, server));
  }
  std::printf("PostgreSQL, saturated: median %.0f findings/s, %.2f of raw COPY (%.0f rows/s)\n", median(ours),
              median(ours) / median(raw), median(raw));
  bench::empty_postgres(options.postgres);
  const RunningCollector collector(directory, options.postgres);
  std::printf("PostgreSQL, paced at %.0f findings/s: ", options.rate);
  measure(collector, payloads, options.connections, options.rate, server);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::string root = options.directory + "/plumbline-bench-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr) {
    std::perror(root.c_str());
    return 1;
  }
  bench::PayloadShape shape;
  shape.findings = options.findings;
  const auto payloads = bench::make_batches(shape);
  std::size_t bytes = 0, sent = 0;
  for (const auto& payload : payloads) {
    sent += payload.body.size();
    for (const auto& row : payload.rows) bytes += row.second.size();
  }
  std::printf("%zu findings of %zu bytes in batches of %zu (%zu bytes each on the wire), %zu agents, %zu connections\n",
              options.findings, bytes / options.findings, shape.batch, sent / payloads.size(), shape.agents,
              options.connections);
  options.postgres.empty() ? compare_sqlite(options, root, payloads) : compare_postgres(options, root, payloads);
  fs::remove_all(root);
  return 0;
}
