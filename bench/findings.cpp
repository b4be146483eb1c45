#include "bench/findings.hpp"

#include <cstdio>

#include "include/wire/batch.hpp"
#include "include/wire/json.hpp"

namespace plumbline::bench {
namespace {

constexpr const char* epoch = "5eed5eed";
constexpr WallNs start_time = 1'700'000'000'000'000'000;

std::string node_id_of(std::size_t agent) {
  char number[17];
  std::snprintf(number, sizeof number, "%04zx", agent);
  return std::string(number) + "0001" + std::string(24, '0');
}

wire::Process process(std::uint32_t pid, const char* exe, std::vector<std::string> argv) {
  wire::Process p;
  p.pid = pid;
  p.start_time = start_time + pid;
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
  f.id = wire::make_finding_id(node_id, epoch, sequence);
  f.resource = "tofu:prod-net/local_file.nginx[\"" + std::to_string(sequence % 200) + "\"]";
  f.at = f.observed_at = start_time + static_cast<WallNs>(sequence) * 1'000'003;
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

/// The shape of Falco's own JSON, with the fields of its rule "Write below etc".
std::string falco_event(const std::string& id, std::uint64_t sequence) {
  const WallNs at = start_time + static_cast<WallNs>(sequence) * 1'000'003;
  const std::string file = "/etc/nginx/conf.d/" + std::to_string(sequence % 200) + ".conf";
  const wire::Json fields = {{"evt.time", at},
                             {"evt.type", "openat"},
                             {"fd.name", file},
                             {"user.name", "root"},
                             {"user.uid", 0},
                             {"user.loginuid", 1000},
                             {"proc.name", "vi"},
                             {"proc.exepath", "/usr/bin/vi"},
                             {"proc.cmdline", "vi " + file},
                             {"proc.pname", "bash"},
                             {"proc.tty", 34819},
                             {"container.id", "4a1c7e0d9b2f"},
                             {"container.image.repository", "registry.example/shop/web"},
                             {"k8s.ns.name", "shop"},
                             {"k8s.pod.name", "web-7d4b9c5f6d-x2x4k"},
                             {"uid", id}};
  const std::string output = rfc3339(at) + ": Error File below /etc opened for writing (file=" + file +
                             " user=root user_loginuid=1000 process=vi parent=bash command=vi " + file +
                             " container_id=4a1c7e0d9b2f)";
  return wire::Json{
      {"uuid", nullptr},        {"output", output},
      {"priority", "Error"},    {"rule", "Write below etc"},
      {"time", rfc3339(at)},    {"source", "syscall"},
      {"hostname", "node-1"},   {"tags", {"container", "filesystem", "host", "mitre_persistence", "T1098"}},
      {"output_fields", fields}}
      .dump();
}

}  // namespace

std::vector<Payload> make_batches(const PayloadShape& shape) {
  std::vector<Payload> payloads;
  for (std::size_t made = 0; made < shape.findings; made += shape.batch) {
    const std::size_t turn = made / shape.batch;
    const std::uint64_t first = shape.first + turn / shape.agents * shape.batch;
    wire::Batch batch;
    batch.node_id = node_id_of(turn % shape.agents);
    batch.node = "node-" + std::to_string(turn % shape.agents);
    batch.boot_id = epoch;
    batch.agent_version = "0.1.0";
    for (std::size_t i = 0; i < shape.batch; ++i) batch.records.push_back(make_record(batch.node_id, first + i));
    Payload payload;
    payload.body = wire::zstd_compress(wire::encode_batch(batch)).value();
    for (auto& record : batch.records) payload.rows.emplace_back(record.id, std::move(record.body));
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

std::vector<Payload> make_falco_events(const PayloadShape& shape) {
  std::vector<Payload> payloads;
  for (std::size_t turn = 0; turn < shape.findings; ++turn) {
    const std::uint64_t sequence = shape.first + turn / shape.agents;
    const std::string id = wire::make_finding_id(node_id_of(turn % shape.agents), epoch, sequence);
    Payload payload;
    payload.body = falco_event(id, sequence);
    payload.rows.emplace_back(id, payload.body);
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

}  // namespace plumbline::bench
