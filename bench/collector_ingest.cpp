// How many findings a second the real plumbline-collector acknowledges durably, and how long an acknowledgement takes;
// beside it, in the same run and on the same file system, raw SQLite inserts of the same bytes with the same
// durability.
//
//   bench_collector_ingest [--directory DIR] [--findings N] [--rounds N] [--rate FINDINGS_PER_SECOND] [--postgres URI]
//
// Payloads are made before the clock starts: the two cores are the collector's and the sockets', not the generator's.
#include <fcntl.h>
#include <sqlite3.h>
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

#include "include/wire/batch.hpp"
#include "include/wire/json.hpp"
#include "tests/unit/collector/client.hpp"

namespace {

using namespace plumbline;
using collector::test::Client;
using Steady = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t batch_size = 500;
constexpr std::size_t connections = 4;
constexpr std::size_t agents = 40;

struct Options {
  std::string directory = fs::temp_directory_path();
  std::size_t findings = 200'000;
  int rounds = 3;
  double rate = 20'000;
  std::string postgres;  ///< an empty database, for one more round
};

/// One batch, ready to be sent, and its records for the reference.
struct Payload {
  std::string request_body;
  std::vector<std::pair<std::string, std::string>> rows;  ///< id, body
};

wire::Process process(std::uint32_t pid, const char* exe, std::vector<std::string> argv) {
  wire::Process p;
  p.pid = pid;
  p.start_time = 1'700'000'000'000'000'000 + pid;
  p.exe = exe;
  p.exe_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  p.argv = std::move(argv);
  p.uid = 0;
  p.user = "root";
  p.login_uid = 1000;
  p.login_user = "alice";
  p.tty = "pts/3";
  return p;
}

/// As an agent makes it: an actor with its lineage, a diff, evidence; every second one with the drift it belongs to.
wire::Record make_record(const std::string& node_id, std::uint64_t sequence) {
  wire::Finding f;
  f.id = wire::make_finding_id(node_id, "5eed5eed", sequence);
  f.resource = "tofu:prod-net/local_file.nginx[\"" + std::to_string(sequence % 200) + "\"]";
  f.at = f.observed_at = 1'700'000'000'000'000'000 + static_cast<WallNs>(sequence) * 1'000'003;
  f.source = "kernel";
  f.rule = "default";
  f.comparison = wire::ComparisonResult::mismatch;
  f.severity = wire::Severity::high;
  f.diff = {{"mode", "0644", "0666", false}};
  f.where = {"node-" + node_id.substr(0, 4), "/etc/nginx/conf.d/" + std::to_string(sequence % 200) + ".conf", {}};
  const auto pid = static_cast<std::uint32_t>(1000 + sequence * 7 % 30000);
  f.actor.process = process(pid, "/usr/bin/vi", {"vi", "/etc/nginx/conf.d/default.conf"});
  f.actor.lineage = {process(pid - 1, "/usr/bin/bash", {"bash"})};
  f.actor.lineage_complete = f.actor.resolved = true;
  f.evidence = {{"lineage", "no known writer in the lineage"}};
  f.missing_evidence = {"approved run"};
  wire::Json body = {{"drift", nullptr}};
  if (sequence % 2 == 0) {
    f.drift_id = "drift-" + node_id.substr(0, 8) + "-" + std::to_string(sequence % 200);
    wire::Drift d;
    d.id = f.drift_id;
    d.resource = f.resource;
    d.opened_at = d.updated_at = f.at;
    d.count = sequence;
    d.diff = f.diff;
    d.where = f.where;
    d.findings = {f.id};
    body["drift"] = to_json_value(d);
  }
  body["finding"] = to_json_value(f);
  return {sequence, "finding", f.id, f.at, body.dump()};
}

std::vector<Payload> make_payloads(std::size_t findings, std::uint64_t salt) {
  std::vector<Payload> payloads;
  for (std::size_t made = 0; made < findings; made += batch_size) {
    const std::size_t agent = (made / batch_size) % agents;
    const std::uint64_t first = (made / batch_size) / agents * batch_size + 1;
    char id[33];
    std::snprintf(id, sizeof id, "%04zx%04llx000000000000000000000000", agent, static_cast<unsigned long long>(salt));
    wire::Batch batch;
    batch.node_id = id;
    batch.node = "node-" + std::to_string(agent);
    batch.boot_id = "5eed5eed";
    batch.agent_version = "0.1.0";
    for (std::size_t i = 0; i < batch_size; ++i) batch.records.push_back(make_record(batch.node_id, first + i));
    Payload payload;
    payload.request_body = wire::zstd_compress(wire::encode_batch(batch)).value();
    for (auto& record : batch.records) payload.rows.emplace_back(record.id, std::move(record.body));
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

/// Rows a second of plain inserts: the same ids and bodies, 500 a transaction, WAL, fsync on each commit.
double raw_sqlite(const std::string& directory, const std::vector<Payload>& payloads) {
  const std::string path = directory + "/raw.db";
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  sqlite3_exec(db,
               "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
               "CREATE TABLE t (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)",
               nullptr, nullptr, nullptr);
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t (id, body) VALUES (?1, ?2)", -1, &insert, nullptr);
  std::size_t rows = 0;
  const auto begin = Steady::now();
  for (const Payload& payload : payloads) {
    sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    for (const auto& [id, body] : payload.rows) {
      sqlite3_bind_text(insert, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
      sqlite3_bind_text(insert, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
      sqlite3_step(insert);
      sqlite3_reset(insert);
      ++rows;
    }
    sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  }
  const double rate = static_cast<double>(rows) / seconds_since(begin);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return rate;
}

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
  /// Time on any core since start.
  double cpu_seconds() const {
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string skipped;
    for (int field = 1; field < 14; ++field) stat >> skipped;
    double user = 0, system = 0;
    stat >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
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

struct Load {
  double rate = 0;                  ///< findings a second
  std::vector<double> ack_ms = {};  ///< sorted
  double percentile(double p) const {
    return ack_ms.empty() ? 0 : ack_ms[static_cast<std::size_t>(p * static_cast<double>(ack_ms.size() - 1))];
  }
};

/// Sends every payload over its connection. `rate` 0: each connection sends its next batch when the last is
/// acknowledged. Else batches are due at that rate, and an acknowledgement's time counts from when its batch was due,
/// so that a late start is not hidden.
Load send_all(std::uint16_t port, const std::vector<Payload>& payloads, double rate) {
  std::vector<std::vector<double>> times(connections);
  const auto begin = Steady::now();
  std::vector<std::thread> threads;
  for (std::size_t c = 0; c < connections; ++c)
    threads.emplace_back([&, c] {
      Client client(port);
      for (std::size_t i = c; i < payloads.size(); i += connections) {
        auto due = Steady::now();
        if (rate > 0) {
          due = begin + std::chrono::duration_cast<Steady::duration>(
                            std::chrono::duration<double>(static_cast<double>(i * batch_size) / rate));
          std::this_thread::sleep_until(due);
        }
        const auto reply = client.request("POST", "/v1/batches", payloads[i].request_body,
                                          {"Content-Type: application/x-ndjson", "Content-Encoding: zstd"});
        if (!reply || reply->status != 200) {
          std::fprintf(stderr, "a batch was not acknowledged: %s\n", reply ? reply->body.c_str() : "no answer");
          std::exit(1);
        }
        times[c].push_back(seconds_since(due) * 1000);
      }
    });
  for (auto& thread : threads) thread.join();
  Load load;
  load.rate = static_cast<double>(payloads.size() * batch_size) / seconds_since(begin);
  for (const auto& some : times) load.ack_ms.insert(load.ack_ms.end(), some.begin(), some.end());
  std::sort(load.ack_ms.begin(), load.ack_ms.end());
  return load;
}

void report(const RunningCollector& collector, const Load& load, std::size_t findings) {
  std::printf("%.0f findings/s, ack p50 %.1f ms p99 %.1f ms, %.1f us of CPU a finding, RSS %.1f MiB (peak %.1f)\n",
              load.rate, load.percentile(0.5), load.percentile(0.99),
              collector.cpu_seconds() * 1e6 / static_cast<double>(findings), collector.memory("VmRSS"),
              collector.memory("VmHWM"));
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--directory") options.directory = argv[i + 1];
    if (key == "--findings") options.findings = std::strtoull(argv[i + 1], nullptr, 10);
    if (key == "--rounds") options.rounds = std::atoi(argv[i + 1]);
    if (key == "--postgres") options.postgres = argv[i + 1];
    if (key == "--rate") options.rate = std::atof(argv[i + 1]);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::string root = options.directory + "/plumbline-bench-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr) {
    std::perror(root.c_str());
    return 1;
  }
  const auto fresh = [&] {
    fs::remove_all(root);
    fs::create_directory(root);
    return root;
  };
  const auto payloads = make_payloads(options.findings, 1);
  std::size_t bytes = 0, sent = 0;
  for (const auto& payload : payloads) {
    sent += payload.request_body.size();
    for (const auto& row : payload.rows) bytes += row.second.size();
  }
  std::printf("%zu findings of %zu bytes in batches of %zu (%zu bytes each on the wire), %zu agents, %zu connections\n",
              options.findings, bytes / options.findings, batch_size, sent / payloads.size(), agents, connections);
  std::vector<double> raw, ours;
  for (int round = 0; round < options.rounds; ++round) {
    raw.push_back(raw_sqlite(fresh(), payloads));
    const RunningCollector collector(fresh());
    const Load load = send_all(collector.port(), payloads, 0);
    ours.push_back(load.rate);
    std::printf("round %d: raw SQLite %.0f rows/s; collector ", round + 1, raw.back());
    report(collector, load, options.findings);
  }
  std::printf("saturated: median %.0f findings/s, %.2f of raw SQLite (%.0f rows/s)\n", median(ours),
              median(ours) / median(raw), median(raw));
  {
    const RunningCollector collector(fresh());
    const Load load = send_all(collector.port(), payloads, options.rate);
    std::printf("paced at %.0f findings/s: ", options.rate);
    report(collector, load, options.findings);
  }
  if (!options.postgres.empty()) {
    const RunningCollector collector(fresh(), options.postgres);
    const Load load = send_all(collector.port(), payloads, 0);
    std::printf("PostgreSQL, saturated: ");
    report(collector, load, options.findings);
  }
  fs::remove_all(root);
  return 0;
}
