#include "agent/spool/segment.hpp"

#include <gtest/gtest.h>

#include "tests/unit/spool/fault_layer.hpp"

namespace plumbline::agent {
namespace {

wire::Record record(std::uint64_t sequence, std::string body) {
  return {sequence, "finding", "id-" + std::to_string(sequence),
          1'700'000'000'000'000'000 + static_cast<WallNs>(sequence), std::move(body)};
}

/// A segment of one-record groups in memory, and the offsets at which its frames begin.
struct Fixture {
  explicit Fixture(const std::vector<std::string>& bodies) {
    std::string text = encode_segment_header({segment_version, 1, 5});
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      starts.push_back(text.size());
      append_frame(text, record(i + 1, bodies[i]), 0, true).value();
    }
    starts.push_back(text.size());
    file = files.open("s", OpenMode::create).value();
    file->write_at(0, std::as_bytes(std::span(text))).value();
  }

  std::vector<std::byte>& bytes() { return files.bytes("s"); }

  std::vector<std::uint64_t> read(std::vector<Damage>* damage = nullptr) {
    SegmentReader reader(*file, segment_header_bytes, bytes().size());
    std::vector<std::uint64_t> found;
    for (auto frame = reader.next(); frame.value(); frame = reader.next()) found.push_back((*frame)->record.sequence);
    if (damage != nullptr) *damage = reader.damage();
    return found;
  }

  FaultFiles files;
  std::unique_ptr<File> file;
  std::vector<std::size_t> starts;
};

using Sequences = std::vector<std::uint64_t>;

TEST(Segment, HeaderSurvivesTheRoundTripAndNoFlippedBit) {
  std::string text = encode_segment_header({segment_version, 42, 77});
  ASSERT_EQ(text.size(), segment_header_bytes);
  const auto header = decode_segment_header(std::as_bytes(std::span(text)));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->first_sequence, 42u);
  EXPECT_EQ(header->created_at, 77);
  for (std::size_t i = 0; i < 36; ++i) {
    text[i] = static_cast<char>(text[i] ^ 4);
    EXPECT_FALSE(decode_segment_header(std::as_bytes(std::span(text)))) << i;
    text[i] = static_cast<char>(text[i] ^ 4);
  }
}

TEST(Segment, NamesSortAsSequencesDo) {
  EXPECT_LT(segment_name(9), segment_name(10));
  EXPECT_EQ(parse_segment_name(segment_name(18446744073709551615u)), 18446744073709551615u);
  for (const char* other :
       {"cursor", "00000000000000000000.seg", "00000000000000000001.seg.corrupt", "0000000000000000000x.seg"})
    EXPECT_FALSE(parse_segment_name(other)) << other;
}

TEST(Segment, RecordsComeBackWhole) {
  Fixture segment({"{\"a\":1}", "{}", std::string(600'000, 'b')});  // the last one is longer than a window
  SegmentReader reader(*segment.file, segment_header_bytes, segment.bytes().size());
  const auto first = reader.next().value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->record.type, "finding");
  EXPECT_EQ(first->record.id, "id-1");
  EXPECT_EQ(first->record.at, 1'700'000'000'000'000'001);
  EXPECT_EQ(first->record.body, "{\"a\":1}");
  EXPECT_TRUE(first->commit);
  EXPECT_EQ(reader.next().value()->record.body, "{}");
  EXPECT_EQ(reader.next().value()->record.body, std::string(600'000, 'b'));
  EXPECT_FALSE(reader.next().value());
  EXPECT_TRUE(reader.damage().empty());
}

TEST(Segment, AnyFlippedByteCostsExactlyItsRecord) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}"});
  for (std::size_t i = segment_header_bytes; i < segment.bytes().size(); ++i) {
    segment.bytes()[i] ^= std::byte{0x10};
    std::vector<Damage> damage;
    Sequences expected;
    for (std::size_t n = 0; n < 4; ++n)
      if (i < segment.starts[n] || i >= segment.starts[n + 1]) expected.push_back(n + 1);
    EXPECT_EQ(segment.read(&damage), expected) << "byte " << i;
    ASSERT_EQ(damage.size(), 1u) << "byte " << i;
    EXPECT_GE(i, damage[0].offset);
    EXPECT_LT(i, damage[0].offset + damage[0].bytes);
    segment.bytes()[i] ^= std::byte{0x10};
  }
}

TEST(Segment, CutAnywhereTheWholeRecordsRemain) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}"});
  const auto whole = segment.bytes();
  for (std::size_t size = segment_header_bytes; size < whole.size(); ++size) {
    segment.bytes().assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(segment.read(), size >= segment.starts[1] ? Sequences{1} : Sequences{}) << size;
  }
}

TEST(Segment, GarbageBetweenRecordsIsSkippedEvenWhereItHoldsMarkers) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}"});
  std::string garbage;
  for (int i = 0; i < 20'000; ++i) garbage += std::string("\xf5\x00\xfe\x5a", 4) + "junk";
  const auto at = segment.bytes().begin() + static_cast<std::ptrdiff_t>(segment.starts[1]);
  const auto* bytes = reinterpret_cast<const std::byte*>(garbage.data());
  segment.bytes().insert(at, bytes, bytes + garbage.size());
  std::vector<Damage> damage;
  EXPECT_EQ(segment.read(&damage), (Sequences{1, 2}));
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].bytes, garbage.size());
}

TEST(Segment, AnOlderRecordBehindANewerOneIsNotBelieved) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}"});
  std::string stale;
  append_frame(stale, record(1, "{\"a\":\"again\"}"), 0, true).value();
  const auto* bytes = reinterpret_cast<const std::byte*>(stale.data());
  segment.bytes().insert(segment.bytes().end(), bytes, bytes + stale.size());
  EXPECT_EQ(segment.read(), (Sequences{1, 2}));
}

TEST(Segment, AReadThatFailsOnceLosesNothing) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}"});
  segment.files.fail_at(1, Fault::io, 2);
  EXPECT_EQ(segment.read(), (Sequences{1, 2}));
}

TEST(Segment, AnUnreadablePageIsAnErrorUnlessItIsToBeSkipped) {
  Fixture segment({"{\"a\":1}", "{\"b\":2}"});
  segment.files.fail_at(1, Fault::io, 3);
  SegmentReader strict(*segment.file, segment_header_bytes, segment.bytes().size());
  EXPECT_EQ(strict.next().error().code, ErrorCode::io);
  EXPECT_EQ(strict.next().value()->record.sequence, 1u) << "a later try begins where the failed one did";

  segment.files.fail_at(1, Fault::io, 4);
  SegmentReader skipping(*segment.file, segment_header_bytes, segment.bytes().size(), true);
  EXPECT_FALSE(skipping.next().value()) << "both records are on the page that is gone";
  EXPECT_TRUE(skipping.met_unreadable());
  EXPECT_EQ(skipping.damage().size(), 1u);
}

TEST(Segment, WhatDoesNotFitAFrameIsRefused) {
  std::string out;
  EXPECT_EQ(append_frame(out, record(1, ""), 0, true).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(append_frame(out, record(1, std::string(max_body_bytes + 1, 'x')), 0, true).error().code,
            ErrorCode::invalid_argument);
  wire::Record long_type = record(1, "{}");
  long_type.type.assign(256, 't');
  EXPECT_EQ(append_frame(out, long_type, 0, true).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace plumbline::agent
