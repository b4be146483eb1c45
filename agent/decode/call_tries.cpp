#include "agent/decode/call_tries.hpp"

#include <utility>

#include "baseline/keyed_hash.hpp"
#include "include/util/hex.hpp"

namespace plumbline::agent {
namespace {

/// RFC 9110, 15.5.9 and 15.6; RFC 6585, section 4. AWS also throttles with 400, and names it.
bool may_be_tried_again(const ReadCall& call) {
  const auto& operation = call.operation;
  if (operation.outcome == cloud::Outcome::unknown) return true;
  if (operation.outcome != cloud::Outcome::failed) return false;
  if (call.status >= 500 || call.status == 429 || call.status == 408) return true;
  const std::string& why = operation.error_code;
  for (const char* word : {"Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown", "Bandwidth",
                           "RequestTimeout", "PriorRequestNotComplete", "TransactionInProgress",
                           "ProvisionedThroughput", "RequestExpired", "RequestTimeTooSkewed", "IDPCommunicationError"})
    if (why.find(word) != std::string::npos) return true;
  return false;
}

bool is_refused(const ReadCall& call) {
  return call.operation.outcome == cloud::Outcome::failed || call.operation.outcome == cloud::Outcome::denied;
}

}  // namespace

CallTries::CallTries(const Options& options, Tell tell) : options_(options), tell_(std::move(tell)) {}

void CallTries::take(ReadCall&& call) {
  const auto& operation = call.operation;
  const bool is_last = !may_be_tried_again(call);
  if (operation.invocation.empty() || (is_last && waiting_.empty())) return tell_(std::move(call));
  // A client writes its invocation id as it likes: what it asks for has to be the same as well.
  cloud::Operation asked;
  asked.provider = operation.provider;
  asked.unmapped = operation.unmapped;
  asked.service = operation.service;
  asked.operation = operation.operation;
  asked.region = operation.region;
  asked.account = operation.account;
  asked.parameters = operation.parameters;
  const Key key{call.actor.tgid, call.actor.start_boot_ns,
                to_hex(baseline::sha256(operation.invocation + '\n' + call.host + '\n' + cloud::to_json(asked)))};
  bool unanswered = false, broken = false;
  if (const auto known = waiting_.find(key); known != waiting_.end()) {
    ++folded_;
    const ReadCall& before = known->second.call;
    unanswered = known->second.unanswered || before.operation.outcome == cloud::Outcome::unknown;
    broken = known->second.broken || before.status >= 500;
    call.tries += before.tries;
    order_.erase(known->second.place);
    waiting_.erase(known);
  }
  if (is_last) {
    // "It is there already": the try before may have made it so.
    if ((unanswered || broken) && is_refused(call)) call.operation.outcome = cloud::Outcome::unknown;
    return tell_(std::move(call));
  }
  if (waiting_.size() >= options_.max_waiting) {
    ++crowded_;
    tell(waiting_.find(order_.front()));
  }
  waiting_.insert_or_assign(key, Waiting{std::move(call), order_.insert(order_.end(), key), unanswered, broken});
}

void CallTries::tell(std::map<Key, Waiting>::iterator which) {
  ReadCall call = std::move(which->second.call);
  const bool may_have_worked = which->second.unanswered || (which->second.broken && call.status < 500);
  if (may_have_worked && is_refused(call)) call.operation.outcome = cloud::Outcome::unknown;
  order_.erase(which->second.place);
  waiting_.erase(which);
  tell_(std::move(call));
}

void CallTries::expire(std::int64_t now) {
  while (!order_.empty()) {
    const auto oldest = waiting_.find(order_.front());
    if (oldest->second.call.seen_at > now - options_.wait_ns) return;
    tell(oldest);
  }
}

void CallTries::tell_all() {
  while (!order_.empty()) tell(waiting_.find(order_.front()));
}

}  // namespace plumbline::agent
