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

/// arn:aws:sts::123456789012:assumed-role/demo/TestAR is a session of arn:aws:iam::123456789012:role/path/demo.
bool is_session_of(std::string_view session, std::string_view role) {
  const auto assumed = session.find(":assumed-role/");
  const auto name = role.rfind('/');
  if (assumed == std::string_view::npos || name == std::string_view::npos ||
      role.find(":role/") == std::string_view::npos)
    return false;
  session.remove_prefix(assumed + 14);
  return session.substr(0, session.find('/')) == role.substr(name + 1);
}

}  // namespace

Principals::Known Principals::known_of(const cloud::Operation& operation, std::int64_t now) const {
  const auto& grant = *operation.grant;
  Known known{grant.arn, {}};
  if (!grant.subject.empty()) {
    known.chain.push_back(grant.subject);
    known.token = grant.token;
  } else if (const Known* caller = look_up(operation.access_key_id, now)) {
    if (!caller->arn.empty()) known.chain.push_back(caller->arn);
    known.chain.insert(known.chain.end(), caller->chain.begin(), caller->chain.end());
    known.token = caller->token;
  } else if (!operation.access_key_id.empty()) {
    known.chain.push_back(operation.access_key_id);
  }
  if (!grant.source.empty()) known.chain.push_back(grant.source);
  // Longer ones are cut before their end, which says where all of it comes from.
  if (known.chain.size() > longest_chain)
    known.chain.erase(known.chain.begin() + longest_chain - 1, known.chain.end() - 1);
  return known;
}

/// Of one key. An endpoint of the node says less than the API that it asked itself, and the one does not contradict the
/// other by what it leaves out.
bool Principals::agree(const Entry& entry, const Known& known, const cloud::Grant& grant) {
  if (entry.is_of_endpoint == !grant.source.empty())
    return entry.known.arn == known.arn && entry.known.chain == known.chain;
  const auto may_be = [](const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; };
  return may_be(entry.subject, grant.subject) &&
         (may_be(entry.known.arn, known.arn) || is_session_of(entry.known.arn, known.arn) ||
          is_session_of(known.arn, entry.known.arn));
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
      const bool agrees = agree(entry, known, grant);
      entry.doubtful = entry.doubtful || !agrees;
      entry.expires = std::max(entry.expires, expires);
      refused_ += agrees ? 0 : 1;
      if (agrees && entry.is_of_endpoint && grant.source.empty()) {  // an API's answer says more
        entry.known = std::move(known);
        entry.subject = grant.subject;
        entry.is_of_endpoint = false;
      }
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
  keys_.emplace(grant.access_key_id,
                Entry{std::move(known), grant.subject, expires, false, !grant.source.empty(), place});
}

const Principals::Known* Principals::look_up(std::string_view access_key_id, std::int64_t now) const {
  const auto found = keys_.find(access_key_id);
  if (found == keys_.end() || found->second.expires <= now || found->second.doubtful) return nullptr;
  return &found->second.known;
}

}  // namespace plumbline::agent
