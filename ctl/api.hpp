// The agent's or the collector's API as the commands ask it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "http/client.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::ctl {

using Json = nlohmann::json;

class Api {
 public:
  /// `invalid_argument`: a bad URL; `corrupt`: an unreadable token or CA file.
  static Result<Api> open(const Options& options);

  /// One JSON document. An answer of 400 and more is http::error_of() it.
  Result<Json> get(const std::string& target) const;
  /// The answer to a JSON text, as get() has it.
  Result<Json> post(const std::string& target, std::string json) const;
  /// The answer to a DELETE, as get() has it.
  Result<Json> remove(const std::string& target) const;
  /// All items of a list, page by page; `target` without limit and cursor.
  Result<std::vector<Json>> list(const std::string& target) const;
  const http::Client& client() const { return client_; }
  bool is_collector() const { return collector_; }

 private:
  Result<Json> read(const Result<http::Response>& response, const std::string& target) const;
  Api(http::Client client, bool collector) : client_(std::move(client)), collector_(collector) {}
  http::Client client_;
  bool collector_;
};

/// Whether GET /v1/status was answered by a collector: --url may name either.
bool is_of_a_collector(const Json& status);

/// The drift that a person means: by id, by its short form (short_id()), by address or by path. Where several fit, the
/// open one, else the newest; two open ones are an error that lists them. `node`: of a collector's, "" = any.
Result<Json> find_drift(const Api& api, const std::string& word, const std::string& node);

/// "d-3f9a1c2b-7d4e21aa-00000000000000000012" → "12": what tells drifts of one node apart. Other ids stay whole.
std::string short_id(const std::string& id);

/// Lists in the asked-for format: {"items":[…]} or one JSON object a line. Only for json and ndjson.
void print_items(const Context& context, const std::vector<Json>& items);
void print_json(const Context& context, const Json& json);

/// "vi nginx.conf (root, pts/3)"; "unknown: REASON" where nobody could know.
std::string who(const wire::Actor& actor);
/// "content_sha256, mode"
std::string what(const wire::Drift& drift);
/// "reverted, rule nginx (auto), by plumbline"
std::string rollback_line(const wire::Rollback& rollback);
/// "ec2:AuthorizeSecurityGroupIngress"; as it came, so not printable.
std::string name_of(const wire::Call& call);
/// Its pod's, its own, or the beginning of its id.
std::string name_of(const wire::Container& container);

}  // namespace plumbline::ctl
