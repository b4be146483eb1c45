// Connections to clouds of which nothing is seen but whom they are with: no hook knows their program's TLS.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <tuple>

#include "cloud/named_host.hpp"
#include "include/abi/abi.h"

namespace plumbline::agent {

/// How it is known whom a connection is with.
enum class HostBy : std::uint8_t {
  sni,  ///< the client asked for it by name
  dns,  ///< its address is one that DNS gave for the name: weaker, as others may have it too
};

/// What a connection without plaintext says.
struct UnseenHost {
  cloud::NamedHost named;
  std::string host;
  HostBy by = HostBy::sni;
};

/// A process that asks for a cloud's host by name, and of which no plaintext is seen within `wait_ns`, talks unseen.
/// Told once a process and host in `again_ns`. One thread at a time; bounded, the oldest makes room and is counted.
class UnseenHosts {
 public:
  struct Options {
    std::int64_t wait_ns = 5'000'000'000;
    std::int64_t again_ns = 600'000'000'000;
    std::size_t max_waiting = 1024;
    std::size_t max_told = 1024;
  };
  /// `actor.at_boot_ns` is when the connection began.
  using Tell = std::function<void(const mark_actor& actor, const UnseenHost& unseen)>;

  UnseenHosts(const Options& options, Tell tell) : options_(options), tell_(std::move(tell)) {}

  /// A connection began.
  void begun(const mark_actor& actor, const std::string& host, HostBy by = HostBy::sni);
  /// Plaintext of a process was seen, at that boot time.
  void heard(std::uint32_t tgid, std::uint64_t at_boot_ns);
  /// Tells of those that waited for long enough. `now`: boot ns.
  void expire(std::int64_t now);

  /// Whether this process ever asked for a cloud's host, as far as is remembered: the latest 4,096 are.
  bool has_asked(const mark_actor& actor) const { return asked_.contains({actor.tgid, actor.start_boot_ns}); }

  std::uint64_t unseen() const { return unseen_; }    ///< connections that were told, or would have been again
  std::uint64_t crowded() const { return crowded_; }  ///< made room before their time, and were not told
  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Key = std::tuple<std::uint32_t, std::uint64_t, std::string>;  ///< process, host
  struct Waiting {
    mark_actor actor{};
    UnseenHost unseen;
  };

  const Options options_;
  const Tell tell_;
  std::list<Waiting> waiting_;                    // the oldest first
  std::map<std::uint32_t, std::uint64_t> heard_;  // tgid → when last; forgotten after a minute
  std::map<Key, std::int64_t> told_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> asked_;  // process → boot ns when last
  std::uint64_t unseen_ = 0, crowded_ = 0;
};

}  // namespace plumbline::agent
