// A crash, or a failing call, at every single call that the spool makes of the system.
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/spool/fault_layer.hpp"
#include "tests/unit/spool/spool_fixture.hpp"

namespace plumbline::agent {
namespace {

constexpr int groups = 14;
constexpr std::uint64_t far = 1'000'000;

SpoolOptions options() {
  return {"/spool", 1 << 20, 900};
}  // a handful of records to a segment

/// Drives a spool and keeps what it promised.
struct Workload {
  FaultFiles files;
  SystemClock clock;
  std::unique_ptr<Spool> spool;
  std::map<std::uint64_t, std::string> promised;  ///< sequence → body: append() returned it
  std::vector<wire::Record> in_doubt;             ///< of the append during which the machine went down
  std::uint64_t acknowledged = 0;                 ///< … as acknowledge() returned
  std::uint64_t checkpointed = 0;
  int made = 0;

  bool open() {
    auto opened = open_spool(options(), clock, files);
    if (!opened) return false;
    spool = std::move(*opened);
    return true;
  }

  /// One append of one to three records, 20 to 400 bytes each, so that some cross a sector's edge.
  bool append(int group) {
    std::vector<wire::Record> tried;
    auto wanted = drafts(1 + static_cast<std::size_t>(group) % 3, "g" + std::to_string(made++),
                         static_cast<std::size_t>(group) * 97 % 380);
    for (auto& draft : wanted)
      draft.make = [make = draft.make, &tried](std::uint64_t sequence, wire::Record& record) {
        make(sequence, record);
        tried.push_back(record);
        tried.back().sequence = sequence;
      };
    const auto records = spool->append(std::move(wanted));
    if (!records) {
      in_doubt = std::move(tried);
      return false;
    }
    in_doubt.clear();
    for (const auto& record : *records) promised[record.sequence] = record.body;
    return true;
  }

  void move_cursors(int group) {
    if (group % 3 == 1 && spool->acknowledge(promised.rbegin()->first)) acknowledged = promised.rbegin()->first;
    if (group % 4 == 2 && spool->checkpoint(promised.rbegin()->first)) checkpointed = promised.rbegin()->first;
  }

  void run() {
    if (!open()) return;
    for (int group = 0; group < groups; ++group) {
      if (!append(group)) return;
      if (!files.crashed()) expect_only_the_promised();
      move_cursors(group);
    }
  }

  void expect_only_the_promised() {
    const auto seen = spool->read(0, far, far);
    if (!seen) return;  // the fault met this very read; nothing was seen
    for (const auto& record : *seen) {
      const auto found = promised.find(record.sequence);
      ASSERT_TRUE(found != promised.end()) << "a reader saw " << record.sequence << ", which was never committed";
      EXPECT_EQ(found->second, record.body);
    }
  }

  /// Everything promised is there once, unless both cursors passed it; of the rest, at most one whole group in doubt.
  void check_after_restart() {
    const auto records = read_all(*spool);
    std::map<std::uint64_t, std::string> found;
    std::uint64_t previous = 0;
    for (const auto& record : records) {
      EXPECT_GT(record.sequence, previous) << "doubled or out of order";
      previous = record.sequence;
      found[record.sequence] = record.body;
    }
    const std::uint64_t passed = std::min(spool->status().acknowledged, spool->status().checkpoint);
    for (const auto& [sequence, body] : promised) {
      const auto it = found.find(sequence);
      if (it == found.end()) {
        EXPECT_LE(sequence, passed) << "lost";
        continue;
      }
      EXPECT_EQ(it->second, body);
      found.erase(it);
    }
    if (!found.empty()) {
      EXPECT_EQ(found.size(), in_doubt.size()) << "a group came back in part";
      for (const auto& record : in_doubt) EXPECT_EQ(found[record.sequence], record.body);
    }
    EXPECT_GE(spool->status().acknowledged, acknowledged);
    EXPECT_GE(spool->status().checkpoint, checkpointed);
    EXPECT_LE(spool->status().acknowledged, promised.empty() ? 0 : promised.rbegin()->first);

    const std::uint64_t highest = std::max(previous, promised.empty() ? 0 : promised.rbegin()->first);
    auto next = spool->append(drafts(2, "after"));
    ASSERT_TRUE(next) << next.error().message();
    EXPECT_EQ(next->front().sequence, highest + 1) << "a crash makes neither a hole nor a second use of a sequence";
    EXPECT_EQ(read_all(*spool, highest).size(), 2u);
  }
};

std::uint64_t calls_of_a_whole_run() {
  Workload workload;
  workload.run();
  EXPECT_GT(workload.spool->status().segments, 1u) << "the workload must cross segments";
  EXPECT_FALSE(workload.files.exists("/spool/" + std::string(19, '0') + "1.seg")) << "... and free some";
  return workload.files.calls();
}

class CrashAtEveryCall : public testing::TestWithParam<Survival> {};

TEST_P(CrashAtEveryCall, LosesNothingDoublesNothing) {
  const std::uint64_t calls = calls_of_a_whole_run();
  ASSERT_GT(calls, 60u);
  const std::uint32_t seeds = GetParam() == Survival::torn ? 12 : 1;
  for (std::uint64_t call = 1; call <= calls + 1; ++call)
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
      SCOPED_TRACE("call " + std::to_string(call) + " seed " + std::to_string(seed));
      Workload workload;
      workload.files.fail_at(call, Fault::crash);
      workload.run();
      workload.spool.reset();
      workload.files.crash(GetParam(), seed);
      ASSERT_TRUE(workload.open());
      workload.check_after_restart();
      if (HasFailure()) return;
    }
}

TEST_P(CrashAtEveryCall, TwiceInARowDuringTheRestartToo) {
  const std::uint64_t calls = calls_of_a_whole_run();
  for (std::uint64_t call = 20; call <= calls; call += 7)
    for (std::uint64_t again = 1; again <= 40; ++again) {
      SCOPED_TRACE("call " + std::to_string(call) + " then " + std::to_string(again));
      Workload workload;
      workload.files.fail_at(call, Fault::crash);
      workload.run();
      workload.spool.reset();
      workload.files.crash(GetParam(), 1);
      workload.files.fail_at(again, Fault::crash);
      workload.open();
      workload.spool.reset();
      workload.files.crash(GetParam(), 2);
      ASSERT_TRUE(workload.open());
      workload.check_after_restart();
      if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Survivals, CrashAtEveryCall,
                         testing::Values(Survival::nothing, Survival::everything, Survival::torn),
                         [](const auto& shown) {
                           return std::string(shown.param == Survival::nothing      ? "nothing"
                                              : shown.param == Survival::everything ? "everything"
                                                                                    : "torn");
                         });

struct Failure {
  Fault fault;
  std::uint64_t times;
};

class FailureAtEveryCall : public testing::TestWithParam<Failure> {};

/// The process lives on and repeats what failed; a crash at the very end shows what had really become durable.
TEST_P(FailureAtEveryCall, IsRepeatedWithoutLossOrDouble) {
  const std::uint64_t calls = calls_of_a_whole_run();
  for (std::uint64_t call = 1; call <= calls; ++call)
    for (const Survival survival : {Survival::nothing, Survival::everything, Survival::torn}) {
      SCOPED_TRACE("call " + std::to_string(call));
      Workload workload;
      workload.files.fail_at(call, GetParam().fault, GetParam().times);
      for (int tries = 0; !workload.spool && tries < 20; ++tries) workload.open();
      ASSERT_TRUE(workload.spool) << "opening may fail while the fault lasts, not for ever";
      for (int group = 0; group < groups; ++group) {
        bool appended = workload.append(group);
        for (int tries = 0; !appended && tries < 20; ++tries) appended = workload.append(group);
        ASSERT_TRUE(appended) << "group " << group;
        workload.expect_only_the_promised();
        workload.move_cursors(group);
      }
      EXPECT_EQ(workload.promised.rbegin()->first, workload.promised.size()) << "sequences without holes";
      workload.spool.reset();
      workload.files.crash(survival, 7);
      ASSERT_TRUE(workload.open());
      workload.check_after_restart();
      if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Faults, FailureAtEveryCall,
                         testing::Values(Failure{Fault::io, 1}, Failure{Fault::io, 2}, Failure{Fault::io, 9},
                                         Failure{Fault::full, 1}, Failure{Fault::full, 2}, Failure{Fault::full, 9}),
                         [](const auto& shown) {
                           return std::string(shown.param.fault == Fault::io ? "io" : "full") + "_" +
                                  std::to_string(shown.param.times);
                         });

}  // namespace
}  // namespace plumbline::agent
