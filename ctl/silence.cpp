// plumb silence: what a collector wakes nobody for, until a time.
#include <cstdlib>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/config/quantities.hpp"

namespace plumbline::ctl {
namespace {

Result<Api> open_collector(const Context& context) {
  auto api = Api::open(context.options);
  if (!api) return api.error();
  if (!api->is_collector())
    return invalid("ask for silences", "an agent wakes nobody: its collector does", "name it with --collector");
  return api;
}

std::string user() {
  const char* name = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe): one thread
  return name == nullptr ? "" : name;
}

Result<std::string> end_of(const Context& context, const SilenceOptions& options) {
  if (options.until.empty() == options.lasts.empty())
    return invalid("silence it", "it needs an end: one of --for and --until", "write --for 2h");
  if (!options.until.empty()) return options.until;
  const auto lasts = config::parse_duration(options.lasts);
  if (!lasts || lasts->count() <= 0)
    return invalid("read --for " + options.lasts, "it is no time", "write it as 30m, 2h or 7d");
  return rfc3339(context.clock.wall() + std::chrono::nanoseconds(*lasts).count());
}

std::string text_of(const Json& silence, const char* key) {
  const auto at = silence.is_object() ? silence.find(key) : silence.end();
  return at != silence.end() && at->is_string() ? printable(at->get<std::string>()) : "";
}

std::string id_of(const Json& silence) {
  const auto at = silence.is_object() ? silence.find("id") : silence.end();
  return at != silence.end() ? printable(at->dump()) : "";
}

/// "file:/etc/* on web-1, baseline base, up to medium"
std::string what_of(const Json& silence) {
  const std::string resource = text_of(silence, "resource"), node = text_of(silence, "node");
  const std::string baseline = text_of(silence, "baseline"), severity = text_of(silence, "max_severity");
  std::string text = (resource.empty() ? "everything" : resource) + (node.empty() ? "" : " on " + node);
  if (!baseline.empty()) text += ", baseline " + baseline;
  if (!severity.empty()) text += ", up to " + severity;
  return text;
}

int show(const Context& context, const Result<Json>& silence, const char* what) {
  if (!silence) return fail(context, silence.error());
  if (context.options.format == Format::table)
    context.terminal.out << "silence " << id_of(*silence) << ' ' << what << ": " << what_of(*silence) << ", until "
                         << text_of(*silence, "until") << '\n';
  else
    print_json(context, *silence);
  return exit_code::ok;
}

}  // namespace

int create_silence(const Context& context, const SilenceOptions& options) {
  const auto until = end_of(context, options);
  if (!until) return fail(context, until.error());
  const auto api = open_collector(context);
  if (!api) return fail(context, api.error());
  Json body = {{"until", *until}, {"reason", options.reason}, {"by", options.by.empty() ? user() : options.by}};
  const std::pair<const char*, const std::string&> matchers[] = {{"resource", options.resource},
                                                                 {"node", context.options.node},
                                                                 {"baseline", options.baseline},
                                                                 {"max_severity", options.max_severity}};
  for (const auto& [key, value] : matchers)
    if (!value.empty()) body[key] = value;
  if (options.all) body["all"] = true;
  return show(context, api->post("/v1/silences", body.dump(-1, ' ', false, Json::error_handler_t::replace)), "begins");
}

int list_silences(const Context& context, bool all) {
  const auto api = open_collector(context);
  if (!api) return fail(context, api.error());
  const auto silences = api->list(all ? "/v1/silences" : "/v1/silences?state=active");
  if (!silences) return fail(context, silences.error());
  if (context.options.format != Format::table) {
    print_items(context, *silences);
    return exit_code::ok;
  }
  if (silences->empty()) {
    context.terminal.out << (all ? "no silence was ever made\n" : "no silence is active\n");
    return exit_code::ok;
  }
  std::vector<std::vector<Cell>> rows;
  for (const Json& one : *silences) {
    const std::string by = text_of(one, "by"), ended_by = text_of(one, "ended_by");
    rows.push_back({{id_of(one)},
                    {what_of(one)},
                    {ended_by.empty() ? text_of(one, "until") : "ended: " + ended_by},
                    {text_of(one, "created_by") + (by.empty() ? "" : " (" + by + ")")},
                    {text_of(one, "reason")}});
  }
  print_table(context.terminal, {{"ID"}, {"WHAT", 24, 0, true}, {"UNTIL", 12, 0}, {"BY", 8, 2}, {"REASON", 12, 1}},
              std::move(rows));
  return exit_code::ok;
}

int end_silence(const Context& context, const std::string& id, const std::string& by) {
  const auto api = open_collector(context);
  if (!api) return fail(context, api.error());
  const std::string who = by.empty() ? user() : by;
  return show(
      context,
      api->remove("/v1/silences/" + http::percent_encode(id) + (who.empty() ? "" : "?by=" + http::percent_encode(who))),
      "has ended");
}

}  // namespace plumbline::ctl
