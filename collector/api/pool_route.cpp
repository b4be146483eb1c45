#include "collector/api/pool_route.hpp"

namespace plumbline::collector {
namespace {

http::Response too_many_questions() {
  return http::problem(503,
                       {ErrorCode::unavailable, "answer the question",
                        std::to_string(QueryPool::most_waiting) + " others wait already", "try again"},
                       {{"Retry-After", "1"}});
}

}  // namespace

void route_on_pool(http::Server& server, const std::shared_ptr<const ApiParts>& parts, const char* method,
                   const char* pattern, http::RouteOptions options, PoolAnswer answer) {
  server.route_async(
      method, pattern,
      [parts, answer = std::move(answer)](http::Request request, const http::Responder& respond) {
        const bool taken = parts->queries.run(
            [parts, answer, respond, request = std::move(request)] { respond(answer(*parts, request)); });
        if (!taken) respond(too_many_questions());
      },
      options);
}

}  // namespace plumbline::collector
