#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/config/quantities.hpp"

namespace plumbline::ctl {

int create_token(const Context& context, const TokenOptions& options) {
  const auto lasts = config::parse_duration(options.lasts);
  if (!lasts)
    return fail(context, invalid("make a token", "`" + options.lasts + "` is no duration", "write for example 24h"));
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const Json asked = {{"node", options.node}, {"expires_in", lasts->count() / 1000}};
  const auto made = api->post("/v1/enrolment/tokens", asked.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!made) return fail(context, made.error());
  if (context.options.format != Format::table) {
    print_json(context, *made);
    return exit_code::ok;
  }
  // The token alone, so that it can be written into a file.
  context.terminal.out << printable(made->value("token", "")) << '\n';
  context.terminal.err << "for " << printable(options.node) << ", once, until " << printable(made->value("until", ""))
                       << "; the agent's collector.enrolment.token_file names the file that holds it\n";
  return exit_code::ok;
}

int list_tokens(const Context& context) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto page = api->get("/v1/enrolment/tokens");
  if (!page) return fail(context, page.error());
  std::vector<Json> items;
  if (const auto at = page->find("items"); at != page->end() && at->is_array()) items.assign(at->begin(), at->end());
  if (context.options.format != Format::table) {
    print_items(context, items);
    return exit_code::ok;
  }
  std::vector<std::vector<Cell>> rows;
  for (const auto& item : items)
    rows.push_back({{printable(item.value("id", ""))},
                    {printable(item.value("node", ""))},
                    {printable(item.value("state", ""))},
                    {printable(item.value("until", ""))}});
  print_table(context.terminal, {{"ID"}, {"NODE", 12, 1}, {"STATE"}, {"UNTIL"}}, std::move(rows));
  return exit_code::ok;
}

int revoke_token(const Context& context, const TokenOptions& options) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  const auto done = api->post("/v1/enrolment/tokens/" + http::percent_encode(options.id) + "/revoke", "");
  if (!done) return fail(context, done.error());
  return exit_code::ok;
}

}  // namespace plumbline::ctl
