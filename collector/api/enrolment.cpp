#include "collector/api/enrolment.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "collector/api/pool_route.hpp"
#include "collector/ingest/revocations.hpp"
#include "collector/telemetry/log.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

using nlohmann::json;

constexpr std::size_t longest_body = 32 << 10;
constexpr std::int64_t shortest_token_s = 60;

/// An object that has these members and no others.
Result<json> body_of(const http::Request& request, const std::string& what, std::initializer_list<const char*> known) {
  auto body = json::parse(request.body, nullptr, false);
  if (body.is_discarded() || !body.is_object()) return invalid(what, "the body is no JSON object");
  for (const auto& [key, value] : body.items())
    if (std::none_of(known.begin(), known.end(), [&k = key](const char* name) { return k == name; }))
      return invalid(what, "the body has a key that is not known", std::string("known: ") + *known.begin() + ", …");
  return Result<json>(boost::system::in_place_value, std::move(body));
}

std::string text_of(const json& body, const char* key) {
  const auto at = body.find(key);
  return at != body.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// One that begins behind the last word of those that were taken back, which another collector may have been told just
/// now.
http::Response certificate_for(const ApiParts& parts, const std::string& node, const std::string& request) {
  const auto certificate = parts.enrolment->authority->sign(request, node, parts.enrolment->certificate_lasts,
                                                            parts.gate.oldest_taken(node));
  if (!certificate) return http::problem(certificate.error());
  return http::json_response(wire::JsonObject().text("node", node).text("certificate", *certificate).str(), 201);
}

http::Response enroll(const ApiParts& parts, const http::Request& request) {
  const std::string what = "enrol";
  const auto body = body_of(request, what, {"request"});
  if (!body) return http::problem(body.error());
  const std::string signing = text_of(*body, "request"), key = access::key_of_request(signing);
  if (key.empty()) return http::problem(invalid(what, "`request` is no signing request (PKCS #10, PEM)", ""));
  const auto node = parts.enrolment->tokens.use(request.bearer(), key);
  if (!node) {
    log(LogLevel::warning, "a node was not enrolled", {{"peer", request.peer}, {"why", node.error().why}});
    const bool is_refused = node.error().code == ErrorCode::permission;
    return http::problem(is_refused ? 401 : http::status_of(node.error().code), node.error());
  }
  log(LogLevel::info, "a node was enrolled", {{"node", *node}, {"peer", request.peer}});
  if (const auto applied = apply_revocations(parts.store, parts.gate); !applied) return http::problem(applied.error());
  return certificate_for(parts, *node, signing);
}

/// By the certificate that is to be followed: for the node that it is of.
http::Response renew(const ApiParts& parts, const http::Request& request) {
  const std::string what = "renew a certificate";
  const auto body = body_of(request, what, {"request"});
  if (!body) return http::problem(body.error());
  if (!request.certificate || !request.caller || request.caller->nodes.size() != 1)
    return http::problem(
        {ErrorCode::permission, what, "it comes without a certificate of one node", "enrol with a token"});
  if (const auto applied = apply_revocations(parts.store, parts.gate); !applied) return http::problem(applied.error());
  if (parts.gate.is_revoked(*request.certificate))
    return http::problem(403, {ErrorCode::permission, what, "it was revoked a moment ago", "enrol with a token"});
  ++parts.enrolment->renewed;
  return certificate_for(parts, request.caller->nodes.front(), text_of(*body, "request"));
}

std::string row_json(const EnrolmentToken& row, WallNs now) {
  const std::int64_t until = row.until * 1'000'000'000;
  return wire::JsonObject()
      .text("id", row.id())
      .text("node", row.node)
      .text("until", rfc3339(until))
      .text("state", !row.used_by.empty() ? "used"
                     : until <= now       ? "expired"
                                          : "open")
      .str();
}

http::Response list_tokens(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  const auto tokens = parts.enrolment->tokens.rows();
  if (!tokens) return http::problem(tokens.error());
  http::PageWriter writer;
  for (const auto& row : *tokens) writer.add(row_json(row, parts.clock.wall()));
  return std::move(writer).finish("");
}

http::Response make_token(const ApiParts& parts, const http::Request& request) {
  const std::string what = "make an enrolment token";
  const auto body = body_of(request, what, {"node", "expires_in"});
  if (!body) return http::problem(body.error());
  const std::string node = text_of(*body, "node");
  if (!is_node_name(node))
    return http::problem(
        invalid(what, "`node` is no name of 1 to 253 printable characters without blanks and slashes", ""));
  const auto lasts = body->find("expires_in");
  if (lasts == body->end() || !lasts->is_number_integer() || *lasts < shortest_token_s ||
      *lasts > EnrolmentTokens::longest_s)
    return http::problem(invalid(what, "`expires_in` is no whole number of seconds, 60 to 2592000", ""));
  const auto made = parts.enrolment->tokens.make(node, lasts->get<std::int64_t>());
  if (!made) return http::problem(made.error());
  log(LogLevel::info, "an enrolment token was made",
      {{"id", made->row.id()}, {"node", node}, {"by", request.caller ? request.caller->name : request.peer}});
  return http::json_response(wire::JsonObject()
                                 .text("id", made->row.id())
                                 .text("node", node)
                                 .text("until", rfc3339(made->row.until * 1'000'000'000))
                                 .text("token", made->token)
                                 .str(),
                             201);
}

http::Response revoke_token(const ApiParts& parts, const http::Request& request) {
  const auto removed = parts.enrolment->tokens.remove(request.params.at("id"));
  return removed ? http::json_response("{}") : http::problem(removed.error());
}

}  // namespace

void add_enrolment_routes(http::Server& server, const std::shared_ptr<const ApiParts>& parts) {
  using Answer = http::Response (*)(const ApiParts&, const http::Request&);
  const auto on_the_pool = [&](const char* method, const char* pattern, http::Need need, Answer answer) {
    const auto where_any = [answer](const ApiParts& api, const http::Request& request) {
      if (api.enrolment != nullptr) return answer(api, request);
      return http::problem({ErrorCode::not_found, request.method + " " + request.path, "nobody enrols here",
                            "configure agents.enrolment in collector.yaml"});
    };
    route_on_pool(server, parts, method, pattern, {.body_limit = longest_body, .need = need}, where_any);
  };
  on_the_pool("POST", "/v1/enroll", http::Need::nothing, enroll);
  on_the_pool("POST", "/v1/enroll/renew", http::Need::report, renew);
  on_the_pool("GET", "/v1/enrolment/tokens", http::Need::admin, list_tokens);
  on_the_pool("POST", "/v1/enrolment/tokens", http::Need::admin, make_token);
  on_the_pool("POST", "/v1/enrolment/tokens/{id}/revoke", http::Need::admin, revoke_token);
}

std::string enrolment_json(const ApiParts& parts) {
  if (parts.enrolment == nullptr) return "null";
  const auto stats = parts.enrolment->tokens.stats();
  return wire::JsonObject()
      .number("made", stats.made)
      .number("used", stats.used)
      .number("unknown", stats.unknown)
      .number("expired", stats.expired)
      .number("replayed", stats.replayed)
      .number("renewed", parts.enrolment->renewed.load())
      .str();
}

}  // namespace plumbline::collector
