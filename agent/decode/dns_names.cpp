#include "agent/decode/dns_names.hpp"

#include <algorithm>

#include "cloud/named_host.hpp"

namespace plumbline::agent {

void DnsNames::forget(std::map<Key, std::int64_t>::iterator at) {
  by_end_.erase({at->second, at->first});
  names_.erase(at);
}

void DnsNames::learn(std::uint32_t net_ns, const DnsAnswer& answer, std::int64_t now) {
  if (!cloud::named_host(answer.name)) return;
  const std::int64_t end =
      now + std::clamp(std::int64_t{answer.ttl} * 1'000'000'000, options_.shortest_ns, options_.longest_ns);
  for (const auto& address : answer.addresses) {
    const auto [at, is_new] = names_.try_emplace(Key{net_ns, address, answer.name}, end);
    if (!is_new) {
      by_end_.erase({at->second, at->first});
      at->second = std::max(at->second, end);
    }
    by_end_.insert({at->second, at->first});
    if (names_.size() <= options_.max_names) continue;
    const auto first = by_end_.begin();
    crowded_ += first->first > now ? 1 : 0;
    forget(names_.find(first->second));
  }
}

std::optional<std::string> DnsNames::name_of(std::uint32_t net_ns, const IpAddress& address, std::int64_t now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) forget(names_.find(by_end_.begin()->second));
  constexpr int most = 64;  // names that are looked at
  std::optional<cloud::NamedHost> told;
  std::optional<std::string> latest;
  std::int64_t latest_end = 0;
  int count = 0;
  for (auto at = names_.lower_bound(Key{net_ns, address, std::string()}); at != names_.end(); ++at) {
    const auto& [of_ns, of_address, name] = at->first;
    if (of_ns != net_ns || of_address != address) break;
    const auto named = cloud::named_host(name);
    const bool agrees = !told || (named && std::tie(named->provider, named->service, named->region) ==
                                               std::tie(told->provider, told->service, told->region));
    if (++count > most || !agrees) {
      ++ambiguous_;
      return std::nullopt;
    }
    told = named;
    if (at->second < latest_end) continue;
    latest_end = at->second;
    latest = name;
  }
  return latest;
}

}  // namespace plumbline::agent
