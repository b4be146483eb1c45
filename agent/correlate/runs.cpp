#include "agent/correlate/runs.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>

#include "agent/enrich/process_facts.hpp"

namespace plumbline::agent {
namespace {

constexpr std::uint64_t minute = 60'000'000'000;
constexpr std::size_t most_did = 4096;
constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

std::string name_of(const mark_actor& actor) {
  return std::string(actor.comm, ::strnlen(actor.comm, sizeof actor.comm));
}

}  // namespace

void Runs::add(Run&& run) {
  const auto known = std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) {
    return r.baseline == run.baseline && same_process(r.process, run.process) && r.version == run.version &&
           r.wrote == run.wrote;
  });
  if (known != runs_.end() && !run.version.empty()) {  // once it was one, it is
    // To the minute: a tool reads its state many times.
    if (run.is_proven && (!known->is_proven || run.until > known->until + minute)) ++changes_;
    known->is_proven = known->is_proven || run.is_proven;
    known->until = std::max(known->until, run.until);
    return;
  }
  // What nobody has proven may be anything: it makes room for others, and of one process there is little.
  const auto unproven = [&](bool of_its_process) {
    return std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) {
      return !r.is_proven && (!of_its_process || same_process(r.process, run.process));
    });
  };
  const auto count = std::count_if(runs_.begin(), runs_.end(),
                                   [&](const Run& r) { return !r.is_proven && same_process(r.process, run.process); });
  if (!run.is_proven && static_cast<std::size_t>(count) >= options_.max_unproven_of_one) {
    runs_.erase(unproven(true));
    ++forgotten_;
  } else if (runs_.size() >= options_.max_runs) {
    const auto first = unproven(false);
    ++forgotten_;
    if (first == runs_.end() && !run.is_proven) return;
    runs_.erase(first == runs_.end() ? runs_.begin() : first);
  }
  if (run.is_proven) ++changes_;
  runs_.push_back(std::move(run));
}

void Runs::locked(const std::string& baseline, const mark_actor& by, const LockFile& file) {
  locked(baseline, process_of(by), name_of(by), by.at_boot_ns, file);
}

void Runs::locked(const std::string& baseline, const process_key& by, const std::string& name, std::uint64_t at_boot_ns,
                  const LockFile& file) {
  unlocked(baseline, at_boot_ns);
  add({baseline, by, name, "", false, true, at_boot_ns, for_ever, file});
}

bool Runs::holds(const std::string& baseline, const LockFile& file) const {
  return std::any_of(runs_.begin(), runs_.end(), [&](const Run& run) {
    return run.baseline == baseline && run.version.empty() && run.until == for_ever && run.lock.inode == file.inode &&
           run.lock.changed == file.changed;
  });
}

void Runs::unlocked(const std::string& baseline, std::uint64_t at_boot_ns) {
  for (auto& run : runs_)
    if (run.baseline == baseline && run.version.empty() && run.from <= at_boot_ns && run.until > at_boot_ns) {
      run.until = at_boot_ns;
      ++changes_;
    }
}

bool Runs::had_state(const std::string& baseline, const mark_actor& by, const std::string& version, bool wrote) {
  if (version.empty()) return false;  // nothing to hold against what the agent fetches
  const bool is_proven = std::any_of(versions_.begin(), versions_.end(), [&](const auto& known) {
    return known.first == baseline && known.second == version;
  });
  add({baseline, process_of(by), name_of(by), version, wrote, is_proven, by.at_boot_ns,
       by.at_boot_ns + static_cast<std::uint64_t>(options_.lasts_ns)});
  if (is_proven) prove_lock(baseline, process_of(by));
  return is_proven;
}

void Runs::prove_lock(const std::string& baseline, const process_key& process) {
  for (auto& run : runs_)
    if (run.baseline == baseline && run.version.empty() && !run.is_proven && same_process(run.process, process)) {
      run.is_proven = true;
      ++changes_;
    }
}

void Runs::leased(const std::string& baseline, const mark_actor& by, bool held) {
  const process_key process = process_of(by);
  bool had_state = false, is_known = false;
  for (auto& run : runs_) {
    if (run.baseline != baseline || !same_process(run.process, process)) continue;
    had_state = had_state || (run.is_proven && !run.version.empty() && run.until >= by.at_boot_ns);
    is_known = is_known || (run.version.empty() && run.until > by.at_boot_ns);
    if (held || run.until <= by.at_boot_ns) continue;
    run.until = by.at_boot_ns;
    if (run.is_proven) ++changes_;
  }
  if (held && !is_known) add({baseline, process, name_of(by), "", false, had_state, by.at_boot_ns, for_ever});
}

void Runs::fetched(const std::string& baseline, const std::string& version) {
  if (version.empty()) return;
  const auto known =
      std::find_if(versions_.begin(), versions_.end(), [&](const auto& v) { return v.first == baseline; });
  if (known == versions_.end())
    versions_.emplace_back(baseline, version);
  else
    known->second = version;
  for (auto& run : runs_)
    if (run.baseline == baseline && run.version == version && !run.is_proven) {
      run.is_proven = true;
      ++changes_;
      prove_lock(baseline, run.process);
    }
}

void Runs::forget(const std::string& baseline) {
  std::erase_if(runs_, [&](const Run& run) { return run.baseline == baseline; });
  std::erase_if(versions_, [&](const auto& version) { return version.first == baseline; });
  std::erase_if(did_, [&](const auto& did) { return did.first.first == baseline; });
  ++changes_;
}

void Runs::did(const std::string& baseline, const std::string& resource, const process_key& process) {
  if (did_.size() >= most_did) did_.clear();  // what they did is then to be shown by a revision
  did_[{baseline, resource}] = process;
  ++changes_;
}

std::optional<process_key> Runs::who_did(const std::string& baseline, const std::string& resource) const {
  const auto found = did_.find({baseline, resource});
  return found == did_.end() ? std::nullopt : std::optional(found->second);
}

Runs::Kept Runs::keep() const {
  Kept kept{{}, did_};
  std::copy_if(runs_.begin(), runs_.end(), std::back_inserter(kept.runs), [](const Run& run) { return run.is_proven; });
  return kept;
}

void Runs::take_over(Kept&& kept, const std::function<bool(const process_key&)>& is_alive) {
  for (auto& run : kept.runs) {
    const bool is_held_elsewhere = run.version.empty() && run.lock.inode == 0 && run.until == for_ever;
    if (is_held_elsewhere) continue;
    run.is_proven = true;
    if (is_alive(run.process)) add(std::move(run));
  }
  for (const auto& [of, process] : kept.did)
    if (did_.size() < most_did) did_.emplace(of, process);
}

std::optional<Runs::Found> Runs::find(const std::string& baseline, std::span<const process_key> lineage,
                                      std::uint64_t at_boot_ns) const {
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->baseline != baseline || !run->is_proven || at_boot_ns < run->from || at_boot_ns > run->until) continue;
    if (std::none_of(lineage.begin(), lineage.end(), [&](const auto& key) { return same_process(key, run->process); }))
      continue;
    const std::string who = run->name + " (pid " + std::to_string(run->process.tgid) + ")";
    if (run->version.empty()) return Found{who + " holds the lock of this baseline's state", run->process};
    return Found{who + (run->wrote ? " wrote" : " read") + " this baseline's state, the version that was in force",
                 run->process};
  }
  return std::nullopt;
}

bool Runs::wrote(const std::string& baseline, const process_key& process) const {
  return std::any_of(runs_.begin(), runs_.end(), [&](const Run& run) {
    return run.baseline == baseline && run.wrote && run.is_proven && same_process(run.process, process) &&
           std::find(versions_.begin(), versions_.end(), std::pair(baseline, run.version)) != versions_.end();
  });
}

}  // namespace plumbline::agent
