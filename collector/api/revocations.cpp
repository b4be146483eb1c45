#include "collector/api/revocations.hpp"

#include "collector/api/principal.hpp"
#include "collector/api/same_site.hpp"
#include "collector/ingest/revocations.hpp"
#include "collector/telemetry/log.hpp"
#include "http/page.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::collector {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::string revocation_json(const Revocation& one) {
  wire::JsonObject json;
  json.bytes("node", one.node).text("before", rfc3339(one.before * second));
  return json.bytes("by", one.by).bytes("reason", one.reason).str();
}

}  // namespace

http::Response revoke_node(const ApiParts& parts, const http::Request& request) {
  const std::string what = "revoke a node's certificates";
  if (auto refused = refuse_other_sites(request, what)) return std::move(*refused);
  if (const auto checked = http::check_query(request.query, {"node", "reason", "by"}); !checked)
    return http::problem(checked.error());
  const auto text = [&](const char* key) {
    const std::string* value = http::find_field(request.query, key);
    return value == nullptr ? std::string() : *value;
  };
  Revocation one{text("node"), parts.clock.wall() / second, text("by"), text("reason")};
  if (!is_node_name(one.node))
    return http::problem(
        invalid(what, "`node` is no name of 1 to 253 printable characters without blanks and slashes", ""));
  if (one.by.size() > 200) return http::problem(invalid(what, "`by` is longer than 200 bytes", ""));
  if (one.reason.size() > 1000) return http::problem(invalid(what, "`reason` is longer than 1000 bytes", ""));
  if (one.reason.find_first_not_of(" \t\n") == std::string::npos)
    return http::problem(invalid(what, "`reason` is missing", "say why, for whoever looks later"));
  one.by = principal_of(request, one.by);
  const auto done = parts.store.revoke_node(one);
  if (!done) return http::problem(done.error());
  if (!*done)
    return http::problem(409, invalid(what, "those of " + std::to_string(max_revocations) + " nodes are, the most",
                                      "make another authority, by which all enrol again"));
  if (const auto applied = apply_revocations(parts.store, parts.gate); !applied) return http::problem(applied.error());
  log(LogLevel::warning, "certificates of a node were revoked", {{"node", one.node}, {"by", one.by}});
  return http::json_response(revocation_json(one), 201);
}

http::Response list_revocations(const ApiParts& parts, const http::Request& request) {
  if (const auto checked = http::check_query(request.query, {}); !checked) return http::problem(checked.error());
  const auto all = parts.store.revocations();
  if (!all) return http::problem(all.error());
  http::PageWriter writer;
  for (const auto& one : *all) writer.add(revocation_json(one));
  return std::move(writer).finish("");
}

}  // namespace plumbline::collector
