// Segments of a stream in any order, each 6 bytes: flags (1 = TCP has gone on, 2 = half of it copied, 4 = an expiry
// after it, 8 = the end of the connection, 16 = another connection, 32 = outgoing), offset in steps of 3, length, wrong
// bytes.
#include <map>
#include <string>

#include "agent/decode/plain_streams.hpp"
#include "tests/fuzz/must.hpp"

namespace {

/// What the stream has at an offset: so that each byte that is told can be looked at.
char byte_at(std::uint64_t offset, std::uint64_t connection) {
  return static_cast<char>(offset * 31 + connection);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plumbline;
  std::map<std::pair<std::uint64_t, int>, std::uint64_t> next;
  std::map<std::uint64_t, std::uint64_t> last;
  std::uint64_t now = 10;
  agent::PlainStreams::Options options;
  options.max_connections = 2;
  options.max_early = 8;
  options.early_bytes = 512;
  options.all_early_bytes = 700;
  options.wait_ns = 5;
  agent::PlainStreams streams(options, [&](const capture_record& record, std::span<const char> bytes) {
    fuzz::must(agent::PlainStreams::is_plain(record.connection), "its number says that it is plain");
    fuzz::must(record.actor.at_boot_ns >= last[record.connection], "time goes on");
    last[record.connection] = record.actor.at_boot_ns;
    const std::uint64_t connection = record.connection & ~agent::PlainStreams::plain_bit;
    if (record.direction > CAPTURE_IN) {
      next.erase({connection, 0});
      next.erase({connection, 1});
      return;
    }
    auto& here = next[{connection, record.direction}];
    fuzz::must(record.offset >= here, "no byte is told twice");
    fuzz::must(record.length > 0 && record.kept == bytes.size() && bytes.size() <= record.length, "lengths agree");
    for (std::size_t i = 0; i < bytes.size(); ++i)
      fuzz::must(bytes[i] == byte_at(record.offset + i, connection), "a byte is where it was in its stream");
    here = record.offset + record.length;
  });
  for (; size >= 6; data += 6, size -= 6) {
    plain_record record{};
    record.actor.at_boot_ns = ++now;
    record.connection = (data[0] & 16) != 0 ? 1 + data[5] % 4U : 1;
    record.direction = (data[0] & 8) != 0 ? PLAIN_END : ((data[0] & 32) != 0 ? PLAIN_OUT : PLAIN_IN);
    record.is_next = data[0] & 1;
    record.offset = (data[1] + 256U * (data[2] & 15)) * 3U;
    if ((data[2] & 128) != 0) record.offset += ~std::uint64_t{0} - 4'096;  // near the end of numbers
    record.length = data[3];
    record.kept = (data[0] & 2) != 0 ? record.length / 2 : record.length;
    std::string bytes;
    for (std::uint32_t i = 0; i < record.kept; ++i) bytes += byte_at(record.offset + i, record.connection);
    streams.take(record, bytes);
    if ((data[0] & 4) != 0) streams.expire(static_cast<std::int64_t>(now));
    const auto& counters = streams.counters();
    fuzz::must(counters.early_bytes <= options.all_early_bytes, "what waits has a bound");
    fuzz::must(counters.crowded <= counters.early, "only what waits is crowded out");
  }
  streams.end_all(static_cast<std::int64_t>(now));
  fuzz::must(streams.counters().early_bytes == 0, "nothing waits for ever");
  return 0;
}
