#include <algorithm>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/revert.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

int code_of(const wire::Drift& drift) {
  return is_live(drift.state) ? exit_code::open_drift : exit_code::ok;
}

/// By the agent, if a person says so.
bool may_be_put_back(wire::RollbackState state) {
  using enum wire::RollbackState;
  return state == awaiting_approval || state == waiting || state == revert_failed || state == contested ||
         state == undone;
}

void heading(const Context& context, std::string_view text) {
  context.terminal.out << '\n' << styled(context.terminal, Style::bold, text) << '\n';
}

std::string account(const std::string& name, std::uint32_t id) {
  return name.empty() ? std::to_string(id) : printable(name) + " (" + std::to_string(id) + ")";
}

/// "vi[4711] vi nginx.conf", with the executable's path where the arguments do not begin with it.
std::string process_line(const wire::Process& p) {
  const std::size_t slash = p.exe.rfind('/');
  std::string name = !p.exe.empty() ? p.exe.substr(slash == std::string::npos ? 0 : slash + 1) : p.comm;
  std::string text = printable(name.empty() ? "?" : name) + "[" + std::to_string(p.pid) + "]";
  for (const auto& argument : p.argv) text += " " + printable(shell_quote(argument));
  if (p.argv_truncated) text += " …";
  if (p.argv.empty() && !p.exe.empty()) text += " " + printable(p.exe);
  return text;
}

std::string all_of(const wire::Container& c) {
  std::string text = printable(c.id);
  for (const auto& [label, value] : {std::pair<const char*, const std::string&>{"runtime", c.runtime},
                                     {"name", c.name},
                                     {"image", c.image},
                                     {"pod", c.pod},
                                     {"namespace", c.pod_namespace},
                                     {"pod's uid", c.pod_uid},
                                     {"service account", c.service_account}})
    if (!value.empty()) text += std::string(", ") + label + " " + printable(value);
  return text;
}

void print_actor(const Context& context, const wire::Actor& actor, WallNs now) {
  auto& out = context.terminal.out;
  if (!actor.process) {
    out << "  unknown" << (actor.unknown_reason.empty() ? "" : ": " + printable(actor.unknown_reason)) << '\n';
    return;
  }
  // An ancestor's arguments can be pages long (a container's start); JSON has them whole.
  const std::size_t width = context.terminal.width == 0 ? 120 : context.terminal.width;
  std::string indent = "  ";
  if (!actor.lineage_complete) out << indent << "… (an ancestor is not known)\n";
  for (auto it = actor.lineage.rbegin(); it != actor.lineage.rend(); ++it) {
    const std::string line = indent + (it == actor.lineage.rbegin() ? "" : "└─ ") + process_line(*it);
    out << cut(line, std::max(width, indent.size() + 30)) << '\n';
    if (it != actor.lineage.rbegin()) indent += "   ";
  }
  const auto& p = *actor.process;
  out << indent << (actor.lineage.empty() ? "" : "└─ ") << styled(context.terminal, Style::bold, process_line(p))
      << '\n';

  std::vector<std::pair<std::string, std::string>> facts;
  if (!p.exe.empty()) facts.emplace_back("executable", printable(p.exe));
  if (!p.exe_sha256.empty()) facts.emplace_back("its SHA-256", p.exe_sha256);
  if (p.uid) facts.emplace_back("user", account(p.user, *p.uid));
  if (p.login_uid) facts.emplace_back("logged in as", account(p.login_user, *p.login_uid));
  if (!p.tty.empty()) facts.emplace_back("terminal", printable(p.tty));
  if (p.start_time != 0) facts.emplace_back("started", rfc3339(p.start_time) + " (" + age(now, p.start_time) + ")");
  if (actor.container) {
    const auto& c = *actor.container;
    facts.emplace_back("container", all_of(c));
    if (c.ecs) {
      std::string task = printable(c.ecs->task);
      for (const auto& [label, value] : {std::pair<const char*, const std::string&>{"service", c.ecs->service},
                                         {"cluster", c.ecs->cluster},
                                         {"family", c.ecs->family},
                                         {"revision", c.ecs->revision},
                                         {"container", c.ecs->container}})
        if (!value.empty()) task += std::string(", ") + label + " " + printable(value);
      facts.emplace_back("ECS task", task);
    }
  }
  if (!actor.resolved) facts.emplace_back("note", "not everything about it could be known");
  for (const auto& [label, value] : facts) {
    const std::string padding(label.size() < 14 ? 14 - label.size() : 1, ' ');
    out << "  " << label << padding << value << '\n';
  }
}

/// Findings of this drift that merge changes by several programs, newest first; the actor is the last one's.
void print_others(const Context& context, const std::vector<wire::Finding>& findings) {
  std::size_t left = 3;
  for (const auto& f : findings) {
    if (!f.first_actor && f.handovers == 0) continue;
    if (left-- == 0) break;
    context.terminal.out << "  also " << (f.first_actor ? process_line(*f.first_actor) : "others, in between")
                         << ", of " << counted(f.changes, "change") << " that finding " << printable(f.id) << " merges";
    if (f.handovers > 1) context.terminal.out << "; the program changed " << counted(f.handovers, "time");
    context.terminal.out << '\n';
  }
}

void print_diff(const Context& context, const std::vector<wire::AttributeDiff>& diff) {
  auto& out = context.terminal.out;
  std::size_t width = 0;
  for (const auto& d : diff) width = std::max(width, d.attribute.size());
  for (const auto& d : diff) {
    const std::string name = printable(d.attribute) + std::string(width - std::min(width, d.attribute.size()), ' ');
    const std::string note = d.sensitive ? "  (sensitive: keyed hashes)" : "";
    out << "  " << name << "  expected  "
        << styled(context.terminal, Style::good, printable(d.expected.empty() ? "nothing" : d.expected)) << note
        << '\n';
    out << "  " << std::string(name.size(), ' ') << "  live      "
        << styled(context.terminal, Style::bad, printable(d.live.empty() ? "nothing" : d.live)) << '\n';
  }
  if (diff.empty()) out << "  nothing differs now\n";
}

void print_call(const Context& context, const wire::Call& call) {
  auto& out = context.terminal.out;
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) out << "  " << name << printable(value) << '\n';
  };
  line("call          ", name_of(call) + (call.semantics.empty() ? "" : " (" + call.semantics + ")"));
  line("outcome       ", call.outcome + (call.tries > 1 ? ", at try " + std::to_string(call.tries) : ""));
  line("at            ", call.host + (call.host_by == "dns" ? " (by its address)" : "") +
                             (call.region.empty() ? "" : ", " + call.region) +
                             (call.account.empty() ? "" : ", account " + call.account));
  const std::string as = call.principal_arn.empty() ? "" : call.principal_arn + ", ";
  const bool is_elsewhere = !call.principal_account.empty() && call.principal_account != call.account;
  line("as            ", as + call.principal + (is_elsewhere ? " of account " + call.principal_account : "") +
                             (call.principal_proof.empty() ? "" : " (" + call.principal_proof + ")"));
  std::string chain;
  for (const auto& one : call.principal_chain) chain += (chain.empty() ? "" : " < ") + one;
  line("by way of     ", chain);
  line("request id    ", call.request_id);
  std::string ids;
  for (const auto& id : call.ids) ids += (ids.empty() ? "" : ", ") + id;
  line("names         ", cut(ids, 400));
}

void print_evidence(const Context& context, const wire::Drift& drift) {
  auto& out = context.terminal.out;
  for (const auto& e : drift.evidence) out << "  + " << printable(e.kind) << ": " << printable(e.says) << '\n';
  for (const auto& missing : drift.missing_evidence) out << "  - missing: " << printable(missing) << '\n';
  if (drift.evidence.empty() && drift.missing_evidence.empty()) out << "  no evidence is recorded\n";
}

std::vector<wire::Finding> recent_findings(const Json& drift) {
  std::vector<wire::Finding> findings;
  if (const auto recent = drift.find("recent_findings"); recent != drift.end() && recent->is_array())
    for (const auto& item : *recent)
      if (const auto finding = wire::finding_from_json(item)) findings.push_back(*finding);
  return findings;
}

void print_title(const Context& context, const wire::Drift& drift) {
  auto& out = context.terminal.out;
  const Style style = is_live(drift.state) ? Style::bad : Style::good;
  out << styled(context.terminal, style, wire::text_of(drift.state)) << ", severity " << wire::text_of(drift.severity)
      << ", " << wire::text_of(drift.verdict) << '\n'
      << styled(context.terminal, Style::bold, printable(drift.resource)) << '\n'
      << printable(drift.where.path) << (drift.where.path.empty() ? "on " : " on ") << printable(drift.where.node)
      << (drift.baseline.empty() ? "" : ", against the baseline " + printable(drift.baseline)) << '\n';
  if (drift.where.container) out << "in container " << all_of(*drift.where.container) << '\n';
  for (const auto& alias : drift.where.aliases) out << "also " << printable(alias) << '\n';
}

}  // namespace

int show_drift(const Context& context, const std::string& word) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto json = find_drift(*api, word, context.options.node);
  if (!json) return fail(context, json.error());
  const auto parsed = wire::drift_from_json(*json);
  if (!parsed) return fail(context, parsed.error());
  const wire::Drift& drift = *parsed;
  if (context.options.format != Format::table) {
    print_json(context, *json);
    return code_of(drift);
  }
  auto& out = context.terminal.out;
  const WallNs now = context.clock.wall();
  print_title(context, drift);
  out << "opened " << rfc3339(drift.opened_at) << " (" << age(now, drift.opened_at) << "), seen "
      << counted(drift.count, "time") << ", last " << rfc3339(drift.updated_at) << " (" << age(now, drift.updated_at)
      << ")\n";
  if (drift.closed_at)
    out << "closed " << rfc3339(*drift.closed_at) << " (" << age(now, *drift.closed_at)
        << "): " << printable(drift.closed_by) << '\n';
  heading(context, is_live(drift.state) ? "What changed" : "What had changed");
  if (drift.call) print_call(context, *drift.call);
  if (!drift.call || !drift.diff.empty()) print_diff(context, drift.diff);
  heading(context, "Who");
  print_actor(context, drift.actor, now);
  print_others(context, recent_findings(*json));
  heading(context, "Evidence");
  print_evidence(context, drift);
  if (drift.rollback) {
    heading(context, "Rollback");
    out << "  " << rollback_line(*drift.rollback) << '\n';
    if (drift.rollback->can_be_undone) out << "  plumb rollback --undo " << short_id(drift.id) << '\n';
  }
  if (is_live(drift.state)) {
    heading(context, "Put it back");
    if (drift.rollback && may_be_put_back(drift.rollback->state))
      out << "  plumb rollback " << short_id(drift.id) << "    # --dry-run shows what it would write\n";
    for (const auto& line : how_to_put_back(drift)) out << "  " << line << '\n';
  }
  out << "\nid " << printable(drift.id) << '\n';
  return code_of(drift);
}

int explain_drift(const Context& context, const std::string& word) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto json = find_drift(*api, word, context.options.node);
  if (!json) return fail(context, json.error());
  const auto parsed = wire::drift_from_json(*json);
  if (!parsed) return fail(context, parsed.error());
  const std::vector<wire::Finding> findings = recent_findings(*json);
  if (context.options.format != Format::table) {
    Json rules = Json::array();
    for (const auto& f : findings) rules.push_back({{"finding", f.id}, {"rule", f.rule}, {"source", f.source}});
    print_json(context, {{"id", parsed->id},
                         {"verdict", wire::text_of(parsed->verdict)},
                         {"evidence", (*json)["evidence"]},
                         {"missing_evidence", (*json)["missing_evidence"]},
                         {"rules", std::move(rules)}});
    return code_of(*parsed);
  }
  print_title(context, *parsed);
  heading(context, "Why " + std::string(wire::text_of(parsed->verdict)));
  print_evidence(context, *parsed);
  heading(context, "Findings, newest first");
  std::vector<std::vector<Cell>> rows;
  const WallNs now = context.clock.wall();
  for (const auto& f : findings)
    rows.push_back({{age(now, f.at)},
                    {std::string(wire::text_of(f.comparison)),
                     f.comparison == wire::ComparisonResult::match ? Style::good : Style::bad},
                    {std::string(wire::text_of(f.verdict))},
                    {printable(f.rule)},
                    {printable(f.source)},
                    {who(f.actor)}});
  if (rows.empty())
    context.terminal.out << "  the node keeps none of them any more; the collector does\n";
  else
    print_table(context.terminal, {{"WHEN"}, {"COMPARISON"}, {"VERDICT"}, {"RULE", 8}, {"SEEN BY"}, {"WHO", 14}},
                std::move(rows));
  return code_of(*parsed);
}

}  // namespace plumbline::ctl
