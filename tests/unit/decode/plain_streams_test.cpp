// TCP's segments put in order: what is repeated, reordered, overlapping or lost.
#include "agent/decode/plain_streams.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace plumbline::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlainStreamsTest : public ::testing::Test {
 protected:
  struct Told {
    std::uint64_t offset = 0;
    std::string text;
    std::uint32_t length = 0;
    bool operator==(const Told&) const = default;
  };
  void make(const PlainStreams::Options& options = {}) {
    streams_ =
        std::make_unique<PlainStreams>(options, [this](const capture_record& record, std::span<const char> data) {
          EXPECT_TRUE(PlainStreams::is_plain(record.connection));
          EXPECT_GE(record.actor.at_boot_ns, last_[record.connection]);
          EXPECT_EQ(record.kept, data.size());
          last_[record.connection] = record.actor.at_boot_ns;
          if (record.direction == CAPTURE_END) return ended_.push_back(record.connection & ~PlainStreams::plain_bit);
          told_[record.direction].push_back({record.offset, {data.begin(), data.end()}, record.length});
        });
  }
  struct Segment {
    std::uint64_t offset = 0;
    std::string text;
    bool is_next = false;
    int direction = PLAIN_IN;
    std::uint64_t connection = 1;
    std::uint32_t length = 0;  // 0 = the text's
  };
  void take(const Segment& segment) {
    plain_record record{};
    record.actor.tgid = 7;
    record.actor.at_boot_ns = ++now_;
    record.connection = segment.connection;
    record.endpoint.port = static_cast<__u16>(segment.connection);
    record.offset = segment.offset;
    record.length = segment.length > 0 ? segment.length : static_cast<__u32>(segment.text.size());
    record.kept = static_cast<__u32>(segment.text.size());
    record.direction = static_cast<__u8>(segment.direction);
    record.is_next = segment.is_next ? 1 : 0;
    streams_->take(record, segment.text);
  }
  void end(std::uint64_t connection = 1) { take({0, "", true, PLAIN_END, connection}); }
  std::string in() const {
    std::string all;
    for (const auto& one : told_[PLAIN_IN]) all += one.text;
    return all;
  }

  std::unique_ptr<PlainStreams> streams_;
  std::array<std::vector<Told>, 2> told_;
  std::vector<std::uint64_t> ended_;
  std::uint64_t now_ = 100;
  std::map<std::uint64_t, std::uint64_t> last_;
};

TEST_F(PlainStreamsTest, what_comes_in_order_is_told_at_once) {
  make();
  take({.offset = 0, .text = "GET", .is_next = true, .direction = PLAIN_OUT});
  take({.offset = 0, .text = "HTTP", .is_next = true});
  take({.offset = 4, .text = "/1.1"});
  EXPECT_THAT(told_[PLAIN_OUT], ElementsAre(Told{0, "GET", 3}));
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{0, "HTTP", 4}, Told{4, "/1.1", 4}));
  EXPECT_EQ(streams_->counters().early + streams_->counters().repeated + streams_->counters().holes, 0u);
}

TEST_F(PlainStreamsTest, what_comes_early_waits_for_what_is_before_it) {
  make();
  take({.offset = 6, .text = "gh"});
  take({.offset = 2, .text = "cd"});
  take({.offset = 4, .text = "ef"});
  EXPECT_THAT(told_[PLAIN_IN], IsEmpty());
  EXPECT_EQ(streams_->counters().early_bytes, 6u);
  take({.offset = 0, .text = "ab", .is_next = true});
  EXPECT_EQ(in(), "abcdefgh");
  EXPECT_EQ(streams_->counters().early, 3u);
  EXPECT_EQ(streams_->counters().early_bytes, 0u);
  EXPECT_EQ(streams_->counters().holes, 0u);
}

TEST_F(PlainStreamsTest, of_a_byte_that_comes_twice_the_first_one_counts) {
  make();
  take({.offset = 0, .text = "abcd", .is_next = true});
  take({.offset = 0, .text = "ABCD"});
  take({.offset = 2, .text = "XYef"});
  take({.offset = 8, .text = "ij"});
  take({.offset = 8, .text = "IJ"});
  take({.offset = 6, .text = "ghXX", .is_next = true});
  EXPECT_EQ(in(), "abcdefghXX");
  EXPECT_EQ(streams_->counters().repeated, 4u);
}

TEST_F(PlainStreamsTest, a_hole_is_not_waited_for_where_tcp_has_gone_on) {
  make();
  take({.offset = 0, .text = "ab", .is_next = true});
  take({.offset = 6, .text = "gh"});
  take({.offset = 10, .text = "kl", .is_next = true});  // TCP has 2 to 9: the ring was full, or nobody wanted them
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{0, "ab", 2}, Told{6, "gh", 2}, Told{10, "kl", 2}));
  EXPECT_EQ(streams_->counters().holes, 2u);
}

TEST_F(PlainStreamsTest, what_is_missing_is_waited_for_no_longer_than_tcp_repeats) {
  make({.wait_ns = 1'000});
  take({.offset = 2, .text = "cd"});
  streams_->expire(static_cast<std::int64_t>(now_) + 999);
  EXPECT_THAT(told_[PLAIN_IN], IsEmpty());
  streams_->expire(static_cast<std::int64_t>(now_) + 1'000);
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{2, "cd", 2}));
  take({.offset = 0, .text = "ab"});  // too late
  EXPECT_EQ(told_[PLAIN_IN].size(), 1u);
}

TEST_F(PlainStreamsTest, what_was_not_copied_of_a_segment_is_counted) {
  make();
  take({.offset = 0, .text = "ab", .is_next = true, .length = 100});
  take({.offset = 50, .text = "again", .length = 60});
  take({.offset = 100, .text = "cd", .is_next = true});
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{0, "ab", 100}, Told{100, "", 10}));
}

TEST_F(PlainStreamsTest, an_end_tells_what_waits) {
  make();
  take({.offset = 2, .text = "cd"});
  end();
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{2, "cd", 2}));
  EXPECT_THAT(ended_, ElementsAre(1u));
  end();  // of nobody
  EXPECT_EQ(ended_.size(), 1u);
  take({.offset = 2, .text = "cd", .connection = 2});
  streams_->end_all(1'000);
  EXPECT_THAT(ended_, ElementsAre(1u, 2u));
}

TEST_F(PlainStreamsTest, has_bounds) {
  make({.max_connections = 2, .max_early = 3, .early_bytes = 100, .all_early_bytes = 150});
  for (std::uint64_t i = 1; i <= 4; ++i) take({.offset = i * 10, .text = "x"});
  EXPECT_EQ(streams_->counters().crowded, 1u);
  EXPECT_THAT(told_[PLAIN_IN], ElementsAre(Told{10, "x", 1}));
  take({.offset = 100, .text = std::string(99, 'y')});
  EXPECT_LE(streams_->counters().early_bytes, 100u);
  take({.offset = 100, .text = std::string(99, 'z'), .connection = 2});
  EXPECT_LE(streams_->counters().early_bytes, 150u);
  take({.offset = 0, .text = "a", .connection = 3});
  EXPECT_THAT(ended_, ElementsAre(1u));
  EXPECT_EQ(streams_->counters().evicted, 1u);
  EXPECT_FALSE(streams_->endpoint_of(1 | PlainStreams::plain_bit));
  EXPECT_EQ(streams_->endpoint_of(3 | PlainStreams::plain_bit)->port, 3);
  EXPECT_FALSE(streams_->endpoint_of(3)) << "an address of a program is no number of ours";
}

TEST_F(PlainStreamsTest, what_is_ignored_is_told_no_more) {
  make();
  take({.offset = 0, .text = "ab", .is_next = true});
  take({.offset = 4, .text = "ef"});
  streams_->ignore(1 | PlainStreams::plain_bit);
  take({.offset = 2, .text = "cd", .is_next = true});
  end();
  EXPECT_EQ(in(), "ab");
  EXPECT_THAT(ended_, IsEmpty());
}

/// A stream cut into segments that come in any order, repeated, overlapping, some of them never: each byte that is told
/// is the stream's at its offset, none is told twice, and without a loss nothing is missing.
TEST_F(PlainStreamsTest, whatever_order_segments_have_the_bytes_have_theirs) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    std::string stream(1 + below(2'000), '\0');
    for (char& c : stream) c = static_cast<char>(below(256));
    std::vector<Segment> segments;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min(1 + below(100), stream.size() - at);
      segments.push_back({at, stream.substr(at, size)});
      at += size - (size > 1 && below(4) == 0 ? below(size) : 0);  // overlapping
    }
    const std::size_t cut = segments.size();
    for (std::size_t i = 0; i < cut; ++i)
      if (below(5) == 0)  // sent again, with more or less of it
        segments.push_back({segments[i].offset, stream.substr(segments[i].offset, 1 + below(150))});
    const bool loses = seed % 2 == 1;
    if (loses) std::erase_if(segments, [&](const Segment&) { return below(10) == 0; });
    for (std::size_t i = 0; i + 1 < segments.size(); ++i)
      if (below(3) == 0) std::swap(segments[i], segments[i + below(std::min<std::size_t>(20, segments.size() - i))]);
    told_ = {};
    last_.clear();
    make();
    for (const auto& segment : segments) take(segment);
    if (!loses) {
      EXPECT_EQ(in(), stream) << seed;
    }
    end();
    std::uint64_t next = 0;
    for (const auto& one : told_[PLAIN_IN]) {
      ASSERT_GE(one.offset, next) << seed;
      ASSERT_LE(one.offset + one.length, stream.size()) << seed;
      EXPECT_EQ(one.text, stream.substr(one.offset, one.length)) << seed;
      next = one.offset + one.length;
    }
    EXPECT_EQ(streams_->counters().early_bytes, 0u);
  }
}

}  // namespace
}  // namespace plumbline::agent
