// What an observer works with in a test: files, spool and snapshot are real, kernel side and clock are doubles.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/observer.hpp"
#include "tests/unit/fetch/fakes.hpp"
#include "tests/unit/support/fake_kernel.hpp"
#include "tests/unit/support/few_processes.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {

class ObserverFixture : public ::testing::Test {
 protected:
  ObserverFixture() {
    std::filesystem::create_directory(dir_ / "state");
    spool_ = open_spool({dir_ / "state/spool", 64 << 20, 1 << 20}, clock_).value();
  }

  /// Not started. `clock` nullptr: the fixture's.
  void make_observer(
      std::vector<baseline::SourceSpec> sources, std::optional<HandoutSetup> handout = std::nullopt,
      Judge judge = [](wire::Finding&, bool, const std::string&, const ApprovalState&) {},
      const Clock* clock = nullptr) {
    observer_.reset();
    observer_ = std::make_unique<Observer>(ObserverOptions{identity_, dir_ / "state", std::move(sources), 1 << 20, hour,
                                                           std::move(handout), hour / 2, true, most_},
                                           ObserverParts{kernel_, enricher_, containers_, *spool_, state_, users_, key_,
                                                         clock != nullptr ? *clock : clock_, counters_},
                                           std::move(judge));
  }
  void start() {
    const auto started = observer_->start();
    ASSERT_TRUE(started) << started.error().message();
  }

  std::uint32_t most_ = 4096;  ///< ObserverOptions::max_container_files
  static constexpr std::int64_t hour = 3'600'000'000'000;
  const NodeIdentity identity_{std::string(32, 'a'), "node-1", std::string(32, 'b'), std::string(64, 'c'), {}};
  const TempDir dir_;
  fetch::test::FakeClock clock_;
  const baseline::KeyedHash key_{std::array<std::byte, 32>{}};
  TempDir empty_;
  FewProcesses processes_{empty_.path()};
  Users users_;
  Containers containers_{{empty_.path(), {empty_.path()}}};
  Digests digests_{[](const std::string&, const std::string&) { return std::optional<OpenedExecutable>(); }};
  Enricher enricher_{processes_, containers_, digests_, users_, clock_, empty_.path()};
  Counters counters_;
  FakeKernel kernel_;
  NodeState state_{identity_, counters_, 100};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Observer> observer_;
};

}  // namespace plumbline::agent
