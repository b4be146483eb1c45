#include "agent/api/runs.hpp"

#include "http/page.hpp"

namespace plumbline::agent {
namespace {

/// nullopt: the request may go on.
std::optional<http::Response> refusal(const http::Request& request) {
  if (!request.peer_process)
    return http::problem({ErrorCode::permission, request.method + " " + request.path,
                          "approved runs are a matter of the Unix socket: over TCP nobody can say which process asks",
                          "use the agent's socket (api.socket), as plumb run does"});
  if (const auto known = http::check_query(request.query, {}); !known) return http::problem(known.error());
  return std::nullopt;
}

}  // namespace

void add_run_routes(http::Server& server, RunCalls calls) {
  server.route_async("POST", "/v1/runs",
                     [approve = std::move(calls.approve)](http::Request request, const http::Responder& respond) {
                       if (auto refused = refusal(request)) return void(respond(std::move(*refused)));
                       auto run = parse_run_request(request.body);
                       if (!run) return void(respond(http::problem(run.error())));
                       approve(std::move(*run), *request.peer_process, respond);
                     },
                     {RunRequest::longest_body});
  server.route_async("GET", "/v1/runs",
                     [list = std::move(calls.list)](const http::Request& request, const http::Responder& respond) {
                       if (auto refused = refusal(request)) return void(respond(std::move(*refused)));
                       list(respond);
                     });
  server.route_async("DELETE", "/v1/runs/{id...}",
                     [end = std::move(calls.end)](const http::Request& request, const http::Responder& respond) {
                       if (auto refused = refusal(request)) return void(respond(std::move(*refused)));
                       end(request.params.at("id"), respond);
                     });
}

}  // namespace plumbline::agent
