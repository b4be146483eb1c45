// An observer over real files, to which baselines are handed and its configuration changed. Kernel side and clock are
// doubles.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include "agent/observer.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/handed.hpp"
#include "tests/unit/support/no_processes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {

class ObserverHanded : public ::testing::Test {
 protected:
  ObserverHanded() {
    std::filesystem::create_directory(dir_ / "state");
    ::chmod(file_.c_str(), 0600);
    spool_ = open_spool({dir_ / "state/spool", 64 << 20, 1 << 20}, clock_).value();
  }
  void start(std::vector<baseline::SourceSpec> sources, std::shared_ptr<const fetch::Handed> kept = nullptr) {
    observer_ = std::make_unique<Observer>(
        ObserverOptions{identity_, dir_ / "state", std::move(sources), 1 << 20, 3'600'000'000'000,
                        HandoutSetup{"http://collector", &fleet_key_, std::move(kept), "", std::chrono::hours(1)},
                        true},
        ObserverParts{kernel_, enricher_, containers_, *spool_, state_, users_, key_, clock_, counters_},
        [](wire::Finding&, bool) {});
    const auto started = observer_->start();
    ASSERT_TRUE(started) << started.error().message();
  }
  /// The file has mode 0600: what expects 0644 is drift.
  std::string entry(const std::string& path, const std::string& more = "mode: \"0644\"") {
    return "- {path: " + path + ", " + more + "}";
  }
  fetch::HandedBaseline handed(const std::string& name, const std::string& revision, const std::string& files) {
    return test::handed_manifest(name, revision, files, fleet_key_, dir_ / "scratch");
  }
  void take(std::vector<fetch::HandedBaseline> baselines, std::vector<std::string> missing = {}) {
    auto list = std::make_shared<fetch::Handed>();
    list->sequence = ++sequence_;
    list->issued_at = clock_.wall();
    list->baselines = std::move(baselines);
    list->missing = std::move(missing);
    observer_->take_handed(std::shared_ptr<const fetch::Handed>(std::move(list)));
  }
  baseline::SourceSpec own(const std::string& name, const std::string& file = "own.yaml") {
    return {name, "manifest", dir_ / file};
  }
  void write_own(const std::string& file = "own.yaml", const std::string& more = "mode: \"0644\"") {
    dir_.write(file, "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"7\"\nfiles:\n" + entry(file_, more) + "\n");
  }
  wire::Drift only_drift() {
    const auto drifts = state_.drifts();
    EXPECT_EQ(drifts.size(), 1u);
    return drifts.empty() ? wire::Drift{} : drifts[0];
  }
  int rows(const std::string& text) {
    int count = 0;
    const std::string status = state_.status_json();
    for (auto at = status.find(text); at != std::string::npos; at = status.find(text, at + 1)) ++count;
    return count;
  }
  std::string blind_spots() {
    std::string all;
    for (const auto& spot : state_.blind_spots()) all += spot.id + " " + spot.scope + ": " + spot.because + "\n";
    return all;
  }

  const NodeIdentity identity_{std::string(32, 'a'), "node-1", std::string(32, 'b'), std::string(64, 'c'), {}};
  const TempDir dir_;
  const std::string file_ = dir_.write("managed", "x");
  fetch::test::FakeClock clock_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  const baseline::KeyedHash fleet_key_{std::array<std::byte, 32>{std::byte{1}}};
  NoProcesses processes_;
  Users users_;
  TempDir empty_;
  Containers containers_{{empty_.path(), empty_.path()}};
  Digests digests_{[](const std::string&, const std::string&) { return std::optional<OpenedExecutable>(); }};
  Enricher enricher_{processes_, containers_, digests_, users_, clock_, empty_.path()};
  Counters counters_;
  FakeKernel kernel_;
  NodeState state_{identity_, counters_, 100};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Observer> observer_;
  std::uint64_t sequence_ = 0;
};

}  // namespace plumbline::agent
