#include <map>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "include/wire/text.hpp"

namespace plumbline::ctl {
namespace {

std::string text_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  if (value == json.end() || value->is_null()) return "";
  return printable(value->is_string() ? wire::unescape_bytes(value->get<std::string>()) : value->dump());
}

std::uint64_t number_at(const Json& json, const char* pointer) {
  const auto at = Json::json_pointer(pointer);
  return json.contains(at) && json[at].is_number_unsigned() ? json[at].get<std::uint64_t>() : 0;
}

/// ", serial 7, lineage abc"
std::string revision_of(const Json& baseline) {
  std::string text;
  if (const auto revision = baseline.find("revision"); revision != baseline.end() && revision->is_object())
    for (const auto& [key, value] : revision->items())
      if (value.is_string()) text += ", " + printable(key) + " " + printable(value.get<std::string>());
  return text;
}

class Sheet {
 public:
  explicit Sheet(const Context& context) : context_(context) {}
  void line(std::string_view label, std::string_view value, Style style = Style::plain) {
    const std::string padding(label.size() < 12 ? 12 - label.size() : 1, ' ');
    context_.terminal.out << label << padding << styled(context_.terminal, style, value) << '\n';
  }

 private:
  const Context& context_;
};

void plain_http(Sheet& sheet, const Json& plain) {
  if (!plain.value("heard", false)) return sheet.line("plain http", "not seen: " + text_at(plain, "why"), Style::bad);
  std::string text = plain.value("metadata", true) ? "metadata services" : "no metadata services";
  bool all_found = true;
  if (const auto endpoints = plain.find("endpoints"); endpoints != plain.end() && endpoints->is_array())
    for (const auto& one : *endpoints) {
      const bool found = one.contains("addresses") && !one["addresses"].empty();
      all_found = all_found && found;
      text += ", " + text_at(one, "url") + (found ? "" : " (" + text_at(one, "why") + ")");
    }
  sheet.line("plain http", text, all_found ? Style::plain : Style::bad);
}

/// Why files with TLS are not hooked, each reason once with an example.
void refused_files(Sheet& sheet, const Json& calls) {
  constexpr std::size_t most_reasons = 5;
  std::map<std::string, std::pair<std::string, std::size_t>> by_reason;  // → a path, how many
  if (const auto files = calls.find("files_refused"); files != calls.end() && files->is_array())
    for (const auto& file : *files) {
      auto& [path, count] = by_reason[text_at(file, "why")];
      if (count++ == 0) path = text_at(file, "path");
    }
  if (const auto files = calls.find("files_written_into"); files != calls.end() && files->is_array())
    for (const auto& file : *files) {
      auto& [path, count] = by_reason["somebody writes into it"];
      if (count++ == 0) path = text_at(file, "path");
    }
  std::size_t shown = 0;
  for (const auto& [why, example] : by_reason) {
    if (++shown > most_reasons) break;
    const auto more = example.second - 1;
    sheet.line("not hooked", example.first + (more > 0 ? " and " + counted(more, "other") : "") + ": " + why,
               Style::warn);
  }
  if (by_reason.size() > most_reasons)
    sheet.line("not hooked", counted(by_reason.size() - most_reasons, "other reason") + ": plumb status --json",
               Style::warn);
}

void call_scope(Sheet& sheet, const Json& calls) {
  const auto scope = calls.find("scope");
  if (scope == calls.end() || !scope->is_object() || !scope->value("has_patterns", false)) return;
  sheet.line("left alone", counted(number_at(*scope, "/cgroups_excluded"), "cgroup") + " of " +
                               std::to_string(number_at(*scope, "/cgroups")) + "; " +
                               counted(number_at(*scope, "/calls_left_out"), "TLS call") + " not looked at");
}

void token_keys(Sheet& sheet, const Json& calls) {
  const auto places = calls.find("token_keys");
  if (places == calls.end() || !places->is_array()) return;
  for (const auto& place : *places) {
    const std::string why = text_at(place, "why");
    sheet.line(
        "token keys",
        text_at(place, "from") + ": " + counted(number_at(place, "/keys"), "key") + (why.empty() ? "" : "; " + why),
        why.empty() ? Style::plain : Style::warn);
  }
}

void show_agent(const Context& context, const Json& status) {
  Sheet sheet(context);
  const std::uint64_t open = number_at(status, "/drift/open");
  sheet.line("node", text_at(status, "node") + " (" + text_at(status, "node_id") + ")");
  sheet.line("agent", text_at(status, "version") + ", tier " + text_at(status, "tier"));
  sheet.line("drift", open == 0 ? "none open" : std::to_string(open) + " open", open == 0 ? Style::good : Style::bad);
  sheet.line("files", counted(number_at(status, "/resources/total"), "managed file") + ", " +
                          std::to_string(number_at(status, "/resources/mismatch")) + " out of true");
  if (const auto baselines = status.find("baselines"); baselines != status.end())
    for (const auto& b : *baselines) {
      const std::string revision = revision_of(b);
      const std::string error = text_at(b, "error");
      const Style style = error.empty() ? Style::plain : Style::warn;
      const std::string trouble = error.empty() ? "" : "; " + error;
      if (text_at(b, "kind") == "handout") {  // what the collector hands out, as a whole
        sheet.line("handout", text_at(b, "path") + revision + trouble, style);
        continue;
      }
      sheet.line("baseline",
                 text_at(b, "name") + (b.contains("handed") && b["handed"] == true ? " (handed): " : ": ") +
                     counted(number_at(b, "/resources"), "resource") + ", " + counted(number_at(b, "/files"), "file") +
                     revision + trouble,
                 style);
    }
  if (const auto health = status.find("health"); health != status.end() && health->is_object())
    for (const auto& [name, check] : health->items()) {
      const bool ok = check.is_object() && check.value("ok", false);
      sheet.line("health", printable(name) + (ok ? " ok" : " failed: " + text_at(check, "says")),
                 ok ? Style::good : Style::bad);
    }
  if (const auto calls = status.find("calls"); calls != status.end() && calls->is_object()) {
    if (calls->value("enabled", false)) {
      std::string stacks;
      if (const auto by = calls->find("stacks"); by != calls->end() && by->is_object())
        for (const auto& [stack, counts] : by->items())
          stacks += ", " + printable(stack) + " " + std::to_string(number_at(counts, "/hooked")) +
                    (number_at(counts, "/refused") > 0
                         ? " (and " + std::to_string(number_at(counts, "/refused")) + " refused)"
                         : "");
      sheet.line("calls", counted(number_at(*calls, "/calls"), "writing call") + " seen; TLS" +
                              (stacks.empty() ? ": no file hooked yet" : " hooked: " + stacks.substr(2)) +
                              (calls->value("first_pass_done", false) ? "" : "; still looking for files"));
      const auto missed = number_at(*calls, "/first_calls_maybe_missed");
      sheet.line("tls files", std::to_string(number_at(*calls, "/files_looked_at")) + " looked at; " +
                                  counted(missed, "program") + " ran before what " +
                                  (missed == 1 ? "it runs or loads was" : "they run or load was") + " hooked");
      if (const auto lost = number_at(*calls, "/calls_not_read"); lost > 0)
        sheet.line("calls lost", counted(lost, "piece") + " of calls could not be read; gaps say when", Style::warn);
      call_scope(sheet, *calls);
      refused_files(sheet, *calls);
      token_keys(sheet, *calls);
      if (const auto plain = calls->find("plain_http"); plain != calls->end() && plain->is_object())
        plain_http(sheet, *plain);
    } else {
      sheet.line("calls", "not seen: " + text_at(*calls, "why"), Style::dim);
    }
  }
  if (const auto spool = status.find("spool"); spool != status.end() && spool->is_object()) {
    const auto next = number_at(*spool, "/next_sequence");
    const auto acknowledged = number_at(*spool, "/acknowledged");
    sheet.line("spool", counted(number_at(*spool, "/bytes"), "byte") + " on disk, " +
                            counted(next > acknowledged + 1 ? next - 1 - acknowledged : 0, "record") +
                            " not yet acknowledged");
  }
  const auto exporter = status.find("exporter");
  if (exporter == status.end() || !exporter->is_object()) {
    sheet.line("collector", "none configured");
  } else {
    // The last error outlives its cause; `failures` in a row tells whether it is over. Older agents do not say.
    const bool failing = !exporter->contains("failures") || number_at(*exporter, "/failures") > 0;
    const std::string error = failing ? text_at(*exporter, "last_error") : "";
    sheet.line("collector",
               std::to_string(number_at(*exporter, "/acked")) + " acknowledged, " +
                   std::to_string(number_at(*exporter, "/lag_records")) + " waiting" +
                   (error.empty() ? "" : "; " + error),
               error.empty() ? Style::good : Style::warn);
  }
}

/// "net: 12 resources, 3 files, serial 7, lineage abc, for edge-*, web-1"
void show_shelf_row(Sheet& sheet, const Json& baseline) {
  const std::string error = text_at(baseline, "error");
  std::string text = text_at(baseline, "name") + ": ";
  if (baseline.contains("index"))
    text += counted(number_at(baseline, "/resources"), "resource") + ", " +
            counted(number_at(baseline, "/files"), "file") + revision_of(baseline) + ", ";
  std::string nodes;
  if (const auto list = baseline.find("nodes"); list != baseline.end() && list->is_array())
    for (const auto& node : *list)
      if (node.is_string()) nodes += (nodes.empty() ? "" : ", ") + printable(node.get<std::string>());
  text += "for " + (nodes.empty() ? "all nodes" : nodes);
  sheet.line("baseline", text + (error.empty() ? "" : "; " + error), error.empty() ? Style::plain : Style::warn);
}

void show_collector(const Context& context, const Json& status) {
  Sheet sheet(context);
  const std::uint64_t open = number_at(status, "/open_drifts");
  sheet.line("collector", text_at(status, "version") + ", up since " + text_at(status, "started_at"));
  sheet.line("drift", open == 0 ? "none open" : std::to_string(open) + " open", open == 0 ? Style::good : Style::bad);
  const auto silent = number_at(status, "/agents/silent");
  sheet.line("nodes", counted(number_at(status, "/agents/nodes"), "node") + ", " + std::to_string(silent) + " silent",
             silent == 0 ? Style::plain : Style::warn);
  const std::string error = status.contains("store") ? text_at(status["store"], "last_error") : "";
  sheet.line("ledger", counted(number_at(status, "/store/last_seq"), "record") + (error.empty() ? "" : "; " + error),
             error.empty() ? Style::plain : Style::bad);
  if (const auto sinks = status.find("sinks"); sinks != status.end() && sinks->is_array())
    for (const auto& sink : *sinks) {
      const std::string trouble = text_at(sink, "last_error");
      sheet.line("sink",
                 text_at(sink, "name") + " (" + text_at(sink, "kind") + "): " + text_at(sink, "state") + ", " +
                     std::to_string(number_at(sink, "/lag_records")) + " behind, " +
                     counted(number_at(sink, "/dead_letters"), "dead letter") + (trouble.empty() ? "" : "; " + trouble),
                 trouble.empty() ? Style::plain : Style::warn);
    }
  if (const auto baselines = status.find("baselines"); baselines != status.end())
    for (const auto& baseline : *baselines) show_shelf_row(sheet, baseline);
}

}  // namespace

int show_status(const Context& context) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  auto status = api->get("/v1/status");
  if (!status) return fail(context, status.error());
  if (!status->is_object())
    return fail(context, {ErrorCode::unavailable, "read the status", "it is not a JSON object",
                          "check that it is a Plumbline agent or collector"});
  const bool collector = is_of_a_collector(*status);
  if (collector) {  // of a node's, its own status tells
    const auto page = api->get("/v1/baselines");
    if (!page) {
      if (page.error().code != ErrorCode::not_found) return fail(context, page.error());  // an older collector
    } else if (const auto items = page->find("items"); items != page->end() && items->is_array()) {
      (*status)["baselines"] = *items;
    }
  }
  const bool open = number_at(*status, collector ? "/open_drifts" : "/drift/open") > 0;
  if (context.options.format != Format::table)
    print_json(context, *status);
  else if (collector)
    show_collector(context, *status);
  else
    show_agent(context, *status);
  return open ? exit_code::open_drift : exit_code::ok;
}

}  // namespace plumbline::ctl
