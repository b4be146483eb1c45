// plumb rollback: a drifted file is put back by the agent, or what that overwrote is brought back.
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

std::string text_of(const Json& json, const char* key) {
  const auto at = json.is_object() ? json.find(key) : json.end();
  return at != json.end() && at->is_string() ? printable(at->get<std::string>()) : "";
}

void print_lines(const Context& context, const Json& plan, const char* key, const char* sign, Style style) {
  const auto lines = plan.find(key);
  if (lines == plan.end() || !lines->is_array()) return;
  for (const auto& line : *lines)
    if (line.is_string())
      context.terminal.out << "  " << styled(context.terminal, style, sign + printable(line.get<std::string>()))
                           << '\n';
}

int print_plan(const Context& context, const Json& answer) {
  auto& out = context.terminal.out;
  const Json plan = answer.value("plan", Json::object());
  const Json changes = plan.value("changes", Json::array());
  out << "would put back " << text_of(plan, "path") << ", by rule " << text_of(answer, "rule") << " ("
      << text_of(answer, "mode") << "); nothing was changed\n";
  for (const auto& change : changes)
    out << "  " << text_of(change, "attribute") << ": "
        << styled(context.terminal, Style::bad, text_of(change, "from").empty() ? "nothing" : text_of(change, "from"))
        << " → "
        << styled(context.terminal, Style::good, text_of(change, "to").empty() ? "nothing" : text_of(change, "to"))
        << '\n';
  if (changes.empty()) out << "  nothing: it is as it should be\n";
  if (const auto from = plan.find("from_line"); from != plan.end()) {
    out << "  from line " << printable(from->dump()) << ":\n";
    print_lines(context, plan, "lines_that_go", "-", Style::bad);
    print_lines(context, plan, "lines_that_come", "+", Style::good);
  }
  if (!answer.value("may_be_put_back", false)) out << "its rule only looks on: let it say approve or auto\n";
  return exit_code::ok;
}

}  // namespace

std::string rollback_line(const wire::Rollback& rollback) {
  std::string line(wire::text_of(rollback.state));
  if (!rollback.rule.empty()) line += ", rule " + printable(rollback.rule) + " (" + printable(rollback.mode) + ")";
  if (!rollback.by.empty()) line += ", by " + printable(rollback.by);
  return line + (rollback.why.empty() ? "" : ": " + printable(rollback.why));
}

int roll_back(const Context& context, const RollbackOptions& options) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  if (api->is_collector())
    return fail(context, invalid("put it back", "a collector writes no files: the node's agent does",
                                 "run plumb rollback on the node, without --collector"));
  const auto drift = find_drift(*api, options.drift, "");
  if (!drift) return fail(context, drift.error());
  const std::string target = "/v1/drift/" + http::percent_encode(text_of(*drift, "id"));
  const auto answer = api->post(target + (options.undo      ? "/undo"
                                          : options.dry_run ? "/rollback?dry_run=1"
                                                            : "/rollback"),
                                "");
  if (!answer) return fail(context, answer.error());
  if (context.options.format != Format::table) {
    print_json(context, *answer);
  } else if (options.dry_run) {
    return print_plan(context, *answer);
  }
  if (options.dry_run) return exit_code::ok;
  const auto now = wire::drift_from_json(*answer);
  if (!now) return fail(context, now.error());
  const bool is_done = now->rollback && (now->rollback->state == wire::RollbackState::reverted ||
                                         now->rollback->state == wire::RollbackState::undone);
  if (context.options.format == Format::table)
    context.terminal.out << printable(now->where.path) << ": "
                         << (now->rollback ? rollback_line(*now->rollback) : "it was right already") << '\n'
                         << (is_done && now->rollback->can_be_undone
                                 ? "plumb rollback --undo " + short_id(now->id) + " brings back what was overwritten\n"
                                 : "");
  return is_done || !now->rollback ? exit_code::ok : exit_code::error;
}

}  // namespace plumbline::ctl
