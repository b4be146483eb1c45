#include "http/router.hpp"

#include <algorithm>
#include <set>

#include "http/target.hpp"

namespace plumbline::http::detail {
namespace {

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
}
bool is_rest(std::string_view segment) {
  return is_parameter(segment) && segment.ends_with("...}");
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    segments.emplace_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

/// Fills `params` with the still encoded values.
bool fits(const Route& route, const std::vector<std::string>& path, std::map<std::string, std::string>& params) {
  params.clear();
  for (std::size_t i = 0; i < route.segments.size(); ++i) {
    const std::string& want = route.segments[i];
    if (i >= path.size()) return false;
    if (is_rest(want)) {
      std::string rest = path[i];
      for (std::size_t j = i + 1; j < path.size(); ++j) rest += "/" + path[j];
      if (rest.empty()) return false;
      params[want.substr(1, want.size() - 5)] = std::move(rest);
      return true;
    }
    if (is_parameter(want)) {
      if (path[i].empty()) return false;
      params[want.substr(1, want.size() - 2)] = path[i];
    } else if (want != path[i]) {
      return false;
    }
  }
  return path.size() == route.segments.size();
}

}  // namespace

void Router::add(Route route) {
  route.segments = split(route.pattern);
  const auto order = [](const Route& r) {
    std::string key;  // literal before parameter before rest, segment by segment
    for (const auto& s : r.segments) key += is_rest(s) ? '2' : is_parameter(s) ? '1' : '0';
    return key;
  };
  const auto at = std::find_if(routes_.begin(), routes_.end(), [&](const Route& r) { return order(route) < order(r); });
  routes_.insert(at, std::move(route));
}

RouteMatch Router::match(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  const auto segments = split(path);
  std::set<std::string> allowed;
  std::map<std::string, std::string> params;
  for (const auto& route : routes_) {
    if (!fits(route, segments, params)) continue;
    allowed.insert(route.method);
    if (route.method != wanted) continue;
    for (auto& [name, value] : params) {
      auto decoded = percent_decode(value);
      if (!decoded) return {nullptr, {}, 400, ""};
      value = std::move(*decoded);
    }
    return {&route, std::move(params), 200, ""};
  }
  if (allowed.empty()) return match;
  if (allowed.contains("GET")) allowed.insert("HEAD");
  match.status = 405;
  for (const auto& name : allowed) match.allow += (match.allow.empty() ? "" : ", ") + name;
  return match;
}

}  // namespace plumbline::http::detail
