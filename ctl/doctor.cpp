#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/preflight.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "include/wire/text.hpp"

namespace plumbline::ctl {
namespace {

std::string text_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  if (value == json.end() || !value->is_string()) return "";
  return wire::unescape_bytes(value->get<std::string>());
}

/// The agent's status and blind spots as checks. What it merely cannot see is `degraded`; what it says fails is
/// `fatal`.
std::vector<Check> agent_checks(const Json& status, const std::vector<Json>& blind_spots) {
  std::vector<Check> checks;
  checks.push_back({"agent", Finding::ok, "version " + text_at(status, "version") + " answers", "", ""});
  const std::string tier = text_at(status, "tier");
  const bool hooked = !tier.empty() && tier != "none";
  checks.push_back({"tier", hooked ? Finding::ok : Finding::fatal, hooked ? tier : "none",
                    hooked ? "" : "changes are found by comparing only", hooked ? "" : "see the refused tiers below"});
  if (const auto tiers = Json::json_pointer("/kernel/tiers"); status.contains(tiers) && status[tiers].is_array())
    for (const auto& report : status[tiers]) {
      const std::string name = text_at(report, "tier");
      if (name == tier) continue;
      const bool works = report.value("works", false);
      checks.push_back({"tier " + name, works ? Finding::ok : Finding::degraded,
                        works ? "works, not needed" : "refused: " + text_at(report, "why"), "", ""});
    }
  if (const auto health = status.find("health"); health != status.end() && health->is_object())
    for (const auto& [name, check] : health->items()) {
      const bool ok = check.is_object() && check.value("ok", false);
      checks.push_back(
          {name, ok ? Finding::ok : Finding::fatal, text_at(check, "says"), ok ? "" : "the agent is not ready", ""});
    }
  for (const auto& spot : blind_spots)
    checks.push_back({"blind spot", Finding::degraded, text_at(spot, "scope") + ": " + text_at(spot, "says"),
                      text_at(spot, "because"), text_at(spot, "remedy")});
  return checks;
}

std::string_view word(Finding finding) {
  return finding == Finding::ok ? "ok" : finding == Finding::degraded ? "degraded" : "fatal";
}

void print_checks(const Context& context, const std::vector<Check>& checks) {
  auto& out = context.terminal.out;
  // Sentences do not fit a table: a line for the fact, one each for what follows from it and what helps.
  for (const auto& check : checks) {
    const Style style = check.finding == Finding::ok         ? Style::good
                        : check.finding == Finding::degraded ? Style::warn
                                                             : Style::bad;
    std::string mark(word(check.finding));
    mark.resize(9, ' ');
    std::string name = printable(check.name);
    name.resize(std::max<std::size_t>(name.size(), 14), ' ');
    out << styled(context.terminal, style, mark) << name << " " << printable(check.fact) << '\n';
    if (!check.effect.empty()) out << "         " << std::string(14, ' ') << " so: " << printable(check.effect) << '\n';
    if (!check.remedy.empty()) out << "         " << std::string(14, ' ') << " do: " << printable(check.remedy) << '\n';
  }
}

Error not_an_agent(const std::string& url) {
  return invalid("examine " + url, "doctor is about an agent and its node, and this is a collector",
                 "ask it for its status: plumb --collector " + url + " status");
}

}  // namespace

int doctor(const Context& context) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  if (!context.options.collector.empty()) return fail(context, not_an_agent(context.options.collector));
  std::vector<Check> checks;
  const auto status = api->get("/v1/status");
  if (status) {
    if (is_of_a_collector(*status)) return fail(context, not_an_agent(context.options.url));
    const auto blind_spots = api->list("/v1/blindspots");
    if (!blind_spots) return fail(context, blind_spots.error());
    checks = agent_checks(*status, *blind_spots);
  } else if (!context.options.url.empty() || status.error().code != ErrorCode::unavailable) {
    return fail(context, status.error());  // somebody was asked for by name, or it is there and refuses us
  } else {
    checks = preflight("");
    checks.insert(checks.begin(), {"agent", Finding::fatal, status.error().message(), "nothing is watched on this node",
                                   "start it: systemctl start plumbline-agent"});
  }
  bool fatal = false;
  for (const auto& check : checks) fatal = fatal || check.finding == Finding::fatal;
  if (context.options.format == Format::table) {
    print_checks(context, checks);
  } else {
    std::vector<Json> items;
    for (const auto& check : checks)
      items.push_back({{"check", check.name},
                       {"finding", word(check.finding)},
                       {"fact", wire::escape_bytes(check.fact)},
                       {"effect", wire::escape_bytes(check.effect)},
                       {"remedy", wire::escape_bytes(check.remedy)}});
    print_items(context, items);
  }
  return fatal ? exit_code::error : exit_code::ok;
}

}  // namespace plumbline::ctl
