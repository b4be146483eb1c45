#include "agent/api/api.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "agent/api/health.hpp"
#include "agent/api/stream.hpp"
#include "http/page.hpp"
#include "include/util/glob.hpp"
#include "include/wire/json.hpp"

namespace plumbline::agent {
namespace {

using http::Request;
using http::Response;

/// The parameters that lists share, read and checked.
struct ListQuery {
  std::size_t limit = http::default_limit;
  std::optional<std::string> cursor;
  std::optional<WallNs> since;
  std::string resource;  ///< "" = all

  /// Addresses may hold any bytes; JSON shows them escaped, so that form finds them too.
  bool wants(const std::string& address) const {
    return resource.empty() || text_glob_matches(resource, address) ||
           text_glob_matches(resource, wire::escape_bytes(address));
  }
};

/// "<time>/<id>" of lists that are newest first; ids break ties, so that the order is total.
std::string time_position(WallNs at, const std::string& id) {
  return std::to_string(at) + "/" + id;
}
struct TimePosition {
  WallNs at = 0;
  std::string_view id;
};
std::optional<TimePosition> parse_time_position(std::string_view position) {
  TimePosition parsed;
  const char* const last = position.data() + position.size();
  const auto [end, ec] = std::from_chars(position.data(), last, parsed.at);
  if (ec != std::errc() || end == last || *end != '/') return std::nullopt;
  parsed.id = {end + 1, last};
  return parsed;
}

/// "<address>\0<path>", and of a path in a container "\0<its id>": in this order they are listed.
std::string resource_position(const wire::ResourceStatus& r) {
  return r.resource + '\0' + r.path + (r.container ? '\0' + r.container->id : std::string());
}

/// The same order, without a copy.
std::tuple<std::string_view, std::string_view, std::string_view> order_of(const wire::ResourceStatus& r) {
  return {r.resource, r.path, r.container ? std::string_view(r.container->id) : std::string_view()};
}

/// A cursor's check value is against typing errors: whoever computes it may put anything behind it.
bool is_time_position(std::string_view position) {
  return parse_time_position(position).has_value();
}
bool is_resource_position(std::string_view position) {
  return position.find('\0') != std::string_view::npos;
}
bool is_any_position(std::string_view) {
  return true;
}

Result<ListQuery> read_list_query(const http::Fields& query, std::string_view list,
                                  bool (*is_position)(std::string_view)) {
  ListQuery out;
  auto limit = http::parse_limit(query);
  if (!limit) return limit.error();
  auto cursor = http::parse_cursor(query, list);
  if (!cursor) return cursor.error();
  if (*cursor && !is_position(**cursor))
    return invalid("read the parameter cursor", "it is not a cursor of this list",
                   "give next_cursor as it came, or leave it out to begin at the start");
  auto since = http::parse_since(query);
  if (!since) return since.error();
  out.limit = *limit;
  out.cursor = std::move(*cursor);
  out.since = *since;
  if (const auto* resource = http::find_field(query, "resource")) out.resource = *resource;
  return out;
}

/// Checks a parameter that holds one of a few words. Returns it, "" where it is not given.
Result<std::string> read_word(const http::Fields& query, std::string_view name,
                              std::span<const std::string_view> known) {
  const auto* value = http::find_field(query, name);
  if (value == nullptr) return std::string();
  if (const auto checked = http::check_word(name, *value, known); !checked) return checked.error();
  return *value;
}

/// A page of `items` (which are in the list's order): those that `wants`, after the cursor's position. `position`
/// gives an item's; `after(item, position)`: whether the item comes after that position.
template <class T, class Wants, class Position, class After>
Response write_page(const std::vector<T>& items, const ListQuery& query, std::string_view list, Wants wants,
                    Position position, After after) {
  http::PageWriter page;
  const T* last = nullptr;
  for (const auto& item : items) {
    if ((query.cursor && !after(item, *query.cursor)) || !wants(item)) continue;
    if (page.count() == query.limit) return std::move(page).finish(http::encode_cursor(list, position(*last)));
    page.add(wire::to_json(item));
    last = &item;
  }
  return std::move(page).finish("");
}

bool is_after(WallNs at, const std::string& id, std::string_view position) {
  const auto limit = parse_time_position(position);
  return limit && (at != limit->at ? at < limit->at : id < limit->id);
}

constexpr std::array<std::string_view, 5> drift_states{"open", "resolved", "accepted", "contested", "suppressed"};
constexpr std::array<std::string_view, 3> comparisons{"match", "mismatch", "not_comparable"};
constexpr std::array<std::string_view, 7> verdicts{
    "out_of_band",           "in_band",       "pending",         "unapproved_run",
    "converged_by_stranger", "impersonation", "expected_runtime"};

Response list_drift(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {"state", "resource", "since", "limit", "cursor"});
  if (!known) return http::problem(known.error());
  const auto query = read_list_query(request.query, "drift", is_time_position);
  if (!query) return http::problem(query.error());
  const auto state = read_word(request.query, "state", drift_states);
  if (!state) return http::problem(state.error());

  auto drifts = view.drifts();
  std::sort(drifts.begin(), drifts.end(), [](const wire::Drift& a, const wire::Drift& b) {
    return a.updated_at != b.updated_at ? a.updated_at > b.updated_at : a.id > b.id;
  });
  return write_page(
      drifts, *query, "drift",
      [&](const wire::Drift& d) {
        return (state->empty() || wire::text_of(d.state) == *state) &&
               (!query->since || d.updated_at >= *query->since) && query->wants(d.resource);
      },
      [](const wire::Drift& d) { return time_position(d.updated_at, d.id); },
      [](const wire::Drift& d, const std::string& at) { return is_after(d.updated_at, d.id, at); });
}

Response get_drift(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {});
  if (!known) return http::problem(known.error());
  const std::string& id = request.params.at("id");
  for (const auto& drift : view.drifts()) {
    if (drift.id != id) continue;
    std::vector<wire::Finding> recent;
    for (auto& finding : view.findings())
      if (finding.drift_id == id) recent.push_back(std::move(finding));
    std::string json = wire::to_json(drift);
    json.back() = ',';
    return http::json_response(json + "\"recent_findings\":" + wire::to_json(recent) + "}");
  }
  return http::problem({ErrorCode::not_found, "GET " + request.path, "this node knows no drift of that id",
                        "GET /v1/drift lists those it knows; older ones are at the collector"});
}

Response list_findings(const NodeView& view, const Request& request) {
  const auto known =
      http::check_query(request.query, {"resource", "verdict", "comparison", "since", "limit", "cursor"});
  if (!known) return http::problem(known.error());
  const auto query = read_list_query(request.query, "findings", is_time_position);
  if (!query) return http::problem(query.error());
  const auto verdict = read_word(request.query, "verdict", verdicts);
  if (!verdict) return http::problem(verdict.error());
  const auto comparison = read_word(request.query, "comparison", comparisons);
  if (!comparison) return http::problem(comparison.error());

  auto findings = view.findings();
  std::sort(findings.begin(), findings.end(),
            [](const wire::Finding& a, const wire::Finding& b) { return a.at != b.at ? a.at > b.at : a.id > b.id; });
  return write_page(
      findings, *query, "findings",
      [&](const wire::Finding& f) {
        return (verdict->empty() || wire::text_of(f.verdict) == *verdict) &&
               (comparison->empty() || wire::text_of(f.comparison) == *comparison) &&
               (!query->since || f.at >= *query->since) && query->wants(f.resource);
      },
      [](const wire::Finding& f) { return time_position(f.at, f.id); },
      [](const wire::Finding& f, const std::string& at) { return is_after(f.at, f.id, at); });
}

Response list_resources(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {"resource", "comparison", "limit", "cursor"});
  if (!known) return http::problem(known.error());
  const auto query = read_list_query(request.query, "resources", is_resource_position);
  if (!query) return http::problem(query.error());
  const auto comparison = read_word(request.query, "comparison", comparisons);
  if (!comparison) return http::problem(comparison.error());

  auto resources = view.resources();
  std::sort(resources.begin(), resources.end(),
            [&](const auto& a, const auto& b) { return order_of(a) < order_of(b); });
  return write_page(
      resources, *query, "resources",
      [&](const wire::ResourceStatus& r) {
        return (comparison->empty() || wire::text_of(r.comparison) == *comparison) && query->wants(r.resource);
      },
      resource_position,
      [&](const wire::ResourceStatus& r, const std::string& at) { return resource_position(r) > at; });
}

/// All that the address owns on this node: usually one path, but an address may own several.
Response get_resource(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {});
  if (!known) return http::problem(known.error());
  const std::string& address = request.params.at("address");
  http::PageWriter page;
  for (const auto& resource : view.resources())
    if (resource.resource == address || wire::escape_bytes(resource.resource) == address)
      page.add(wire::to_json(resource));
  if (page.count() == 0)
    return http::problem({ErrorCode::not_found, "GET " + request.path, "this node manages no resource of that address",
                          "GET /v1/resources lists the managed ones"});
  return std::move(page).finish("");
}

Response list_owners(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {"of"});
  if (!known) return http::problem(known.error());
  const auto* of = http::find_field(request.query, "of");
  if (of == nullptr || of->empty())
    return http::problem(invalid("look up owners", "the parameter `of` is not given",
                                 "give an absolute path or a cloud id: /v1/owners?of=/etc/app.conf"));
  http::PageWriter page;
  for (const auto& owner : view.owners_of(wire::unescape_bytes(*of))) page.add(wire::to_json(owner));
  return std::move(page).finish("");
}

Response list_blind_spots(const NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {"limit", "cursor"});
  if (!known) return http::problem(known.error());
  const auto query = read_list_query(request.query, "blindspots", is_any_position);
  if (!query) return http::problem(query.error());
  auto spots = view.blind_spots();
  // No single part of one is unique: every unwatched path is one of the same id.
  const auto position = [](const wire::BlindSpot& b) { return b.id + '\0' + b.scope + '\0' + b.says; };
  std::sort(spots.begin(), spots.end(), [&](const auto& a, const auto& b) { return position(a) < position(b); });
  return write_page(
      spots, *query, "blindspots", [](const wire::BlindSpot&) { return true; }, position,
      [&](const wire::BlindSpot& b, const std::string& at) { return position(b) > at; });
}

std::variant<Response, http::StreamResponse> stream(NodeView& view, const Request& request) {
  const auto known = http::check_query(request.query, {"last_event_id"});
  if (!known) return http::problem(known.error());
  // EventSource sends the header on its own; the parameter is for a page that was loaded anew.
  const auto* id = request.header("Last-Event-ID");
  const bool by_browser = id != nullptr;
  if (!by_browser) id = http::find_field(request.query, "last_event_id");
  if (id == nullptr || id->empty()) return open_stream(view, std::nullopt);
  const auto position = parse_stream_position(*id);
  // An EventSource never comes back after a 400: what is no id of ours is an unknown one.
  if (!position && by_browser) return open_stream(view, unknown_position);
  if (!position)
    return http::problem(invalid("read the parameter last_event_id", "it is not an id of this stream",
                                 "give the last id as it came (\"17.0\"), or leave it out to begin now"));
  return open_stream(view, position);
}

}  // namespace

void add_api_routes(http::Server& server, NodeView& view, const access::Gate& gate) {
  using Call = Response (*)(const NodeView&, const Request&);
  using enum http::Need;
  const auto get = [&](const char* pattern, Call call, http::Need need = read) {
    server.route("GET", pattern, [&view, call](const Request& request) { return call(view, request); }, {.need = need});
  };
  get("/v1/drift", list_drift);
  get("/v1/drift/{id}", get_drift);
  get("/v1/findings", list_findings);
  get("/v1/resources", list_resources);
  get("/v1/resources/{address...}", get_resource);
  get("/v1/owners", list_owners);
  get("/v1/blindspots", list_blind_spots);
  server.route("GET", "/v1/status",
               [&view, &gate](const Request&) {
                 std::string json = view.status_json();
                 json.back() = ',';
                 return http::json_response(json + "\"access\":" + gate.status_json() + "}");
               },
               {.need = read});
  get("/livez", [](const NodeView& v, const Request& r) { return health_response(r, v.live()); }, nothing);
  get("/readyz", [](const NodeView& v, const Request& r) { return health_response(r, v.ready()); }, nothing);
  get("/startupz", [](const NodeView& v, const Request& r) { return health_response(r, v.started()); }, nothing);
  get(
      "/openapi.json",
      [](const NodeView&, const Request&) { return http::json_response(std::string(openapi_document())); }, nothing);
  server.route("GET", "/metrics",
               [&view, &server, &gate](const Request&) {
                 return http::text_response(view.metrics_text() + gate.metrics_text("plumbline_api_access") +
                                                http::metrics_text(server.stats(), "plumbline_api"),
                                            "text/plain; version=0.0.4; charset=utf-8");
               },
               {.need = read});
  server.route_stream("GET", "/v1/stream", [&view](const Request& request) { return stream(view, request); },
                      {.need = read});
}

}  // namespace plumbline::agent
