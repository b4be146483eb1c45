// A declared double of the agent behind the API: holds what a test puts in and is as strict as the contract of
// NodeView (order, whole sequences, wake after the event can be read).
#pragma once

#include <algorithm>
#include <mutex>

#include "agent/api/node_view.hpp"

namespace plumbline::agent::test {

class FakeNode final : public NodeView {
 public:
  std::vector<wire::Drift> all_drifts;
  std::vector<wire::Finding> all_findings;
  std::vector<wire::ResourceStatus> all_resources;
  std::vector<wire::ResourceOwner> all_owners;
  std::vector<wire::BlindSpot> all_blind_spots;
  std::string status = R"({"version":"0.1.0","node":"node-1"})";
  std::vector<HealthCheck> live_checks{{"loop", true, "turns"}};
  std::vector<HealthCheck> ready_checks{{"hooks", true, ""}, {"spool", true, ""}};
  std::vector<HealthCheck> started_checks{{"first_check", true, ""}};

  /// Events of one record; one sequence.
  void happen(std::vector<std::pair<std::string, std::string>> events) {
    std::vector<std::function<void()>> wakes;
    {
      const std::lock_guard lock(mutex_);
      ++last_;
      for (auto& [event, data] : events) events_.push_back({last_, event, data});
      for (const auto& [id, wake] : subscribers_) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake();
  }
  /// Sequences up to this one can no longer be read.
  void forget(std::uint64_t through) {
    const std::lock_guard lock(mutex_);
    std::erase_if(events_, [&](const StreamEvent& e) { return e.sequence <= through; });
    oldest_ = through + 1;
  }
  std::size_t subscribers() const {
    const std::lock_guard lock(mutex_);
    return subscribers_.size();
  }

  std::vector<wire::Drift> drifts() const override { return locked(all_drifts); }
  std::vector<wire::Finding> findings() const override { return locked(all_findings); }
  std::vector<wire::ResourceStatus> resources() const override { return locked(all_resources); }
  std::vector<wire::ResourceOwner> owners_of(const std::string& path_or_id) const override {
    auto all = locked(all_owners);
    std::erase_if(all, [&](const auto& owner) { return owner.ids.empty() || owner.ids[0] != path_or_id; });
    return all;
  }
  std::vector<wire::BlindSpot> blind_spots() const override { return locked(all_blind_spots); }
  std::string status_json() const override { return locked(status); }
  std::string metrics_text() const override { return "# TYPE plumbline_drift_open gauge\nplumbline_drift_open 1\n"; }
  std::vector<HealthCheck> live() const override { return locked(live_checks); }
  std::vector<HealthCheck> ready() const override { return locked(ready_checks); }
  std::vector<HealthCheck> started() const override { return locked(started_checks); }

  std::vector<StreamEvent> events_after(std::uint64_t after, std::size_t limit, std::uint64_t* oldest) const override {
    const std::lock_guard lock(mutex_);
    if (oldest != nullptr) *oldest = oldest_;
    std::vector<StreamEvent> found;
    for (const auto& event : events_) {
      if (event.sequence <= after) continue;
      if (found.size() >= limit && event.sequence != found.back().sequence) break;
      found.push_back(event);
    }
    return found;
  }
  std::uint64_t last_sequence() const override {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::shared_ptr<void> subscribe(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    subscribers_[++next_] = std::move(wake);
    return {nullptr, [this, id = next_](void*) {
              const std::lock_guard unlock(mutex_);
              subscribers_.erase(id);
            }};
  }

  /// Changes the data above while a server reads it.
  template <class Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change(*this);
  }

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::vector<StreamEvent> events_;
  std::uint64_t last_ = 0;
  std::uint64_t oldest_ = 1;
  std::map<std::uint64_t, std::function<void()>> subscribers_;
  std::uint64_t next_ = 0;
};

/// A drift with every part that the command line shows. `n` makes it one of several.
inline wire::Drift sample_drift(int n = 1) {
  wire::Drift d;
  d.id = "d-3f9a1c2b-7d4e21aa-0000000000000000000" + std::to_string(n);
  d.resource = "tofu:prod-net/local_file.nginx" + std::to_string(n);
  d.opened_at = 1'764'000'000'000'000'000 + n;
  d.updated_at = d.opened_at + 60'000'000'000;
  d.count = 2;
  d.diff = {{"content_sha256", "aaaa", "bbbb", false}, {"mode", "0644", "0666", false}};
  d.where = {"node-1", "/etc/nginx/nginx" + std::to_string(n) + ".conf", {}};
  wire::Process vi;
  vi.pid = 4711;
  vi.exe = "/usr/bin/vi";
  vi.argv = {"vi", "nginx.conf"};
  vi.uid = 0;
  vi.user = "root";
  vi.login_uid = 1000;
  vi.login_user = "ana";
  vi.tty = "pts/3";
  wire::Process bash;
  bash.pid = 4700;
  bash.exe = "/bin/bash";
  bash.argv = {"bash"};
  wire::Process sshd;
  sshd.pid = 4600;
  sshd.exe = "/usr/sbin/sshd";
  d.actor.process = vi;
  d.actor.lineage = {bash, sshd};
  d.actor.lineage_complete = true;
  d.actor.resolved = true;
  d.evidence = {{"lineage", "no known writer in the lineage"}};
  d.missing_evidence = {"approved run"};
  d.findings = {"f-1", "f-2"};
  return d;
}

inline wire::ResourceStatus sample_resource(const std::string& address, const std::string& path,
                                            wire::ComparisonResult comparison = wire::ComparisonResult::match) {
  wire::ResourceStatus r;
  r.resource = address;
  r.path = path;
  r.baseline = {"prod-net", {{"serial", "7"}}};
  r.comparison = comparison;
  r.last_checked = 1'764'000'000'000'000'000;
  r.watched = true;
  return r;
}

}  // namespace plumbline::agent::test
