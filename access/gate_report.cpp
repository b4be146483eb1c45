// What a Gate says of itself.
#include "access/gate.hpp"
#include "include/util/metric_text.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::access {
namespace {

std::string json_of(const std::string& name, const Reviewer::Stats& stats) {
  return wire::JsonObject()
      .text("name", name)
      .number("asked", stats.asked)
      .number("failed", stats.failed)
      .number("remembered", stats.remembered)
      .number("forgotten", stats.forgotten)
      .number("refused", stats.refused)
      .text("why", stats.trouble)
      .str();
}

}  // namespace

std::string Gate::status_json() const {
  const Stats counts = stats();
  std::vector<std::string> files, keys, reviews;
  const auto add_file = [&](const std::string& name, const TokenFile& file) {
    files.push_back(wire::JsonObject().text("name", name).text("why", file.trouble()).str());
  };
  for (const auto& rule : rules_) {
    if (rule.token_file) add_file(rule.config.name, *rule.token_file);
    if (rule.reviewer) reviews.push_back(json_of(rule.config.name, rule.reviewer->stats()));
    if (rule.keyring)
      for (const auto& row : rule.keyring->rows())
        keys.push_back(wire::JsonObject()
                           .text("name", rule.config.name)
                           .text("from", row.from)
                           .number("keys", row.keys)
                           .text("why", row.why)
                           .str());
  }
  if (agents_token_) add_file("agents", *agents_token_);
  if (agents_reviewer_) reviews.push_back(json_of("agents", agents_reviewer_->stats()));
  wire::JsonObject json;
  json.flag("asks_people", policy_.asks_people).flag("asks_agents", policy_.asks_agents);
  json.number("admitted", counts.admitted).number("unauthenticated", counts.unauthenticated);
  json.number("expired", counts.expired).number("forbidden", counts.forbidden);
  json.number("wrong_node", counts.wrong_node).number("revoked", counts.revoked);
  json.number("unavailable", counts.unavailable);
  json.raw("token_files", wire::json_array(files)).raw("keys", wire::json_array(keys));
  json.raw("reviews", wire::json_array(reviews));
  const std::lock_guard lock(mutex_);
  if (last_refusal_.at == 0) return json.null("last_refusal").str();
  return json
      .raw("last_refusal", wire::JsonObject()
                               .text("at", rfc3339(last_refusal_.at))
                               .text("peer", last_refusal_.peer)
                               .text("why", last_refusal_.why)
                               .str())
      .str();
}

std::string Gate::metrics_text(const std::string& prefix) const {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    append_metric(text, prefix + "_" + std::string(name), "counter", help, value);
  };
  const Stats counts = stats();
  Reviewer::Stats asked;
  const auto add = [&](const std::unique_ptr<Reviewer>& reviewer) {
    if (!reviewer) return;
    const auto one = reviewer->stats();
    asked.asked += one.asked;
    asked.failed += one.failed;
    asked.remembered += one.remembered;
    asked.forgotten += one.forgotten;
    asked.refused += one.refused;
  };
  for (const auto& rule : rules_) add(rule.reviewer);
  add(agents_reviewer_);
  line("admitted_total", "Requests that were let in.", counts.admitted);
  line("unauthenticated_total", "Requests without a credential that is known here (401).", counts.unauthenticated);
  line("expired_total", "Of them: with a token whose time is over.", counts.expired);
  line("forbidden_total", "Requests of somebody who is known and may not (403).", counts.forbidden);
  line("wrong_node_total", "Of them: that spoke for another node.", counts.wrong_node);
  line("revoked_total", "Of them: by a node's certificate that was taken back.", counts.revoked);
  line("unavailable_total", "Requests about which nobody could say (503).", counts.unavailable);
  line("reviews_total", "Questions to API servers about tokens.", asked.asked);
  line("reviews_failed_total", "Of them: without an answer of use.", asked.failed);
  line("reviews_remembered_total", "Tokens that needed no question.", asked.remembered);
  line("reviews_forgotten_total", "Answers that made room for others.", asked.forgotten);
  line("reviews_refused_total", "Tokens that were not asked about, as too many waited.", asked.refused);
  return text;
}

}  // namespace plumbline::access
