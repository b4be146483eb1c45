#include <filesystem>
#include <ostream>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
namespace {

/// A path as a person writes it and, where that is another, the file that it leads to. Anything else is a cloud id.
std::vector<std::string> names_of(const std::string& word) {
  std::error_code error;
  const std::filesystem::path path(word);
  if (!word.starts_with('/') && !word.starts_with("./") && !word.starts_with("../") &&
      !std::filesystem::exists(path, error))
    return {word};
  std::vector<std::string> names{std::filesystem::absolute(path, error).lexically_normal().string()};
  if (const auto real = std::filesystem::canonical(path, error); !error && real != names[0])
    names.push_back(real.string());
  if (names[0] != word) names.push_back(word);  // an id may look like a path
  return names;
}

Error not_an_agent() {
  return invalid("find the owner", "a collector has no files: which resource a path or id belongs to, its node knows",
                 "ask the node's agent: plumb resources --owner-of there, or with --url");
}

}  // namespace

int list_owners(const Context& context, const std::string& word) {
  const auto api = Api::open(context.options);
  if (!api) return fail(context, api.error());
  if (api->is_collector()) return fail(context, not_an_agent());
  std::vector<Json> owners;
  for (const auto& name : names_of(word)) {
    const auto page = api->get("/v1/owners?of=" + http::percent_encode(wire::escape_bytes(name)));
    if (!page) {
      // --url may name a collector too.
      const auto status = page.error().code == ErrorCode::not_found ? api->get("/v1/status") : page;
      return fail(context, status && is_of_a_collector(*status) ? not_an_agent() : page.error());
    }
    if (const auto items = page->find("items"); items != page->end() && items->is_array())
      owners.assign(items->begin(), items->end());
    if (!owners.empty()) break;
  }
  const int code = owners.empty() ? exit_code::error : exit_code::ok;
  if (context.options.format != Format::table) {
    print_items(context, owners);
    return code;
  }
  if (owners.empty()) {
    context.terminal.out << "no baseline of this node names " << printable(word) << '\n';
    return code;
  }
  std::vector<std::vector<Cell>> rows;
  for (const auto& owner : owners)
    rows.push_back({{std::to_string(owner.value("rank", 0))},
                    {printable(wire::unescape_bytes(owner.value("resource", "")))},
                    {printable(wire::unescape_bytes(owner.value("type", "")))},
                    {printable(wire::unescape_bytes(owner.value("reason", "")))}});
  print_table(context.terminal, {{"RANK"}, {"RESOURCE", 24, 0, true}, {"TYPE", 12, 2}, {"WHY", 16, 1}},
              std::move(rows));
  return code;
}

}  // namespace plumbline::ctl
