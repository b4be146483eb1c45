#include "agent/state_calls.hpp"

#include <algorithm>

#include "agent/decode/wipe.hpp"
#include "baseline/source/gunzip.hpp"
#include "cloud/kubernetes/object.hpp"

namespace plumbline::agent {
namespace {

using fetch::StateUse;

constexpr std::size_t answer_bytes = 16 * 1024;  // as much as the kernel side copies of one

bool is_of(const std::vector<StateUse>& uses, StateUse::Of of) {
  return std::any_of(uses.begin(), uses.end(), [&](const StateUse& use) { return use.of == of; });
}

/// The API server packs answers of more than 128 KiB for clients that take that, as Go's do by themselves.
std::string object_version(const HttpMessage& answer) {
  if (answer.header("content-encoding") != "gzip")
    return cloud::kubernetes::object_version(answer.body, answer.body_cut);
  std::string begins = baseline::gunzip_start(answer.body, answer_bytes);
  std::string version = cloud::kubernetes::object_version(begins, true);
  wipe(begins);
  return version;
}

}  // namespace

void add_states(const fetch::StateRequests& states, const HttpExchange& exchange, ReadCall& call) {
  if (states.empty() || !exchange.response || call.status < 200 || call.status >= 300) return;
  const HttpMessage& request = exchange.request;
  call.states = states.uses(request.method, request.host, request.target);
  // What is created is named by the body alone; its path is among its ids.
  if (request.method == "POST" && call.operation.provider == cloud::Provider::kubernetes)
    for (const auto& touched : call.operation.touched)
      for (const auto& id : touched.ids)
        if (id.starts_with('/')) {
          auto uses = states.uses("POST", request.host, id);
          call.states.insert(call.states.end(), uses.begin(), uses.end());
        }
  const auto held = cloud::kubernetes::leaves_held(call.operation.parameters, request.method == "PATCH");
  call.lock_held = held.value_or(false);
  std::erase_if(call.states, [&](const StateUse& use) { return use.of == StateUse::Of::lease && !held; });
  if (is_of(call.states, StateUse::Of::object))
    call.version = object_version(*exchange.response);
  else if (!call.states.empty())
    call.version = exchange.response->header("etag");
}

HttpConnections::Interest with_states(const fetch::StateRequests& states, const HttpMessage& head,
                                      HttpConnections::Interest interest) {
  if (states.empty()) return interest;
  const auto uses = states.uses(head.method, head.host, head.target);
  if (uses.empty()) return interest;
  if (interest.wanted.ignore) interest = {{false, 0, 0}, true};  // whether it worked
  if (is_of(uses, StateUse::Of::object))
    interest.wanted.response_bytes = std::max(interest.wanted.response_bytes, answer_bytes);
  return interest;
}

}  // namespace plumbline::agent
