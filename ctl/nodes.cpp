// plumb nodes: what a person tells a collector of a node.
#include <cstdlib>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"

namespace plumbline::ctl {
namespace {

std::string text_of(const Json& json, const char* key) {
  const auto at = json.is_object() ? json.find(key) : json.end();
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

/// The id of the one node that has this id or name.
Result<std::string> id_of(const Api& api, const std::string& node) {
  const auto nodes = api.get("/v1/nodes");  // whole: it is no list of pages
  if (!nodes) return nodes.error();
  std::vector<std::string> ids;
  const auto items = nodes->find("items");
  for (const Json& one : items == nodes->end() ? Json::array() : *items) {
    const std::string id = text_of(one, "node_id");
    if (id == node) return id;
    if (text_of(one, "node") == node) ids.push_back(id);
  }
  if (ids.size() == 1) return ids.front();
  if (ids.empty())
    return Error{ErrorCode::not_found, "find node " + printable(node), "none that reports has this name or id",
                 "list GET /v1/nodes"};
  std::string all;
  for (const auto& id : ids) all += (all.empty() ? "" : ", ") + printable(id);
  return invalid("find node " + printable(node), "several have this name: " + all, "say which by its id");
}

std::string who_of(const std::string& by) {
  const char* const user = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe): one thread
  return by.empty() && user != nullptr ? user : by;
}

/// `tell`: calls with the target of the node and its query.
template <class Tell>
int tell_of(const Context& context, const std::string& node, const std::string& reason, const std::string& by,
            const char* count, Tell tell) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  if (!api->is_collector())
    return fail(context,
                invalid("tell of a node", "an agent knows its own alone", "name a collector with --collector"));
  const auto id = id_of(*api, node);
  if (!id) return fail(context, id.error());
  const Result<Json> told = tell(*api, "/v1/nodes/" + http::percent_encode(*id),
                                 "?reason=" + http::percent_encode(reason) + "&by=" + http::percent_encode(who_of(by)));
  if (!told) return fail(context, told.error());
  if (context.options.format != Format::table) {
    print_json(context, *told);
    return exit_code::ok;
  }
  const auto number = told->find(count);
  context.terminal.out << "node " << printable(node) << " is " << printable(text_of(*told, "state")) << ": "
                       << (number == told->end() ? "?" : printable(number->dump())) << ' ' << count << '\n';
  return exit_code::ok;
}

}  // namespace

int forget_node(const Context& context, const std::string& node, const std::string& reason, const std::string& by) {
  return tell_of(
      context, node, reason, by, "drifts",
      [](const Api& api, const std::string& target, const std::string& query) { return api.remove(target + query); });
}

int acknowledge_node(const Context& context, const std::string& node, const std::string& reason,
                     const std::string& by) {
  return tell_of(context, node, reason, by, "conditions",
                 [](const Api& api, const std::string& target, const std::string& query) {
                   return api.post(target + "/acknowledge" + query, "");
                 });
}

int revoke_node(const Context& context, const std::string& node, const std::string& reason, const std::string& by) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  if (!api->is_collector())
    return fail(context,
                invalid("revoke certificates", "a collector refuses them", "name a collector with --collector"));
  // By its name, as certificates have it: one that never reported has them, too.
  const auto told = api->post("/v1/revocations?node=" + http::percent_encode(node) +
                                  "&reason=" + http::percent_encode(reason) + "&by=" + http::percent_encode(who_of(by)),
                              "");
  if (!told) return fail(context, told.error());
  if (context.options.format != Format::table) {
    print_json(context, *told);
    return exit_code::ok;
  }
  context.terminal.out << "certificates of " << printable(node) << " from before "
                       << printable(text_of(*told, "before")) << " are refused, and its tokens are taken back\n";
  return exit_code::ok;
}

}  // namespace plumbline::ctl
