#include "collector/api/api.hpp"

#include <array>
#include <charconv>

#include "collector/api/baselines.hpp"
#include "collector/api/enrolment.hpp"
#include "collector/api/health.hpp"
#include "collector/api/nodes.hpp"
#include "collector/api/pool_route.hpp"
#include "collector/api/revocations.hpp"
#include "collector/api/same_site.hpp"
#include "collector/api/silences.hpp"
#include "collector/api/stream.hpp"
#include "collector/api/views.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::size_t most_named = 10;  // nodes in one message
constexpr std::array<std::string_view, 6> drift_states = {"open",      "resolved",   "accepted",
                                                          "contested", "suppressed", "forgotten"};

std::string value_of(const http::Fields& query, std::string_view key) {
  const std::string* value = http::find_field(query, key);
  return value == nullptr ? "" : *value;
}

/// limit, cursor, since, state, resource, node and origin of a list's query; a list names those it knows.
Result<Query> query_of(const http::Request& request, std::string_view list,
                       std::initializer_list<std::string_view> known) {
  if (const auto checked = http::check_query(request.query, known); !checked) return checked.error();
  Query query;
  const auto limit = http::parse_limit(request.query);
  if (!limit) return limit.error();
  query.limit = *limit;
  const auto since = http::parse_since(request.query);
  if (!since) return since.error();
  query.since = since->value_or(0);
  const auto cursor = http::parse_cursor(request.query, list);
  if (!cursor) return cursor.error();
  if (*cursor) {
    const std::string& text = **cursor;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), query.before);
    if (error != std::errc() || end != text.data() + text.size())
      return invalid("read the parameter cursor", "it is none of this list's", "take next_cursor of the last page");
  }
  query.state = value_of(request.query, "state");
  if (!query.state.empty()) {
    const auto word = http::check_word("state", query.state, drift_states);
    if (!word) return word.error();
  }
  query.resource = value_of(request.query, "resource");
  query.node = value_of(request.query, "node");
  query.origin = value_of(request.query, "origin");
  return query;
}

template <class T, class Show>
http::Response page_response(const Result<Page<T>>& page, std::string_view list, Show show) {
  if (!page) return http::problem(page.error());
  http::PageWriter writer;
  for (const T& item : page->items) writer.add(show(item));
  return std::move(writer).finish(page->next == 0 ? "" : http::encode_cursor(list, std::to_string(page->next)));
}

http::Response list_drift(const ApiParts& parts, const http::Request& request) {
  const auto query = query_of(request, "drift", {"state", "resource", "node", "since", "limit", "cursor"});
  if (!query) return http::problem(query.error());
  return page_response(parts.store.drifts(*query), "drift", drift_json);
}

/// Ids begin with eight characters of their node's, so two nodes may have the same: then the caller says which.
http::Response one_drift(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {"node"}); !checked) return http::problem(checked.error());
  Query query;
  query.id = request.params.at("id");
  query.node = value_of(request.query, "node");
  query.limit = most_named;
  const auto found = parts.store.drifts(query);
  if (!found) return http::problem(found.error());
  const std::string what = "show drift " + query.id;
  if (found->items.empty())
    return http::problem({ErrorCode::not_found, what,
                          query.node.empty() ? "no node has reported it" : query.node + " has not reported it",
                          "list GET /v1/drift"});
  if (found->items.size() == 1) return http::json_response(drift_json(found->items.front()));
  std::string nodes;
  for (const DriftRow& row : found->items) nodes += (nodes.empty() ? "" : ", ") + row.node + " (" + row.node_id + ")";
  return http::problem(409,
                       invalid(what, "several nodes have one of this id: " + nodes + (found->next != 0 ? ", …" : ""),
                               "say which with ?node=, by id or name"));
}

http::Response list_findings(const ApiParts& parts, const http::Request& request) {
  const auto query = query_of(request, "findings", {"resource", "node", "since", "limit", "cursor"});
  if (!query) return http::problem(query.error());
  return page_response(parts.store.findings(*query), "findings", finding_json);
}

http::Response list_resources(const ApiParts& parts, const http::Request& request) {
  const auto query = query_of(request, "resources", {"resource", "node", "limit", "cursor"});
  if (!query) return http::problem(query.error());
  return page_response(parts.store.resources(*query), "resources", resource_json);
}

http::Response list_dead_letters(const ApiParts& parts, const http::Request& request) {
  const auto query = query_of(request, "dead-letters", {"origin", "limit", "cursor"});
  if (!query) return http::problem(query.error());
  return page_response(parts.store.dead_letters(*query), "dead-letters", dead_letter_json);
}

// Nodes and sinks are few and shown whole: one page, no cursor.
http::Response list_nodes(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  const auto nodes = parts.store.nodes();
  if (!nodes) return http::problem(nodes.error());
  http::PageWriter writer;
  const WallNs now = parts.clock.wall();
  for (const NodeRow& node : *nodes) writer.add(node_json(node, now));
  return std::move(writer).finish("");
}

http::Response list_sinks(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  http::PageWriter writer;
  for (const auto& sink : parts.sinks) {
    const SinkStatus status = sink->status();
    const auto letters = parts.store.count_dead_letters("sink:" + status.name);
    if (!letters) return http::problem(letters.error());
    writer.add(sink_json(status, *letters, parts.clock.wall()));
  }
  return std::move(writer).finish("");
}

http::Response replay_sink(const ApiParts& parts, const http::Request& request) {
  if (auto refused = refuse_other_sites(request, "replay a sink's dead letters")) return std::move(*refused);
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  const std::string& name = request.params.at("name");
  for (const auto& sink : parts.sinks) {
    if (sink->status().name != name) continue;
    const auto count = sink->replay();
    if (!count) return http::problem(count.error());
    return http::json_response(wire::JsonObject().text("sink", name).number("replaying", *count).str(), 202);
  }
  return http::problem(
      {ErrorCode::not_found, "replay dead letters of sink " + name, "no sink has this name", "list GET /v1/sinks"});
}

}  // namespace

void add_routes(http::Server& server, const std::shared_ptr<const ApiParts>& parts) {
  using Answer = http::Response (*)(const ApiParts&, const http::Request&);
  // What may scan the ledger or wait for a commit.
  const auto on_the_pool = [&](const char* method, const char* pattern, http::Need need, Answer answer,
                               std::size_t body_limit = 0) {
    route_on_pool(server, parts, method, pattern, {.body_limit = body_limit, .need = need}, answer);
  };
  // What answers from memory. The metrics ask the store for its nodes, and come all the same while the pool is full.
  const auto at_once = [&](const char* pattern, http::Need need, Answer answer) {
    server.route("GET", pattern, [parts, answer](const http::Request& request) { return answer(*parts, request); },
                 {.need = need});
  };
  using enum http::Need;
  server.route_async(
      "POST", "/v1/batches",
      [parts](const http::Request& request, const http::Responder& respond) { parts->ingest.handle(request, respond); },
      {.body_limit = parts->ingest.limits().max_body_bytes, .need = report});
  on_the_pool("GET", "/v1/drift", read, list_drift);
  on_the_pool("GET", "/v1/drift/{id}", read, one_drift);
  on_the_pool("GET", "/v1/findings", read, list_findings);
  on_the_pool("GET", "/v1/resources", read, list_resources);
  on_the_pool("GET", "/v1/nodes", read, list_nodes);
  on_the_pool("DELETE", "/v1/nodes/{id}", admin, forget_node);
  on_the_pool("POST", "/v1/nodes/{id}/acknowledge", admin, acknowledge_node);
  on_the_pool("GET", "/v1/revocations", read, list_revocations);
  on_the_pool("POST", "/v1/revocations", admin, revoke_node);
  on_the_pool("GET", "/v1/baselines", read, list_baselines);
  on_the_pool("GET", "/v1/baselines/for/{node}", report, hand_list);
  on_the_pool("GET", "/v1/baselines/index/{sha256}", report, hand_index);
  on_the_pool("GET", "/v1/sinks", read, list_sinks);
  on_the_pool("POST", "/v1/sinks/{name}/replay", admin, replay_sink);
  on_the_pool("GET", "/v1/dead-letters", read, list_dead_letters);
  on_the_pool("GET", "/v1/silences", read, list_silences);
  on_the_pool("POST", "/v1/silences", admin, add_silence, max_silence_bytes);
  on_the_pool("DELETE", "/v1/silences/{id}", admin, end_silence);
  on_the_pool("GET", "/v1/status", read, show_status);
  add_enrolment_routes(server, parts);
  server.route_stream("GET", "/v1/stream",
                      [parts](const http::Request& request) { return open_stream(parts->store, request); },
                      {.need = read});
  at_once("/livez", nothing, show_live);
  at_once("/readyz", nothing, show_ready);
  at_once("/startupz", nothing, show_started);
  at_once("/metrics", read, show_metrics);
  server.route("GET", "/openapi.json",
               [](const http::Request&) { return http::json_response(std::string(openapi_json())); },
               {.need = nothing});
}

}  // namespace plumbline::collector
