#include "agent/decode/dns_names.hpp"

#include <algorithm>

#include "cloud/named_host.hpp"

namespace plumbline::agent {

void DnsNames::resize(std::uint32_t net_ns, const std::function<void(ByEnd& of_it)>& change) {
  const auto at = of_one_.try_emplace(net_ns).first;
  sizes_.erase({at->second.size(), net_ns});
  change(at->second);
  if (at->second.empty())
    of_one_.erase(at);
  else
    sizes_.emplace(at->second.size(), net_ns);
}

void DnsNames::add(const Key& key, std::int64_t end) {
  by_end_.emplace(end, key);
  resize(std::get<0>(key), [&](ByEnd& of_it) { of_it.emplace(end, key); });
}

void DnsNames::forget(std::map<Key, std::int64_t>::iterator at) {
  by_end_.erase({at->second, at->first});
  resize(std::get<0>(at->first), [&](ByEnd& of_it) { of_it.erase({at->second, at->first}); });
  names_.erase(at);
}

void DnsNames::make_room(std::uint32_t net_ns, std::int64_t now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) forget(names_.find(by_end_.begin()->second));
  const auto of_one = of_one_.find(net_ns);
  const bool is_one_full = of_one != of_one_.end() && of_one->second.size() >= options_.max_of_one;
  if (!is_one_full && names_.size() < options_.max_names) return;
  const auto& most = is_one_full ? of_one->second : of_one_.find(sizes_.rbegin()->second)->second;
  ++crowded_;
  forget(names_.find(most.begin()->second));
}

void DnsNames::learn(std::uint32_t net_ns, const DnsAnswer& answer, std::int64_t now) {
  if (!cloud::named_host(answer.name)) return;
  const std::int64_t end =
      now + std::clamp(std::int64_t{answer.ttl} * 1'000'000'000, options_.shortest_ns, options_.longest_ns);
  for (const auto& address : answer.addresses) {
    const Key key{net_ns, address, answer.name};
    std::int64_t until = end;
    if (const auto known = names_.find(key); known != names_.end()) {
      until = std::max(until, known->second);
      forget(known);
    } else {
      make_room(net_ns, now);
    }
    names_.emplace(key, until);
    add(key, until);
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
