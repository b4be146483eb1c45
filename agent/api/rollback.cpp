#include "agent/api/rollback.hpp"

#include <optional>

#include "http/page.hpp"

namespace plumbline::agent {
namespace {

/// nullopt: the request may go on.
std::optional<http::Response> refusal(const http::Request& request, std::initializer_list<std::string_view> known) {
  if (!request.peer_process)
    return http::problem({ErrorCode::permission, request.method + " " + request.path,
                          "files are put back by who may use the Unix socket: over TCP nobody can say who asks",
                          "use the agent's socket (api.socket), as plumb rollback does"});
  if (const auto checked = http::check_query(request.query, known); !checked) return http::problem(checked.error());
  return std::nullopt;
}

/// Whether it is only to be shown.
Result<bool> is_dry(const http::Request& request) {
  const auto* dry = http::find_field(request.query, "dry_run");
  if (dry == nullptr || *dry == "0" || *dry == "false") return false;
  if (*dry == "1" || *dry == "true") return true;
  return invalid("read the parameter dry_run", "it is neither 0 nor 1", "give dry_run=1, or leave it out");
}

}  // namespace

void add_rollback_routes(http::Server& server, RollbackCall call) {
  server.route_async("POST", "/v1/drift/{id}/rollback",
                     [call](const http::Request& request, const http::Responder& respond) {
                       if (auto refused = refusal(request, {"dry_run"})) return void(respond(std::move(*refused)));
                       const auto dry = is_dry(request);
                       if (!dry) return void(respond(http::problem(dry.error())));
                       call(request.params.at("id"), *dry ? RollbackWish::show : RollbackWish::put_back,
                            *request.peer_process, respond);
                     });
  server.route_async("POST", "/v1/drift/{id}/undo",
                     [call = std::move(call)](const http::Request& request, const http::Responder& respond) {
                       if (auto refused = refusal(request, {})) return void(respond(std::move(*refused)));
                       call(request.params.at("id"), RollbackWish::undo, *request.peer_process, respond);
                     });
}

}  // namespace plumbline::agent
