#include "agent/enrich/enricher.hpp"

#include "agent/enrich/file_locks.hpp"
#include "agent/enrich/redact.hpp"

#include <algorithm>
#include <cstring>

namespace plumbline::agent {
namespace {

constexpr std::size_t max_lineage = 32;
constexpr std::size_t max_described = 512;
constexpr std::int64_t two_ticks = 20'000'000;  // of the slowest kernel clock, CONFIG_HZ=100
constexpr std::uint32_t no_login = 0xffffffff;

bool same_inode(const mark_key& a, const mark_key& b) {
  return a.ino == b.ino && a.dev == b.dev && a.subvolume == b.subvolume;
}

void forget_image(ProcessFacts& facts) {
  facts.exe.clear();
  facts.exe_cut = false;
  facts.argv.clear();
  facts.exe_inode = {};
  facts.exe_generation = 0;
  facts.exe_ctime_ns = 0;
  facts.image_boot_ns = 0;
}

}  // namespace

Enricher::Enricher(const ProcessSource& processes, Containers& containers, Digests& digests, Users& users,
                   const Clock& clock, std::string proc_root)
    : processes_(processes, proc_root),
      containers_(containers),
      digests_(digests),
      users_(users),
      clock_(clock),
      proc_root_(std::move(proc_root)) {}

ProcessFacts Enricher::facts_of(const mark_actor& raw, bool& in_table) {
  const process_key key = process_of(raw);
  auto found = processes_.find(key, raw.image);
  in_table = found.has_value();
  ProcessFacts facts = found ? std::move(*found) : ProcessFacts{};
  // What was copied in the very moment of the change stands above what the table says of the process.
  facts.key = key;
  facts.uid = raw.uid;
  facts.login_uid = raw.login_uid;
  facts.mount_ns = raw.mount_ns;
  facts.cgroup_id = raw.cgroup_id;
  facts.cgroup_v1_id = raw.cgroup_v1_id;
  facts.comm.assign(raw.comm, ::strnlen(raw.comm, sizeof raw.comm));
  // Without its image's key only what was executed before the change can be what made it.
  const bool later = raw.image.exec_boot_ns == 0 && facts.image_boot_ns > raw.at_boot_ns;
  if (later || !same_inode(facts.exe_inode, raw.exe)) {
    if (later || facts.exe_inode.ino != 0) {
      facts.exe.clear();
      facts.exe_cut = false;
      facts.argv.clear();
    }
    facts.exe_inode = raw.exe;
    facts.exe_generation = 0;
    facts.exe_ctime_ns = 0;
  }
  return facts;
}

std::vector<ProcessFacts> Enricher::ancestors(const ProcessFacts& of, bool& complete) {
  std::vector<ProcessFacts> lineage;
  complete = of.pid_ns_init || of.key.tgid <= 2;
  process_key next = of.parent;
  image_key image = of.parent_image;
  std::uint64_t forked_at = of.key.start_boot_ns;
  while (!complete && next.tgid != 0 && lineage.size() < max_lineage) {
    auto facts = processes_.find(next, image);
    if (!facts) return lineage;
    if (facts->image_boot_ns > forked_at) forget_image(*facts);  // it executes that only since
    image = facts->parent_image;
    forked_at = facts->key.start_boot_ns;
    // A container's init: what lies above it is the runtime, not the workload.
    complete = facts->pid_ns_init || facts->key.tgid <= 2;
    next = facts->parent;
    const bool loop = same_process(next, facts->key);
    lineage.push_back(std::move(*facts));
    if (loop) break;
  }
  if (next.tgid == 0) complete = true;  // a thread of the kernel
  return lineage;
}

std::optional<ProcessFacts> Enricher::lock_holder(const std::string& path) {
  const auto pid = write_locker(proc_root_, path);
  return pid ? processes_.running(*pid) : std::nullopt;
}

wire::Process Enricher::describe(const ProcessFacts& facts, const std::vector<ProcessFacts>& lineage) {
  const Described key{facts.key.tgid, facts.key.start_boot_ns, facts.image_boot_ns, facts.exe_inode.ino};
  if (const auto it = described_.find(key); it != described_.end()) {
    wire::Process known = it->second;
    known.uid = facts.uid;  // a process may change its user without executing anything
    known.user = users_.user(facts.uid);
    known.comm = facts.comm;
    return known;
  }
  wire::Process fresh = describe_anew(facts, lineage);
  if (facts.image_boot_ns != 0 && !fresh.exe_sha256.empty()) {
    if (described_.size() >= max_described) described_.clear();
    described_[key] = fresh;
  }
  return fresh;
}

wire::Process Enricher::describe_anew(const ProcessFacts& facts, const std::vector<ProcessFacts>& lineage) {
  wire::Process p;
  p.pid = facts.key.tgid;
  if (facts.key.start_boot_ns != 0)
    p.start_time = clock_.wall_at_boot(static_cast<std::int64_t>(facts.key.start_boot_ns));
  // What is left of a long path must not pass for one from the root: a rule's glob could fit it.
  p.exe = (facts.exe_cut ? "…" : "") + facts.exe;
  p.comm = facts.comm;
  p.argv = redact_argv(facts.argv);
  p.argv_truncated = facts.argv_cut;
  p.uid = facts.uid;
  p.user = users_.user(facts.uid);
  if (facts.login_uid != no_login) {
    p.login_uid = facts.login_uid;
    p.login_user = users_.user(facts.login_uid);
  }
  p.tty = facts.tty;

  // Started before the agent: nobody noted its inode, but what it runs can be asked.
  if (facts.exe_inode.ino == 0) {
    if (!facts.exe.empty() && is_running(proc_root_, facts.key))
      p.exe_sha256 = digests_.of_path(proc_root_ + "/" + std::to_string(facts.key.tgid) + "/exe");
    return p;
  }
  // A process that ended is hashed through a path, in the root of a relative that still runs in its mount namespace.
  std::vector<Digests::Candidate> candidates;
  const auto proc = [&](const ProcessFacts& f) { return proc_root_ + "/" + std::to_string(f.key.tgid); };
  if (is_running(proc_root_, facts.key)) candidates.push_back({proc(facts) + "/exe", "", true});
  if (!facts.exe.empty() && !facts.exe_cut) {
    for (const auto& relative : lineage)
      if (relative.mount_ns == facts.mount_ns && is_running(proc_root_, relative.key)) {
        candidates.push_back({facts.exe, proc(relative) + "/root", false});
        break;
      }
    candidates.push_back({facts.exe, "/", false});
  }
  p.exe_sha256 = digests_.of({facts.exe_inode, facts.exe_generation, proven_ctime(facts)}, candidates);
  return p;
}

/// 0 where the executable had been written just before it ran: a clock tick that covers both would cover the writing of
/// other bytes after it too.
std::int64_t Enricher::proven_ctime(const ProcessFacts& facts) const {
  if (facts.image_boot_ns == 0) return 0;
  const std::int64_t ran = clock_.wall_at_boot(static_cast<std::int64_t>(facts.image_boot_ns));
  return facts.exe_ctime_ns + two_ticks < ran ? facts.exe_ctime_ns : 0;
}

/// That of the first kernel thread, which no container can have; 0 = not known.
std::uint32_t Enricher::host_mount_ns() {
  if (host_mount_ns_ == 0) host_mount_ns_ = processes_.mount_ns_of(2);
  return host_mount_ns_;
}

std::vector<process_key> Enricher::lineage(const mark_actor& raw) {
  bool in_table = false, complete = false;
  const ProcessFacts facts = facts_of(raw, in_table);
  std::vector<process_key> keys = {facts.key};
  for (const auto& ancestor : ancestors(facts, complete)) keys.push_back(ancestor.key);
  return keys;
}

wire::Process Enricher::process(const mark_actor& raw) {
  bool in_table = false;
  const ProcessFacts facts = facts_of(raw, in_table);
  bool complete = false;
  return describe(facts, ancestors(facts, complete));
}

wire::Actor Enricher::actor(const mark_actor& raw, std::vector<std::string>& missing) {
  wire::Actor actor;
  if (raw.at_boot_ns == 0) {
    actor.unknown_reason = "the mark holds no actor";
    missing.push_back("actor");
    return actor;
  }
  bool in_table = false;
  const ProcessFacts facts = facts_of(raw, in_table);
  auto lineage = ancestors(facts, actor.lineage_complete);
  actor.process = describe(facts, lineage);
  for (std::size_t i = 0; i < lineage.size(); ++i)
    actor.lineage.push_back(
        describe(lineage[i], {lineage.begin() + static_cast<std::ptrdiff_t>(i) + 1, lineage.end()}));

  std::string container_missing;
  if (auto found = containers_.find(facts.cgroup_id, facts.cgroup_v1_id)) {
    container_missing = std::move(found->missing);
    actor.container = std::move(found->container);
  } else if (facts.mount_ns != 0 && host_mount_ns() != 0 && facts.mount_ns != host_mount_ns() &&
             !containers_.of_host(facts.cgroup_id, facts.cgroup_v1_id)) {
    container_missing = container_files_gone;
  }
  const bool named = !actor.process->exe.empty() || facts.exe_inode.ino == 0;
  if (!named) missing.push_back("name and arguments of what ran: its image had made room, only its inode is known");
  if (facts.exe_cut)
    missing.push_back("the beginning of the executable's path: it is longer than what the kernel side keeps");
  if (!in_table)
    missing.push_back("the process had left the process table: its argv and lineage are lost");
  else if (!actor.lineage_complete)
    missing.push_back("lineage up to an init: an ancestor is not known");
  if (actor.process->exe_sha256.empty() && facts.exe_inode.ino != 0)
    missing.push_back("digest of the executable: the file that ran is gone, or was changed since, or just before");
  if (!container_missing.empty()) missing.push_back("container: " + container_missing);
  actor.resolved = in_table && named && actor.lineage_complete && container_missing.empty();
  return actor;
}

}  // namespace plumbline::agent
