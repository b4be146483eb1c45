#include "agent/decode/unseen_hosts.hpp"

#include <algorithm>

namespace plumbline::agent {
namespace {

/// Makes room for one more in a map of times.
template <class Times>
void drop_oldest(Times& times) {
  times.erase(
      std::min_element(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.second < b.second; }));
}

constexpr std::size_t max_heard = 4096, max_asked = 4096;
constexpr std::int64_t heard_for_ns = 60'000'000'000;

}  // namespace

void UnseenHosts::begun(const mark_actor& actor, const std::string& host, HostBy by) {
  auto named = cloud::named_host(host);
  if (!named) return;
  const std::pair process{actor.tgid, actor.start_boot_ns};
  if (asked_.size() >= max_asked && !asked_.contains(process)) drop_oldest(asked_);
  asked_[process] = actor.at_boot_ns;
  if (waiting_.size() >= options_.max_waiting) {
    waiting_.pop_front();
    ++crowded_;
  }
  waiting_.push_back({actor, {std::move(*named), host, by}});
}

void UnseenHosts::heard(std::uint32_t tgid, std::uint64_t at_boot_ns) {
  if (heard_.size() >= max_heard && !heard_.contains(tgid)) drop_oldest(heard_);
  heard_[tgid] = at_boot_ns;
}

void UnseenHosts::expire(std::int64_t now) {
  while (!waiting_.empty() && static_cast<std::int64_t>(waiting_.front().actor.at_boot_ns) <= now - options_.wait_ns) {
    const Waiting old = std::move(waiting_.front());
    waiting_.pop_front();
    const auto heard = heard_.find(old.actor.tgid);
    if (heard != heard_.end() && heard->second >= old.actor.at_boot_ns) continue;
    ++unseen_;
    auto [told, is_new] = told_.try_emplace(Key{old.actor.tgid, old.actor.start_boot_ns, old.unseen.host}, now);
    if (!is_new && told->second > now - options_.again_ns) continue;
    told->second = now;
    if (told_.size() > options_.max_told) drop_oldest(told_);
    tell_(old.actor, old.unseen);
  }
  std::erase_if(heard_, [&](const auto& last) {
    return static_cast<std::int64_t>(last.second) < now - heard_for_ns - options_.wait_ns;
  });
}

}  // namespace plumbline::agent
