// What must hold of exchanges whatever happened to the bytes: they are a part of the truth, and nothing beside it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "agent/decode/http_message.hpp"

namespace plumbline::agent {

/// Headers in their order, some left out.
inline bool is_part(const std::vector<HttpHeader>& some, const std::vector<HttpHeader>& all) {
  auto at = all.begin();
  for (const auto& header : some) {
    at = std::find(at, all.end(), header);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}

/// "" = the message is this one, as far as it is known; otherwise what is wrong with it.
inline std::string difference(const HttpMessage& got, const HttpMessage& truth) {
  const auto differs = [&](const std::string& a, const std::string& b) {
    return a != b && !(a.empty() && got.unknown_headers);
  };
  if (differs(got.method, truth.method)) return "method " + got.method;
  if (differs(got.target, truth.target)) return "target " + got.target;
  if (differs(got.host, truth.host)) return "host " + got.host;
  if (got.status != truth.status && !(got.status == 0 && got.unknown_headers))
    return "status " + std::to_string(got.status);
  if (!is_part(got.headers, truth.headers)) return "headers";
  if (!got.unknown_headers && !got.body_cut && got.headers != truth.headers) return "headers left out";
  if (!truth.body.starts_with(got.body)) return "body " + got.body;
  if (!got.body_cut && got.body != truth.body) return "body cut, and does not say so";
  return "";
}

/// `by_stream`: identifiers of streams are those of the truth; otherwise targets tell requests apart.
inline std::string difference(const std::vector<HttpExchange>& got, const std::vector<HttpExchange>& truth,
                              bool by_stream) {
  std::vector<const HttpExchange*> used;
  for (const auto& exchange : got) {
    const auto found = std::ranges::find_if(truth, [&](const HttpExchange& real) {
      return by_stream ? real.stream == exchange.stream : real.request.target == exchange.request.target;
    });
    const auto name = std::to_string(exchange.stream) + " " + exchange.request.target + ": ";
    if (found == truth.end()) return name + "there is no such request";
    if (std::ranges::find(used, &*found) != used.end()) return name + "came twice";
    used.push_back(&*found);
    if (const auto wrong = difference(exchange.request, found->request); !wrong.empty()) return name + wrong;
    if (!exchange.response) continue;
    if (!found->response) return name + "has no response";
    if (const auto wrong = difference(*exchange.response, *found->response); !wrong.empty())
      return name + "response: " + wrong;
  }
  return "";
}

}  // namespace plumbline::agent
