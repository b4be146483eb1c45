// Whose an address is, as DNS said lately.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "agent/decode/dns_answer.hpp"

namespace plumbline::agent {

/// Names of clouds' hosts alone. By network namespace, as who asks may be another process than who connects
/// (systemd-resolved, nscd, a helper), and others' answers are nobody's business. One thread at a time; bounded, in all
/// and in each namespace: at a bound the one whose time is over first makes room, of the namespace, or of the one that
/// has most, and is counted. So nobody who asks for much makes others' names go.
class DnsNames {
 public:
  struct Options {
    std::int64_t shortest_ns = 300'000'000'000;  ///< programs keep addresses longer than they are told to
    std::int64_t longest_ns = 3'600'000'000'000;
    std::size_t max_names = 8192;   ///< pairs of address and name
    std::size_t max_of_one = 2048;  ///< of them, of one network namespace
  };
  explicit DnsNames(const Options& options) : options_(options) {}

  /// `now`: boot ns. Answers about other hosts than clouds' are left out.
  void learn(std::uint32_t net_ns, const DnsAnswer& answer, std::int64_t now);
  /// The name that is known of an address, the one told last of several that are one service of one region (buckets);
  /// nullopt where none is, or those of several services are: front ends of clouds have many.
  std::optional<std::string> name_of(std::uint32_t net_ns, const IpAddress& address, std::int64_t now);

  std::size_t size() const { return names_.size(); }
  std::uint64_t crowded() const { return crowded_; }      ///< made room before their time
  std::uint64_t ambiguous() const { return ambiguous_; }  ///< addresses that were asked for and are several services'

 private:
  using Key = std::tuple<std::uint32_t, IpAddress, std::string>;
  using ByEnd = std::set<std::pair<std::int64_t, Key>>;  // when its time is over, boot ns
  void add(const Key& key, std::int64_t end);
  void forget(std::map<Key, std::int64_t>::iterator at);
  void make_room(std::uint32_t net_ns, std::int64_t now);
  void resize(std::uint32_t net_ns, const std::function<void(ByEnd& of_it)>& change);

  const Options options_;
  std::map<Key, std::int64_t> names_;                      // → when its time is over, boot ns
  ByEnd by_end_;                                           // the same
  std::map<std::uint32_t, ByEnd> of_one_;                  // the same, by network namespace
  std::set<std::pair<std::size_t, std::uint32_t>> sizes_;  // of those
  std::uint64_t crowded_ = 0, ambiguous_ = 0;
};

}  // namespace plumbline::agent
