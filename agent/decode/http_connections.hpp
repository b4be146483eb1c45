// All captured TLS connections of the node: records of the kernel side in, whole exchanges with their actor out.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "agent/decode/http_connection.hpp"
#include "include/abi/capture.h"

namespace plumbline::agent {

/// One thread at a time. Memory is bounded: by `max_connections`, where of the tenant that has the most the one that
/// was quiet for longest makes room, and by HttpLimits::total_bytes for what they hold, of which each tenant has a
/// share. A tenant is a cgroup: who fills a bound takes nothing from others.
class HttpConnections {
 public:
  struct Options {
    HttpLimits limits;
    std::size_t max_connections = 1024;
    std::int64_t answer_wait_ns = 60'000'000'000;  ///< a request without an answer is delivered without it then
    std::uint64_t strange_requests = 16;           ///< in a row that are not ours, after which a connection is ignored
    std::int64_t ignored_for_ns = 10'000'000'000;  ///< … and looked at again: a pool uses it for other hosts, too
    std::size_t max_ignored = 4096;          ///< that are remembered for that; the oldest is looked at again before
    std::int64_t idle_ns = 600'000'000'000;  ///< a connection that said nothing for so long is forgotten
  };
  /// `actor.at_boot_ns` is when the request's head was whole.
  using Deliver = std::function<void(HttpExchange&& exchange, const mark_actor& actor, std::uint64_t connection)>;
  /// What is wanted of an exchange, told from its request's head.
  struct Interest {
    Wanted wanted;
    bool is_ours = true;  ///< false: whoever is talked to is of no interest, as far as this request tells
  };
  using Want = std::function<Interest(const HttpMessage& head, std::uint64_t connection)>;
  /// Nothing more of this connection is wanted; or it is to be looked at again, from the next request on.
  using Tell = std::function<void(const capture_connection_key& connection)>;
  /// Whether a process has connections of which each request is wanted, however many were not ours.
  using IsWatched = std::function<bool(const mark_actor& actor)>;

  struct Callbacks {
    Want want;
    Deliver deliver;
    Tell ignore;
    Tell look_again;
    IsWatched is_watched;
  };
  HttpConnections(const Options& options, Callbacks callbacks);
  ~HttpConnections();

  void take(const capture_record& record, std::span<const char> data);
  /// Tells what waited for too long. `now`: boot ns. Call it every few seconds.
  void expire(std::int64_t now);
  /// Tells everything that is known and forgets all connections.
  void end_all(std::int64_t now);

  struct Counters {
    HttpCounters http;
    std::uint64_t connections = 0;  ///< seen
    std::uint64_t evicted = 0;      ///< of them, made room
    std::uint64_t broken_off = 0;   ///< of these, with something under way: what follows may be missed
    std::uint64_t taken_over = 0;   ///< of them, whose address another one had before, whose end was not seen
    std::uint64_t ignored = 0;      ///< of them, of no interest; again, where they were looked at again
    std::uint64_t looked_again = 0;
  };
  const Counters& counters() const { return counters_; }
  std::size_t open() const { return connections_.size(); }

 private:
  struct Connection;
  using Key = std::pair<std::uint32_t, std::uint64_t>;  // tgid, address
  using Order = std::list<Key>;                         // the one that was heard of last comes last
  /// It is there while it has connections.
  struct Tenant {
    Order order;
    std::size_t held = 0;  // bytes, of all its connections
  };
  using TenantKey = std::pair<std::uint64_t, std::uint64_t>;  // ids of a cgroup; 0, 0: of who was not seen to ask
  using Tenants = std::map<TenantKey, Tenant>;
  struct Connection {
    std::unique_ptr<HttpConnection> http;
    mark_actor actor{};               // of the latest call that sent something
    std::array<bool, 2> has_begun{};  // something was heard in that direction
    // Offset in the kernel side's count where the connection began: not 0 where the count was another's before.
    std::array<std::uint64_t, 2> from{};
    std::array<std::uint64_t, 2> next{};  // offset behind what was heard: the kernel side's count only grows
    bool continues_count = false;
    std::uint8_t kind = 0;      // of the first record
    std::int64_t heard = 0;     // boot ns
    std::uint64_t strange = 0;  // requests in a row that are not ours
    Tenants::iterator tenant;
    Order::iterator place;  // in the tenant's order
  };
  /// One that made room, or was forgotten, when all that was said on it had been answered long before. The kernel side
  /// goes on with its count: what comes next is the beginning of a message, and nothing is lost before it.
  struct Quiet {
    std::uint64_t start_boot_ns = 0, exec_boot_ns = 0;  // of its program
  };
  static bool is_another(const Connection& known, const capture_record& record);
  Connection& begin(const Key& key, const capture_record& record);
  void end(std::map<Key, Connection>::iterator which, std::int64_t at);
  void forget(std::map<Key, Connection>::iterator which, std::int64_t at);
  void make_room(std::int64_t at);
  bool goes_on(const Key& key, const capture_record& record);
  bool may_go_on(const Connection& connection, std::int64_t at) const;

  const Options options_;
  const Callbacks callbacks_;
  Counters counters_;
  Tenants tenants_;  // ends after what counts in it
  std::map<Key, Connection> connections_;
  struct Ignored {
    capture_connection_key key{};
    std::int64_t at = 0;  // boot ns
  };
  void look_again();
  std::list<Ignored> ignored_;  // the oldest first
  std::map<Key, Quiet> quiet_;  // bounded
  Order quiet_order_;           // the one that was forgotten last comes last; may name some that are quiet no more
};

}  // namespace plumbline::agent
