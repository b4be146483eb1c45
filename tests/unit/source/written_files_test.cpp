#include "agent/source/written_files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include <fstream>

#include "agent/source/tls_files.hpp"
#include "tests/unit/source/counting_capture.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace plumbline::agent {
namespace {

using test::library;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t second = 1'000'000'000;

class HandClock final : public Clock {
 public:
  WallNs wall() const override { return 1'000 * second + now; }
  std::int64_t boot() const override { return now; }
  std::int64_t now = 0;
};

class WrittenFilesTest : public ::testing::Test {
 protected:
  void begin(int number = 7, const std::string& path = "/lib/a", std::uint64_t device = 1) {
    files_.begin({Fd(), path, device, number});
  }
  bool is_due() { return !files_.take_due().empty(); }
  /// How long after the last write the file is looked at again, in seconds, though it is still open.
  std::int64_t quiet_after_write() {
    begin();
    const auto written = clock_.now;
    while (!is_due()) clock_.now += second / 2;
    return (clock_.now - written) / second;
  }

  HandClock clock_;
  WrittenFiles files_{clock_};
};

TEST_F(WrittenFilesTest, who_does_not_close_is_waited_for_a_second_after_the_last_write) {
  EXPECT_EQ(files_.wait_ms(), -1);
  begin();
  EXPECT_EQ(files_.wait_ms(), 1000);
  clock_.now += second * 9 / 10;
  files_.on_written(7);
  clock_.now += second * 9 / 10;
  EXPECT_FALSE(is_due());
  ASSERT_THAT(files_.now(), SizeIs(1));
  EXPECT_EQ(files_.now()[0].from, 1'000 * second);
  clock_.now += second / 10;
  EXPECT_EQ(files_.wait_ms(), 0);
  const auto due = files_.take_due();
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].number, 7);
  EXPECT_THAT(files_.now(), IsEmpty());
  EXPECT_EQ(files_.wait_ms(), -1);
}

TEST_F(WrittenFilesTest, who_writes_into_more_and_more_takes_no_more_than_so_many) {
  for (int number = 0; number < 300; ++number, clock_.now += second / 100) {
    const auto let_go = files_.begin({Fd(), "/lib/" + std::to_string(number), 1, number});
    EXPECT_EQ(let_go.has_value(), number >= 256);
    if (let_go) {
      EXPECT_EQ(let_go->number, number - 256) << "the first";
    }
  }
  EXPECT_THAT(files_.now(), SizeIs(256));
  EXPECT_THAT(files_.take_ended(), SizeIs(300 - 256)) << "which is told";
}

TEST_F(WrittenFilesTest, who_closes_is_not_waited_for) {
  begin();
  files_.on_closed(8);
  EXPECT_FALSE(is_due());
  files_.on_closed(7);
  EXPECT_TRUE(is_due());
}

TEST_F(WrittenFilesTest, who_goes_on_is_waited_for_longer_each_time_and_forgiven) {
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 12; ++i) waits.push_back(quiet_after_write());
  EXPECT_THAT(waits, ::testing::ElementsAre(1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 64));
  begin();
  files_.on_closed(7);
  EXPECT_FALSE(is_due()) << "whoever opens and closes in a loop would have us hook for ever";
  clock_.now += 64 * second;
  EXPECT_TRUE(is_due());
  clock_.now += WrittenFiles::forgiven_ns + 1;
  EXPECT_EQ(quiet_after_write(), 1);
}

TEST_F(WrittenFilesTest, each_stretch_is_told_once_and_too_many_in_one) {
  begin();
  clock_.now += 3 * second;
  EXPECT_TRUE(is_due());
  auto ended = files_.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].path, "/lib/a");
  EXPECT_EQ(ended[0].from, 1'000 * second);
  EXPECT_EQ(ended[0].until, 1'003 * second);
  EXPECT_THAT(files_.take_ended(), IsEmpty());

  for (int i = 0; i < static_cast<int>(WrittenFiles::max_ended) + 3; ++i)
    begin(i, "/lib/" + std::to_string(i), i >= 257);
  files_.forget_devices({1});
  EXPECT_THAT(files_.now(), SizeIs(WrittenFiles::max_files - 2)) << "their file system is gone";
  clock_.now += second;
  files_.end_all();
  ended = files_.take_ended();
  ASSERT_THAT(ended, SizeIs(WrittenFiles::max_ended));
  EXPECT_THAT(ended.back().path, ::testing::EndsWith(" and 3 others"));
  EXPECT_EQ(ended.back().until, 1'004 * second);
  EXPECT_THAT(files_.now(), IsEmpty());
}

class TlsFilesWrittenTest : public ::testing::Test {
 protected:
  bool look(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return files_.look(file.get(), path);
  }

  const TempDir dir_;
  test::CountingCapture capture_;
  TlsFiles files_{capture_, {2, 10, 3, {}, 4096, false}};
};

TEST_F(TlsFilesWrittenTest, what_is_written_into_has_no_hooks_until_its_writer_is_done) {
  const auto path = dir_.write("libssl.so.3", library());
  EXPECT_TRUE(look(path));
  const auto follow_all = [&] {
    for (const auto& change : files_.read_changes()) files_.follow(change);
    files_.look_at_written();
  };
  std::ofstream writer(path, std::ios::in | std::ios::out);
  writer << std::string(10, '\0') << std::flush;
  follow_all();
  EXPECT_EQ(capture_.live, 0) << "they would stand in the middle of other instructions";
  writer.seekp(0);
  writer << library("SSL_read") << std::flush;
  follow_all();
  EXPECT_EQ(capture_.live, 0);
  EXPECT_FALSE(look(path)) << "whoever maps it meanwhile would have it hooked";
  ASSERT_THAT(files_.written_now(), SizeIs(1));
  EXPECT_EQ(files_.written_now()[0].path, path);
  writer.close();
  follow_all();
  EXPECT_EQ(capture_.live, 1) << "it is another library now";
  EXPECT_THAT(files_.written_now(), IsEmpty());
  EXPECT_THAT(files_.take_unhooked(), SizeIs(1));
}

TEST_F(TlsFilesWrittenTest, who_keeps_it_open_for_writing_does_not_keep_it_unhooked) {
  const auto path = dir_.write("libssl.so.3", library());
  EXPECT_TRUE(look(path));
  std::ofstream writer(path, std::ios::in | std::ios::out);
  const auto write = [&] {
    writer.seekp(0);
    writer << '\x7f' << std::flush;  // as it was
    for (const auto& change : files_.read_changes()) files_.follow(change);
  };
  const auto wait = [&] {
    pollfd nothing{-1, 0, 0};
    ::poll(&nothing, 1, files_.wait_ms());
    files_.look_at_written();
  };
  write();
  EXPECT_EQ(capture_.live, 0);
  while (files_.wait_ms() >= 0) wait();
  EXPECT_EQ(capture_.live, 1) << "it is still open";
  write();
  EXPECT_EQ(capture_.live, 0) << "it is still watched";
  EXPECT_EQ(files_.counters().written, 2u);
}

TEST_F(TlsFilesWrittenTest, what_is_half_written_when_its_writer_rests_is_waited_for) {
  const auto path = dir_.write("libssl.so.3", library());
  EXPECT_TRUE(look(path));
  const auto follow = [&] {
    for (const auto& change : files_.read_changes()) files_.follow(change);
  };
  const auto wait = [&] {
    pollfd nothing{-1, 0, 0};
    ::poll(&nothing, 1, files_.wait_ms());
    files_.look_at_written();
  };
  {
    std::ofstream writer(path, std::ios::in | std::ios::out);
    writer << "half" << std::flush;
    follow();
    wait();
    EXPECT_EQ(capture_.live, 0);
    EXPECT_THAT(files_.written_now(), SizeIs(1)) << "nobody says that it has hooks";
    writer.seekp(0);
    writer << "\x7f"
              "ELF"
           << std::flush;
    follow();
  }
  follow();
  while (files_.wait_ms() >= 0) wait();
  EXPECT_EQ(capture_.live, 1);
}

}  // namespace
}  // namespace plumbline::agent
