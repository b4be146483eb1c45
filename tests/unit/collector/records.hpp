// Records and batches as agents make them, for the collector's tests.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "include/wire/json.hpp"
#include "include/wire/record.hpp"

namespace plumbline::collector::test {

inline constexpr WallNs start = 1'700'000'000'000'000'000;
inline constexpr WallNs second = 1'000'000'000;
inline constexpr std::chrono::nanoseconds hour = std::chrono::hours(1);

struct Made {
  std::string node_id = "00000000000000000000000000000001";
  std::string boot_id = "b0000000";
  std::string node = "node-1";
};

/// A finding of `drift_id` ("" = none: a match), in state `state` afterwards.
inline wire::Record finding(const Made& node, std::uint64_t sequence, const std::string& resource,
                            const std::string& drift_id = "", wire::DriftState state = wire::DriftState::open,
                            const std::string& path = "/etc/app.conf", wire::Severity severity = wire::Severity::high) {
  wire::Finding f;
  // The whole node id, where the agent takes eight characters: tests have many nodes.
  f.id = node.node_id + "-" + node.boot_id + "-" + std::to_string(sequence);
  f.resource = resource;
  f.at = f.observed_at = start + static_cast<WallNs>(sequence) * second;
  f.source = "kernel";
  f.rule = "default";
  f.comparison = drift_id.empty() || state == wire::DriftState::resolved ? wire::ComparisonResult::match
                                                                         : wire::ComparisonResult::mismatch;
  f.severity = severity;
  f.where = {node.node, path, {}};
  f.diff = {{"mode", "0644", "0666", false}};
  f.drift_id = drift_id;
  wire::Json body = {{"finding", to_json_value(f)}, {"drift", nullptr}};
  if (!drift_id.empty()) {
    wire::Drift d;
    d.id = drift_id;
    d.resource = resource;
    d.state = state;
    d.opened_at = start;
    d.updated_at = f.at;
    d.count = sequence;
    d.comparison = f.comparison;
    d.severity = severity;
    d.baseline = "base";
    d.where = f.where;
    d.diff = f.diff;
    d.findings = {f.id};
    body["drift"] = to_json_value(d);
  }
  return {sequence, "finding", f.id, f.at, body.dump()};
}

inline wire::Record gap(const Made& node, std::uint64_t sequence) {
  wire::Gap g;
  g.id = "g-" + node.node_id + "-" + node.boot_id + "-gap-" + std::to_string(sequence);
  g.reason = "agent_stopped";
  g.scope = "node";
  return {sequence, "gap", g.id, start, wire::Json{{"gap", to_json_value(g)}}.dump()};
}

inline wire::Batch batch(const Made& node, std::vector<wire::Record> records) {
  wire::Batch b;
  b.node_id = node.node_id;
  b.node = node.node;
  b.labels_json = R"({"env":"test"})";
  b.boot_id = node.boot_id;
  b.agent_version = "0.1.0";
  b.sent_at = start;
  b.records = std::move(records);
  return b;
}

}  // namespace plumbline::collector::test
