#include "agent/correlate/principals.hpp"

#include <algorithm>

#include "cloud/aws/signature.hpp"

namespace plumbline::agent {
namespace {

/// "123456789012" of arn:partition:service:region:account:…
std::string_view account_in(std::string_view arn) {
  for (int i = 0; i < 4; ++i) {
    const auto colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return arn.substr(0, arn.find(':'));
}

}  // namespace

Principals::Known Principals::known_of(const cloud::Operation& operation, std::int64_t now) const {
  const auto& grant = *operation.grant;
  Known known{grant.arn, {}};
  if (!grant.subject.empty()) {
    known.chain.push_back(grant.subject);
  } else if (const Known* caller = look_up(operation.access_key_id, now)) {
    if (!caller->arn.empty()) known.chain.push_back(caller->arn);
    known.chain.insert(known.chain.end(), caller->chain.begin(), caller->chain.end());
  } else if (!operation.access_key_id.empty()) {
    known.chain.push_back(operation.access_key_id);
  }
  // Longer ones are cut before their end, which says where all of it comes from.
  if (known.chain.size() > longest_chain)
    known.chain.erase(known.chain.begin() + longest_chain - 1, known.chain.end() - 1);
  return known;
}

void Principals::learn(const cloud::Operation& operation, std::int64_t now) {
  if (!operation.grant) return;
  const auto& grant = *operation.grant;
  const auto account = cloud::aws::account_of(grant.access_key_id);
  if (!account.empty() && !grant.arn.empty() && account != account_in(grant.arn)) {
    ++refused_;
    return;
  }
  const std::int64_t life = grant.expires == 0 ? options_.unknown_s : grant.expires - now;
  if (life <= 0) return;
  const std::int64_t expires = now + std::min(life, options_.longest_s);
  Known known = known_of(operation, now);
  if (const auto found = keys_.find(grant.access_key_id); found != keys_.end()) {
    auto& entry = found->second;
    if (entry.expires > now) {
      const bool same = entry.known.arn == known.arn && entry.known.chain == known.chain;
      entry.doubtful = entry.doubtful || !same;
      entry.expires = std::max(entry.expires, expires);
      refused_ += same ? 0 : 1;
      return;
    }
    order_.erase(entry.place);
    keys_.erase(found);
  }
  while (!order_.empty() && keys_.size() >= options_.max_keys) {
    keys_.erase(order_.front());
    order_.pop_front();
  }
  const auto place = order_.insert(order_.end(), grant.access_key_id);
  keys_.emplace(grant.access_key_id, Entry{std::move(known), expires, false, place});
}

const Principals::Known* Principals::look_up(std::string_view access_key_id, std::int64_t now) const {
  const auto found = keys_.find(access_key_id);
  if (found == keys_.end() || found->second.expires <= now || found->second.doubtful) return nullptr;
  return &found->second.known;
}

}  // namespace plumbline::agent
