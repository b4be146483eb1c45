// Probes in the form that Kubernetes has (?verbose, ?exclude=).
#pragma once

#include <string>
#include <vector>

#include "http/message.hpp"

namespace plumbline::http {

struct HealthCheck {
  std::string name;
  bool ok = false;
  std::string says;
};

/// 200 or 503 for machines, one line a check for people: "[+]hooks ok: …", "[-]spool failed: …". The lines come with
/// ?verbose and with every 503. `exclude` may be repeated; one that names no check is told, not refused, so that a
/// probe outlives a renamed check.
Response health_response(const Request& request, const std::vector<HealthCheck>& checks);

}  // namespace plumbline::http
