// From the kernel's raw actor to a wire::Actor: process, lineage, executable digests, user, container.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "agent/enrich/containers.hpp"
#include "agent/enrich/digests.hpp"
#include "agent/enrich/process_facts.hpp"
#include "agent/enrich/users.hpp"
#include "include/util/clock.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::agent {

/// Not thread-safe: lives on the observing thread, since Digests stat()s through the registrar.
class Enricher {
 public:
  Enricher(const ProcessSource& processes, Containers& containers, Digests& digests, Users& users, const Clock& clock,
           std::string proc_root = "/proc");

  /// Everything that can be known about who made a change. Never fails: what is missing is said in `missing`, one
  /// sentence each, ready for wire::Finding::missing_evidence.
  wire::Actor actor(const mark_actor& raw, std::vector<std::string>& missing);

  /// What runs now and was started before the agent; see ProcessTable. Once, after the start.
  void remember_running() { processes_.remember_running(); }

  /// Executables whose digest could not be taken, so far.
  std::uint64_t digests_unreadable() const { return digests_.unreadable(); }

  /// The process and its ancestors, as far as they are known.
  std::vector<process_key> lineage(const mark_actor& raw);

  /// Who holds the POSIX write lock of the file at `path`, by the kernel's table of locks: so OpenTofu and Terraform
  /// lock a state file. nullopt: nobody, or nobody that is known for sure.
  std::optional<ProcessFacts> lock_holder(const std::string& path);

  /// Whether this very process still runs.
  bool is_alive(const process_key& key) const { return is_running(proc_root_, key); }

  /// Only the process itself (for wire::Finding::first_actor).
  wire::Process process(const mark_actor& raw);

 private:
  ProcessFacts facts_of(const mark_actor& raw, bool& in_table);
  std::vector<ProcessFacts> ancestors(const ProcessFacts& of, bool& complete);
  wire::Process describe(const ProcessFacts& facts, const std::vector<ProcessFacts>& lineage);

  std::uint32_t host_mount_ns();
  std::int64_t proven_ctime(const ProcessFacts& facts) const;
  wire::Process describe_anew(const ProcessFacts& facts, const std::vector<ProcessFacts>& lineage);

  /// A process that was described with its digest stays as it was until it executes something else. The same few
  /// ancestors stand behind nearly every change, and /proc and digests are what an actor's cost consists of.
  using Described = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t, std::uint64_t>;
  std::map<Described, wire::Process> described_;  // bounded; emptied at its bound

  ProcessTable processes_;
  Containers& containers_;
  Digests& digests_;
  Users& users_;
  const Clock& clock_;
  std::string proc_root_;
  std::uint32_t host_mount_ns_ = 0;
};

}  // namespace plumbline::agent
