// Requests of a few words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/operation.hpp"

namespace plumbline::cloud {

inline std::string scope(const std::string& service, const std::string& region = "eu-west-1") {
  return "AWS4-HMAC-SHA256 Credential=AKIAQ3EGVTNLQBZXABCD/20261123/" + region + "/" + service +
         "/aws4_request, SignedHeaders=host, Signature=canary-signature";
}

struct Sent {
  std::string method = "GET", host, path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool body_cut = false;

  /// Signed for a service.
  static Sent to(const std::string& service, std::string method, std::string path,
                 std::string host = "localhost:4566") {
    return {std::move(method), std::move(host), std::move(path), {{"Authorization", scope(service)}}, "", false};
  }
  Sent with(std::string name, std::string value) const {
    Sent copy = *this;
    copy.headers.emplace_back(std::move(name), std::move(value));
    return copy;
  }
  Sent carrying(std::string text) const {
    Sent copy = *this;
    copy.body = std::move(text);
    return copy;
  }

  std::vector<HeaderField> fields() const {
    std::vector<HeaderField> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    return views;
  }
  /// "service:operation", or "" with the reason.
  std::string name() const {
    const auto views = fields();
    const Head head{method, host, path, views};
    Route found = route(head);
    if (found.unmapped == Unmapped::needs_body) found = route(head, body);
    if (found.unmapped != Unmapped::no) return std::string(word(found.unmapped));
    return std::string(found.service_name()) + ":" + std::string(found.operation_name());
  }
  Operation decoded(int status = 0, std::string answer = "", std::vector<HeaderField> answered = {}) const {
    const auto views = fields();
    return decode({{method, host, path, views}, body, body_cut}, {status, answered, answer, false});
  }
};

inline Sent form(const std::string& service, std::string body, std::string host = "localhost:4566") {
  return Sent::to(service, "POST", "/", std::move(host))
      .with("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
      .carrying(std::move(body));
}

}  // namespace plumbline::cloud
