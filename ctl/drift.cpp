#include <ostream>
#include <set>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

Style style_of(wire::DriftState state) {
  return is_live(state) ? Style::bad : state == wire::DriftState::resolved ? Style::good : Style::plain;
}

std::string join_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters)
    if (!value.empty()) text += (text.empty() ? "?" : "&") + name + "=" + http::percent_encode(value);
  return text;
}

}  // namespace

int list_drift(const Context& context, const DriftOptions& options) {
  if (!options.since.empty() && !parse_rfc3339(options.since))
    return fail(context, invalid("read --since " + options.since, "it is not an RFC 3339 time",
                                 "write it as 2026-11-24T01:47:30Z"));
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  auto listed = api->list("/v1/drift" + join_query({{"state", options.state},
                                                    {"resource", options.resource},
                                                    {"node", context.options.node},
                                                    {"since", options.since}}));
  if (!listed) return fail(context, listed.error());

  std::vector<Json> items;
  std::vector<wire::Drift> drifts;
  bool open = false;
  for (auto& item : *listed) {
    auto drift = wire::drift_from_json(item);
    if (!drift) return fail(context, drift.error());
    if (!options.all && options.state.empty() && !is_live(drift->state)) continue;
    open = open || is_live(drift->state);
    items.push_back(std::move(item));
    drifts.push_back(std::move(*drift));
  }
  const int code = open ? exit_code::open_drift : exit_code::ok;
  if (context.options.format != Format::table) {
    print_items(context, items);
    return code;
  }
  if (drifts.empty()) {
    context.terminal.out << "no drift" << (options.all || !options.state.empty() ? "" : " is open") << '\n';
    return code;
  }
  // Short ids where they tell the drifts apart.
  std::set<std::string> shorts;
  bool distinct = true;
  for (const auto& drift : drifts) distinct = shorts.insert(short_id(drift.id)).second && distinct;

  std::vector<Column> columns = {
      {"ID"},         {"STATE"}, {"SEVERITY", 0, 3}, {"RESOURCE", 24, 0, true}, {"VERDICT", 0, 4}, {"WHAT", 14},
      {"WHO", 14, 1}, {"WHEN"}};
  if (api->is_collector()) columns.insert(columns.begin() + 3, {"NODE", 8, 2});
  std::vector<std::vector<Cell>> rows;
  const WallNs now = context.clock.wall();
  for (const auto& d : drifts) {
    std::vector<Cell> row = {
        {printable(distinct ? short_id(d.id) : d.id)},
        {std::string(wire::text_of(d.state)), style_of(d.state)},
        {std::string(wire::text_of(d.severity))},
        {printable(d.resource) + (d.where.container ? " (" + printable(name_of(*d.where.container)) + ")" : "")},
        {std::string(wire::text_of(d.verdict))},
        {what(d)},
        {who(d.actor)},
        {age(now, d.updated_at)}};
    if (api->is_collector()) row.insert(row.begin() + 3, {printable(d.where.node)});
    rows.push_back(std::move(row));
  }
  print_table(context.terminal, std::move(columns), std::move(rows));
  return code;
}

int list_resources(const Context& context, const ResourceOptions& options) {
  if (!options.owner_of.empty()) return list_owners(context, options.owner_of);
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  // A collector has no such filter, so what it lists is sifted here.
  const std::string sift = api->is_collector() ? options.comparison : "";
  if (!sift.empty() && !wire::comparison_of(sift))
    return fail(context, invalid("read --comparison " + sift, "it is not a known value",
                                 "give match, mismatch or not_comparable"));
  auto listed = api->list("/v1/resources" + join_query({{"resource", options.resource},
                                                        {"comparison", sift.empty() ? options.comparison : ""},
                                                        {"node", context.options.node}}));
  if (!listed) return fail(context, listed.error());
  if (!sift.empty()) std::erase_if(*listed, [&](const Json& item) { return item.value("comparison", "") != sift; });
  if (context.options.format != Format::table) {
    print_items(context, *listed);
    return exit_code::ok;
  }
  const auto text = [](const Json& item, const char* key) {
    const auto value = item.find(key);
    return value != item.end() && value->is_string() ? printable(wire::unescape_bytes(value->get<std::string>())) : "";
  };
  std::vector<std::vector<Cell>> rows;
  const WallNs now = context.clock.wall();
  for (const auto& item : *listed) {
    const std::string comparison = text(item, "comparison");
    const bool collector = api->is_collector();
    const auto when = parse_rfc3339(text(item, collector ? "last_changed" : "last_checked"));
    std::string path = text(item, "path");
    if (const auto in = item.find("container"); in != item.end())
      for (const char* key : {"pod", "name", "id"})
        if (const auto name = text(*in, key); !name.empty()) {
          path += " in " + name.substr(0, 40);
          break;
        }
    std::string watched = text(item, "node");
    if (!collector) watched = item.value("watched", false) ? "yes" : "no: " + text(item, "unwatched_reason");
    rows.push_back({{comparison, comparison == "match"      ? Style::good
                                 : comparison == "mismatch" ? Style::bad
                                                            : Style::warn},
                    {text(item, "resource")},
                    {collector ? text(item, "drift_state") : path},
                    {watched},
                    {age(now, when.value_or(0))}});
  }
  if (rows.empty()) {
    context.terminal.out << "no managed resource" << (options.resource.empty() ? "" : " fits") << '\n';
    return exit_code::ok;
  }
  if (api->is_collector())
    print_table(context.terminal, {{"COMPARISON"}, {"RESOURCE", 24, 0, true}, {"DRIFT"}, {"NODE", 8}, {"CHANGED"}},
                std::move(rows));
  else
    print_table(context.terminal,
                {{"COMPARISON"}, {"RESOURCE", 24, 0, true}, {"PATH", 20, 0, true}, {"WATCHED", 7, 1}, {"CHECKED"}},
                std::move(rows));
  return exit_code::ok;
}

}  // namespace plumbline::ctl
