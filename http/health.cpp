#include "http/health.hpp"

#include <set>

#include "http/page.hpp"

namespace plumbline::http {

Response health_response(const Request& request, const std::vector<HealthCheck>& checks) {
  std::set<std::string> excluded;
  bool verbose = false;
  Fields once;  // check_query() refuses repeated names, and exclude may be one
  for (const auto& field : request.query) {
    if (field.first == "exclude")
      excluded.insert(field.second);
    else
      once.push_back(field);
    verbose = verbose || field.first == "verbose";
  }
  if (const auto known = check_query(once, {"verbose", "exclude"}); !known) return problem(known.error());

  std::string lines;
  bool ok = true;
  for (const auto& check : checks) {
    const bool skipped = excluded.erase(check.name) > 0;
    ok = ok && (check.ok || skipped);
    lines += skipped || check.ok ? "[+]" : "[-]";
    lines += check.name + (skipped ? " excluded" : check.ok ? " ok" : " failed");
    if (!check.says.empty()) lines += ": " + check.says;
    lines += '\n';
  }
  for (const auto& name : excluded) lines += "warning: no check is called \"" + name + "\"\n";
  const std::string text = (verbose || !ok ? lines : "") + (ok ? "ok\n" : "failed\n");
  return text_response(text, "text/plain; charset=utf-8", ok ? 200 : 503);
}

}  // namespace plumbline::http
