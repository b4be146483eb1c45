// The spool's segment reader on damaged segments. Bytes alone would hardly ever get past a checksum, so the input says
// how a good segment is to be damaged: pairs of a position (two bytes, scaled to the segment) and what is written
// there.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "agent/spool/segment.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::agent {
namespace {

using fuzz::must;

/// A file in memory that is only read.
class Bytes final : public File {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::size_t from = std::min<std::size_t>(static_cast<std::size_t>(offset), bytes_.size());
    const std::size_t size = std::min(out.size(), bytes_.size() - from);
    std::memcpy(out.data(), bytes_.data() + from, size);
    return size;
  }
  Result<void> write_at(std::uint64_t, std::span<const std::byte>) override { return io_error("write", EROFS); }
  Result<void> sync() override { return io_error("sync", EROFS); }
  Result<void> truncate(std::uint64_t) override { return io_error("truncate", EROFS); }
  Result<void> allocate(std::uint64_t) override { return io_error("allocate", EROFS); }
  Result<std::uint64_t> size() const override { return bytes_.size(); }

 private:
  std::string bytes_;
};

struct Extent {
  std::uint64_t begin;
  std::uint64_t end;
  bool touched = false;
};

/// Frames and damage cover the range without overlap, sequences ascend, and reading ends.
std::set<std::uint64_t> read_all(const std::string& bytes) {
  const Bytes file(bytes);
  SegmentReader reader(file, segment_header_bytes, bytes.size());
  std::set<std::uint64_t> found;
  std::uint64_t covered = segment_header_bytes;
  std::size_t damage = 0;
  const auto pass_damage = [&] {
    for (; damage < reader.damage().size(); ++damage) {
      must(reader.damage()[damage].offset == covered, "damage begins where the last good part ended");
      covered += reader.damage()[damage].bytes;
    }
  };
  for (;;) {
    auto frame = reader.next();
    must(frame.has_value(), "a readable file gives no error");
    pass_damage();
    if (!*frame) break;
    must((*frame)->offset == covered, "a frame begins where the last part ended");
    covered = (*frame)->end;
    must(found.empty() || (*frame)->record.sequence > *found.rbegin(), "sequences ascend");
    found.insert((*frame)->record.sequence);
  }
  must(covered >= std::max<std::uint64_t>(segment_header_bytes, bytes.size()), "every byte is accounted for");
  return found;
}

std::string good_segment(std::vector<Extent>& frames) {
  std::string bytes = encode_segment_header({segment_version, 1, 0});
  for (std::uint64_t sequence = 1; sequence <= 12; ++sequence) {
    const std::uint64_t begin = bytes.size();
    const std::string body =
        "{\"n\":" + std::to_string(sequence) + ",\"pad\":\"" + std::string(sequence * 23, 'p') + "\"}";
    (void)append_frame(bytes, {sequence, "finding", "id", 1, body}, 0, true);
    frames.push_back({begin, bytes.size()});
  }
  return bytes;
}

}  // namespace
}  // namespace plumbline::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline::agent;
  const std::string input(reinterpret_cast<const char*>(data), size);
  (void)read_all(std::string(segment_header_bytes, '\0') + input);
  (void)decode_segment_header(std::as_bytes(std::span(input)));

  std::vector<Extent> frames;
  std::string bytes = good_segment(frames);
  for (std::size_t at = 0; at + 3 <= size;) {
    const std::size_t length = std::min<std::size_t>(1 + data[at + 2] % 64, size - at - 2);
    const std::size_t position = (data[at] * 256u + data[at + 1]) % bytes.size();
    const std::size_t written = std::min(length, bytes.size() - position);
    bytes.replace(position, written, input, at + 2, written);
    for (auto& frame : frames) frame.touched |= position < frame.end && position + written > frame.begin;
    at += 2 + length;
  }
  const auto found = read_all(bytes);
  for (std::size_t i = 0; i < frames.size(); ++i)
    plumbline::fuzz::must(frames[i].touched || found.count(i + 1) == 1, "a record that nothing touched is read");
  return 0;
}
