// The spool on real files.
#include "agent/spool/spool.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "agent/spool/segment.hpp"
#include "tests/unit/spool/spool_fixture.hpp"

namespace plumbline::agent {
namespace {

namespace fs = std::filesystem;
using Sequences = std::vector<std::uint64_t>;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::string pattern = (fs::temp_directory_path() / "plumbline-spool-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    options_ = {root_ / "state" / "spool", 1 << 20, 4096};
  }
  ~SpoolTest() override {
    spool_.reset();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void open() {
    spool_.reset();
    auto opened = open_spool(options_, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    spool_ = std::move(*opened);
  }
  void append(std::size_t count, std::size_t size = 0) {
    auto appended = spool_->append(drafts(count, "t", size));
    ASSERT_TRUE(appended) << appended.error().message();
  }
  std::vector<fs::path> files(const std::string& ending) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(options_.directory))
      if (entry.path().string().ends_with(ending)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  static void overwrite(const fs::path& path, std::uint64_t at, const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
    ASSERT_TRUE(file.flush());
  }
  static void add_to_end(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::app | std::ios::binary) << bytes;
  }

  fs::path root_;
  SpoolOptions options_;
  SystemClock clock_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, KeepsWhatWasAppendedAcrossAReopen) {
  open();
  auto appended = spool_->append(drafts(3, "one"));
  EXPECT_EQ(sequences(appended.value()), (Sequences{1, 2, 3}));
  append(2);
  open();
  const auto records = read_all(*spool_);
  EXPECT_EQ(sequences(records), (Sequences{1, 2, 3, 4, 5}));
  EXPECT_EQ(records[1].body, (*appended)[1].body);
  EXPECT_EQ(records[1].id, "id-2");
  EXPECT_EQ(records[1].at, (*appended)[1].at);
  append(1);
  EXPECT_EQ(sequences(read_all(*spool_, 5)), (Sequences{6}));
  EXPECT_EQ(spool_->status().corrupt_records, 0u);
  struct stat status{};
  ASSERT_EQ(::stat(options_.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(SpoolTest, ReadsWithinItsLimits) {
  open();
  append(10, 1000);
  EXPECT_EQ(spool_->read(0, 4, 1 << 20)->size(), 4u);
  EXPECT_EQ(spool_->read(0, 100, 2500)->size(), 2u);
  EXPECT_EQ(spool_->read(0, 100, 1)->size(), 1u) << "one record is always given, or it could never be sent";
  EXPECT_TRUE(spool_->read(10, 100, 1 << 20)->empty());
}

TEST_F(SpoolTest, WakesAfterTheAppendIsReadable) {
  open();
  Sequences seen;
  spool_->on_append([&] { seen = sequences(spool_->read(0, 10, 1 << 20).value()); });
  append(2);
  EXPECT_EQ(seen, (Sequences{1, 2}));
}

TEST_F(SpoolTest, ASecondAgentIsToldWhoHasIt) {
  open();
  const auto second = open_spool(options_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().message().find("pid " + std::to_string(::getpid())), std::string::npos)
      << second.error().message();
}

TEST_F(SpoolTest, RemovesSegmentsOnlyWhenBothCursorsPassedThem) {
  open();
  for (int i = 0; i < 12; ++i) append(1, 1000);
  const std::uint64_t segments = spool_->status().segments;
  ASSERT_GE(segments, 3u);
  ASSERT_TRUE(spool_->acknowledge(12));
  EXPECT_EQ(spool_->status().segments, segments);
  ASSERT_TRUE(spool_->checkpoint(5));
  EXPECT_EQ(spool_->read(0, 1, 1)->front().sequence, 4u) << "4 to 6 share a segment, and 6 is not covered yet";
  ASSERT_TRUE(spool_->checkpoint(12));
  EXPECT_EQ(spool_->status().segments, 1u) << "the active one stays";
  EXPECT_EQ(files(".seg").size(), 1u);
  open();
  EXPECT_EQ(spool_->status().acknowledged, 12u);
  EXPECT_EQ(spool_->status().checkpoint, 12u);
}

TEST_F(SpoolTest, CursorsNeitherGoBackNorPastTheEnd) {
  open();
  append(3);
  ASSERT_TRUE(spool_->acknowledge(2));
  ASSERT_TRUE(spool_->acknowledge(1));
  EXPECT_EQ(spool_->status().acknowledged, 2u);
  EXPECT_EQ(spool_->acknowledge(4).error().code, ErrorCode::invalid_argument);
}

TEST_F(SpoolTest, AtItsBudgetItRefusesAndRecovers) {
  options_.max_bytes = 10'000;
  open();
  std::uint64_t stored = 0;
  while (spool_->append(drafts(1, "t", 1000))) ++stored;
  EXPECT_GE(stored, 7u);
  const auto refused = spool_->append(drafts(1, "t", 1000));
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(spool_->status().append_failures, 2u);
  EXPECT_EQ(read_all(*spool_).size(), stored) << "nothing is shed to make room";
  ASSERT_TRUE(spool_->acknowledge(stored));
  ASSERT_TRUE(spool_->checkpoint(stored));
  append(1, 1000);
  EXPECT_EQ(sequences(read_all(*spool_, stored)), (Sequences{stored + 1}));
}

TEST_F(SpoolTest, ABudgetSmallerThanASegmentDoesNotWedge) {
  options_.max_bytes = 8192;
  options_.segment_bytes = 1 << 20;
  open();
  for (std::uint64_t i = 1; i <= 50; ++i) {
    append(1, 3000);
    ASSERT_TRUE(spool_->acknowledge(i));
    ASSERT_TRUE(spool_->checkpoint(i));
  }
}

TEST_F(SpoolTest, ATornTailIsCutOffCountedAndKeptForALook) {
  open();
  append(2);
  spool_.reset();
  const auto segment = files(".seg").front();
  std::string torn;
  append_frame(torn, {3, "finding", "id-3", 0, "{\"n\":3}"}, 0, true).value();
  add_to_end(segment, torn.substr(0, torn.size() - 2));
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 2}));
  EXPECT_EQ(spool_->status().corrupt_records, 1u);
  EXPECT_EQ(spool_->status().quarantined_bytes, torn.size() - 2);
  ASSERT_EQ(files(".corrupt").size(), 1u);
  EXPECT_EQ(fs::file_size(files(".corrupt").front()), torn.size() - 2);
  append(1);
  EXPECT_EQ(sequences(read_all(*spool_, 2)), (Sequences{3})) << "it never was a record, so its sequence is free";
}

TEST_F(SpoolTest, AGroupWithoutItsLastRecordNeverWas) {
  open();
  append(1);
  spool_.reset();
  std::string half;
  append_frame(half, {2, "finding", "id-2", 0, "{}"}, 0, false).value();
  append_frame(half, {3, "finding", "id-3", 0, "{}"}, 1, false).value();
  add_to_end(files(".seg").front(), half);
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1}));
}

TEST_F(SpoolTest, AGroupOfWhichOnlyTheEndCameThroughNeverWas) {
  open();
  append(1);
  spool_.reset();
  std::string end;
  append_frame(end, {3, "finding", "id-3", 0, "{}"}, 1, true).value();
  add_to_end(files(".seg").front(), std::string(60, '\0') + end);
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1}));
  EXPECT_EQ(spool_->append(drafts(1))->front().sequence, 2u);
}

TEST_F(SpoolTest, DamageInTheLastGroupCostsOnlyItselfWhereTheCursorKnowsTheGroup) {
  open();
  append(3);
  ASSERT_TRUE(spool_->acknowledge(1));  // this writes down that 3 was given out
  spool_.reset();
  const auto segment = files(".seg").front();
  std::ifstream file(segment, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  overwrite(segment, bytes.find("{\"n\":2"), "#");
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 3}));
}

TEST_F(SpoolTest, OneBadRecordInTheMiddleCostsOnlyItself) {
  open();
  append(3);
  append(1);
  spool_.reset();
  const auto segment = files(".seg").front();
  std::ifstream file(segment, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  overwrite(segment, bytes.find("{\"n\":2"), "#");
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 3, 4}));
  EXPECT_GE(spool_->status().corrupt_records, 1u);
  const auto counted = spool_->status().corrupt_records;
  (void)read_all(*spool_);
  EXPECT_EQ(spool_->status().corrupt_records, counted) << "one place is counted once";
  append(1);
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 3, 4, 5}));
}

TEST_F(SpoolTest, DamageThatComesWhileItRunsIsSkippedToo) {
  open();
  append(3, 100);
  std::ifstream file(files(".seg").front(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  overwrite(files(".seg").front(), bytes.find("{\"n\":2"), "#");
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 3}));
  EXPECT_EQ(spool_->status().corrupt_records, 1u);
}

TEST_F(SpoolTest, ABadHeaderDoesNotCostTheRecordsBehindIt) {
  open();
  append(2);
  spool_.reset();
  overwrite(files(".seg").front(), 0, "XXXX");
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 2}));
  append(1);
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 2, 3}));
  open();
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1, 2, 3}));
}

TEST_F(SpoolTest, ASegmentOfGarbageIsSetAsideAndTheRestGoesOn) {
  open();
  for (int i = 0; i < 9; ++i) append(1, 1000);
  spool_.reset();
  const auto segments = files(".seg");
  ASSERT_GE(segments.size(), 3u);
  const auto size = fs::file_size(segments[1]);
  std::ofstream(segments[1], std::ios::trunc | std::ios::binary) << std::string(size, 'g');
  open();
  EXPECT_TRUE(fs::exists(segments[1].string() + ".corrupt"));
  EXPECT_EQ(spool_->status().quarantined_bytes, size);
  const auto records = read_all(*spool_);
  EXPECT_EQ(records.front().sequence, 1u);
  EXPECT_EQ(records.back().sequence, 9u);
  EXPECT_EQ(records.size(), 6u);
  append(1);
  EXPECT_EQ(read_all(*spool_, 9).size(), 1u);
}

TEST_F(SpoolTest, SequencesAreNotUsedAgainEvenWhenEverySegmentIsGone) {
  open();
  append(5);
  ASSERT_TRUE(spool_->acknowledge(2));
  append(3);
  spool_.reset();
  for (const auto& segment : files(".seg")) fs::remove(segment);
  open();
  auto next = spool_->append(drafts(1));
  EXPECT_GT(next->front().sequence, 8u);
  EXPECT_EQ(spool_->status().acknowledged, 2u);
}

TEST_F(SpoolTest, SequencesAreNotUsedAgainWhenTheNewestSegmentIsGarbage) {
  open();
  append(5);
  spool_.reset();
  std::ofstream(files(".seg").front(), std::ios::trunc | std::ios::binary) << std::string(500, 'g');
  open();
  EXPECT_GT(spool_->append(drafts(1))->front().sequence, 5u);
}

TEST_F(SpoolTest, EitherSlotOfTheCursorMayBeTorn) {
  for (const std::uint64_t slot : {std::uint64_t{0}, std::uint64_t{4096}}) {
    fs::remove_all(options_.directory);
    open();
    append(6);
    for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(spool_->acknowledge(i));
    spool_.reset();
    overwrite(options_.directory + "/cursor", slot + 20, "torn");
    open();
    const std::uint64_t acknowledged = spool_->status().acknowledged;
    EXPECT_TRUE(acknowledged == 5 || acknowledged == 4) << acknowledged;
    EXPECT_EQ(spool_->status().corrupt_records, 1u);
    EXPECT_EQ(spool_->append(drafts(1))->front().sequence, 7u);
    ASSERT_TRUE(spool_->acknowledge(6));
    open();
    EXPECT_EQ(spool_->status().acknowledged, 6u);
  }
}

TEST_F(SpoolTest, WithoutItsCursorFileEverythingKeptIsSentAgain) {
  open();
  for (int i = 0; i < 9; ++i) append(1, 1000);
  ASSERT_TRUE(spool_->acknowledge(6));
  ASSERT_TRUE(spool_->checkpoint(6));
  spool_.reset();
  fs::remove(options_.directory + "/cursor");
  open();
  EXPECT_EQ(spool_->status().acknowledged, 6u) << "segments up to 6 are gone, so that much is known";
  EXPECT_EQ(spool_->append(drafts(1))->front().sequence, 10u);
}

TEST_F(SpoolTest, QuarantineIsBounded) {
  open();
  append(1);
  spool_.reset();
  for (int i = 0; i < 5; ++i)
    std::ofstream(options_.directory + "/0000000000000000000" + std::to_string(i) + ".seg.corrupt")
        << std::string(5 << 20, 'c');
  open();
  EXPECT_EQ(files(".corrupt").size(), 3u) << "16 MiB, the newest";
  EXPECT_FALSE(fs::exists(options_.directory + "/00000000000000000000.seg.corrupt"));
}

TEST_F(SpoolTest, ARecordThatCannotBeFramedIsRefusedAndTheSpoolGoesOn) {
  open();
  std::vector<Draft> empty{{"finding", [](std::uint64_t, wire::Record&) {}}};
  EXPECT_EQ(spool_->append(std::move(empty)).error().code, ErrorCode::invalid_argument);
  append(1);
  EXPECT_EQ(sequences(read_all(*spool_)), (Sequences{1}));
}

TEST_F(SpoolTest, ReaderAndWriterWorkSideBySide) {
  options_.segment_bytes = 3000;
  open();
  constexpr std::uint64_t total = 600;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < total / 3; ++i) ASSERT_TRUE(spool_->append(drafts(3, "t", 50)));
  });
  std::uint64_t expected = 1;
  while (expected <= total) {
    const auto records = spool_->read(expected - 1, 50, 1 << 20);
    ASSERT_TRUE(records);
    for (const auto& record : *records) ASSERT_EQ(record.sequence, expected++);
    if (records->empty()) continue;
    ASSERT_TRUE(spool_->acknowledge(expected - 1));
    ASSERT_TRUE(spool_->checkpoint(expected - 1));
  }
  writer.join();
  EXPECT_EQ(spool_->status().segments, 1u);
}

/// A child appends and reports each durable sequence through a pipe; it is killed at a random moment, again and again.
TEST_F(SpoolTest, KilledAtAnyMomentItKeepsWhatItPromised) {
  std::mt19937 random(4711);
  std::uint64_t promised = 0;
  for (int round = 0; round < 25; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      auto spool = open_spool(options_, clock_);
      if (!spool) ::_exit(1);
      for (;;) {
        const auto records = (*spool)->append(drafts(1 + random() % 4, "k", random() % 500));
        if (!records) ::_exit(2);
        const std::uint64_t last = records->back().sequence;
        if (::write(ends[1], &last, sizeof last) != sizeof last) ::_exit(3);
      }
    }
    ::close(ends[1]);
    const unsigned reports = 1 + random() % 20;
    random.discard(7);
    std::uint64_t last = 0;
    for (unsigned i = 0; i < reports && ::read(ends[0], &last, sizeof last) == sizeof last; ++i) promised = last;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &last, sizeof last) == sizeof last) promised = last;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);

    open();
    const auto records = read_all(*spool_);
    ASSERT_GE(records.size(), promised);
    for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].sequence, i + 1);
    promised = records.size();
    spool_.reset();
  }
}

TEST_F(SpoolTest, OnAFullDiskNothingIsLostAndCursorsStillMove) {
  const fs::path disk = root_ / "disk";
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=3m") != 0) GTEST_SKIP() << "mounting a small tmpfs needs root";
  options_ = {disk / "spool", 1 << 30, 256 << 10};
  open();
  std::uint64_t stored = 0;
  while (spool_->append(drafts(1, "full", 50'000))) ++stored;
  EXPECT_GT(stored, 20u);
  EXPECT_EQ(spool_->append(drafts(1, "full", 50'000)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(read_all(*spool_).size(), stored);
  ASSERT_TRUE(spool_->acknowledge(stored - 1));
  ASSERT_TRUE(spool_->checkpoint(stored - 1));
  append(1, 50'000);
  open();
  EXPECT_EQ(read_all(*spool_).back().sequence, stored + 1);

  while (spool_->append(drafts(1, "full", 50'000))) {
  }
  open();  // a start on a full disk
  EXPECT_FALSE(read_all(*spool_).empty());
  spool_.reset();
  ::umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace plumbline::agent
