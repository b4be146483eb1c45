// An observer over real files, to which baselines are handed and its configuration changed. Kernel side and clock are
// doubles.
#pragma once

#include <sys/stat.h>

#include "tests/unit/observer/observer_fixture.hpp"
#include "tests/unit/support/handed.hpp"

namespace plumbline::agent {

class ObserverHanded : public ObserverFixture {
 protected:
  ObserverHanded() { ::chmod(file_.c_str(), 0600); }
  HandoutSetup handout(std::shared_ptr<const fetch::Handed> kept = nullptr) {
    return {"http://collector", &fleet_key_, std::move(kept), "", std::chrono::hours(1)};
  }
  void start_with(std::vector<baseline::SourceSpec> sources, std::shared_ptr<const fetch::Handed> kept = nullptr) {
    make_observer(std::move(sources), handout(std::move(kept)));
    start();
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

  const std::string file_ = dir_.write("managed", "x");
  const baseline::KeyedHash fleet_key_{std::array<std::byte, 32>{std::byte{1}}};
  std::uint64_t sequence_ = 0;
};

}  // namespace plumbline::agent
