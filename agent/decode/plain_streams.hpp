// Connections without TLS: TCP's segments in, as they came; bytes in their order out, as a TLS library would give them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "include/abi/capture.h"
#include "include/abi/plain.h"

namespace plumbline::agent {

/// Segments may be repeated, overlap, come early, or not at all (RFC 9293, section 3.10.7.4). Of a byte that comes
/// twice the first one counts, as for Linux. What is missing is waited for until TCP itself goes on without us, or for
/// `wait_ns`; then it is a jump of the offset. One thread at a time; memory is bounded.
class PlainStreams {
 public:
  struct Options {
    std::size_t max_connections = 1024;  ///< at it the one that was quiet for longest is told to have ended
    std::size_t max_early = 64;          ///< segments of one connection that came early
    std::size_t early_bytes = std::size_t{128} * 1024;           ///< the same, of one connection
    std::size_t all_early_bytes = std::size_t{4} * 1024 * 1024;  ///< … of all
    std::int64_t wait_ns = 1'000'000'000;
  };
  /// `record.connection` has is_plain's bit; offsets of a direction only grow.
  using Emit = std::function<void(const capture_record& record, std::span<const char> data)>;

  PlainStreams(const Options& options, Emit emit) : options_(options), emit_(std::move(emit)) {}
  ~PlainStreams();
  PlainStreams(const PlainStreams&) = delete;
  PlainStreams& operator=(const PlainStreams&) = delete;

  void take(const plain_record& record, std::span<const char> data);
  /// Goes on without what did not come in time. `now`: boot ns. Call it every second or so.
  void expire(std::int64_t now);
  /// Tells everything that waits, and forgets all connections.
  void end_all(std::int64_t now);
  /// Nothing more of it is told. May be called from within Emit.
  void ignore(std::uint64_t connection);
  /// Whom a connection is with; nullopt: it is not known any more. May be called from within Emit.
  std::optional<plain_endpoint> endpoint_of(std::uint64_t connection) const;

  /// Whether a connection's number is one of these: no address of a program has this bit.
  static constexpr std::uint64_t plain_bit = std::uint64_t{1} << 63;
  static bool is_plain(std::uint64_t connection) { return (connection & plain_bit) != 0; }

  struct Counters {
    std::uint64_t early = 0;      ///< segments that came before what is before them
    std::uint64_t repeated = 0;   ///< … of which some bytes had been there
    std::uint64_t holes = 0;      ///< places of a stream that are missing
    std::uint64_t crowded = 0;    ///< of them, those that were not waited for, for want of room
    std::uint64_t evicted = 0;    ///< connections that made room for others
    std::size_t early_bytes = 0;  ///< gauge: that wait
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Early {
    std::uint32_t length = 0;
    std::int64_t at = 0;  // boot ns
    std::string data;     // of it, what was copied
  };
  struct Stream {
    std::uint64_t next = 0;                     // offset behind what was told
    std::multimap<std::uint64_t, Early> early;  // by offset
  };
  struct Connection {
    mark_actor actor{};
    plain_endpoint endpoint{};
    std::array<Stream, 2> streams;
    std::size_t early_count = 0, early_bytes = 0;
    std::int64_t told_at = 0;  // boot ns
    bool is_ignored = false;
    std::list<std::uint64_t>::iterator place;
  };
  using Connections = std::map<std::uint64_t, Connection>;

  Connections::iterator connection_of(const plain_record& record);
  void hold(Connections::iterator which, unsigned direction, std::uint64_t offset, Early early);
  /// Tells what is early as far as it follows, and first, with a hole before it, what begins before `until`.
  void release(Connections::iterator which, unsigned direction, std::uint64_t until);
  void tell(Connections::iterator which, unsigned direction, std::uint64_t offset, std::uint32_t length,
            std::span<const char> data, std::int64_t at);
  void end(Connections::iterator which, std::int64_t at);

  const Options options_;
  const Emit emit_;
  Connections connections_;
  std::list<std::uint64_t> order_;  // the one that was heard of last comes last
  Counters counters_;
};

}  // namespace plumbline::agent
