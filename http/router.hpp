// Which handler a request belongs to. Private to http/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/message.hpp"
#include "http/server.hpp"

namespace plumbline::http::detail {

struct Route {
  std::string method;
  std::string pattern;
  std::vector<std::string> segments;  ///< "{name}" and "{name...}" as written
  std::variant<Handler, AsyncHandler, StreamHandler> handler;
  RouteOptions options;
};

/// Exactly one of: a route with its params; a status with an empty route (404, 405 with `allow`, 400 for bad encoding).
struct RouteMatch {
  const Route* route = nullptr;
  std::map<std::string, std::string> params;
  int status = 404;
  std::string allow;
};

class Router {
 public:
  void add(Route route);
  /// `path` is percent-encoded and begins with "/". "HEAD" finds GET routes.
  RouteMatch match(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;  ///< few (tens), so that a walk is quicker than a tree
};

}  // namespace plumbline::http::detail
