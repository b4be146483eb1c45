#include "ctl/api.hpp"

#include <algorithm>
#include <fstream>
#include <ostream>
#include <utility>
#include <vector>

#include "ctl/text.hpp"
#include "http/target.hpp"
#include "include/util/loopback.hpp"
#include "include/wire/json.hpp"

namespace plumbline::ctl {
int fail(const Context& context, const Error& error) {
  context.terminal.err << "plumb: " << printable(error.message()) << '\n';
  switch (error.code) {
    case ErrorCode::permission:
      return exit_code::permission;
    case ErrorCode::unavailable:
      return exit_code::unreachable;
    case ErrorCode::invalid_argument:
      return exit_code::usage;
    case ErrorCode::corrupt:
      return exit_code::config;
    default:
      return exit_code::error;
  }
}

Result<Api> Api::open(const Options& options) {
  const std::string url = !options.collector.empty() ? options.collector
                          : !options.url.empty()     ? options.url
                                                     : "unix:" + options.socket;
  auto endpoint = http::parse_endpoint(url);
  if (!endpoint) return endpoint.error();
  http::ClientOptions client;
  client.timeout = options.timeout;
  client.ca_file = options.ca_file;
  client.certificate_file = options.certificate_file;
  client.key_file = options.key_file;
  // Files that options name are configuration: `corrupt` becomes exit code 78.
  if (!options.ca_file.empty() && !std::ifstream(options.ca_file))
    return Error{ErrorCode::corrupt, "read the CA file " + options.ca_file, "it cannot be opened", "check its path"};
  if (!options.token_file.empty()) {
    std::ifstream file(options.token_file);
    if (!std::getline(file, client.bearer_token) || client.bearer_token.empty())
      return Error{ErrorCode::corrupt, "read the token file " + options.token_file,
                   "it cannot be opened or its first line is empty", "write the token on its first line"};
    if (!endpoint->tls && endpoint->unix_path.empty() && !is_loopback(endpoint->host))
      return invalid("ask " + url, "the token would travel unencrypted to " + endpoint->host, "use https://");
  }
  return Api(http::Client(std::move(*endpoint), client), !options.collector.empty());
}

Result<Json> Api::get(const std::string& target) const {
  return read(client_.get(target), target);
}

Result<Json> Api::post(const std::string& target, std::string json) const {
  return read(client_.post(target, std::move(json)), target);
}

Result<Json> Api::remove(const std::string& target) const {
  return read(client_.remove(target), target);
}

Result<Json> Api::read(const Result<http::Response>& response, const std::string& target) const {
  if (!response) return response.error();
  const std::string doing = "ask " + client_.endpoint().text + " for " + target.substr(0, target.find('?'));
  if (response->status >= 400) {
    Error error = http::error_of(*response, doing);
    if (response->status == 401 && error.fix.empty()) error.fix = "give a token with --token-file";
    if (response->status == 409 && target.starts_with("/v1/drift")) error.fix = "say which with --node, by id or name";
    return error;
  }
  auto json = Json::parse(response->body, nullptr, false);
  if (json.is_discarded())
    return Error{ErrorCode::unavailable, doing, "the answer is not JSON",
                 "check that it is a Plumbline agent or collector"};
  return Result<Json>(boost::system::in_place_value, std::move(json));
}

Result<std::vector<Json>> Api::list(const std::string& target) const {
  std::vector<Json> all;
  std::string cursor;
  do {
    std::string page = target + (target.find('?') == std::string::npos ? "?" : "&") + "limit=1000";
    if (!cursor.empty()) page += "&cursor=" + http::percent_encode(cursor);
    auto json = get(page);
    if (!json) return json.error();
    const auto items = json->find("items");
    if (items == json->end() || !items->is_array())
      return Error{ErrorCode::unavailable, "ask " + client_.endpoint().text + " for " + target,
                   "the answer is not a list", "check that agent and plumb are of one version"};
    for (auto& item : *items) all.push_back(std::move(item));
    cursor = json->contains("next_cursor") && (*json)["next_cursor"].is_string()
                 ? (*json)["next_cursor"].get<std::string>()
                 : "";
  } while (!cursor.empty());
  return all;
}

std::string short_id(const std::string& id) {
  const std::size_t dash = id.rfind('-');
  if (!id.starts_with("d-") || dash == std::string::npos || id.size() - dash != 21) return id;
  const std::size_t digit = id.find_first_not_of('0', dash + 1);
  return digit == std::string::npos ? "0" : id.substr(digit);
}

bool is_of_a_collector(const Json& status) {
  return status.contains("open_drifts");
}

Result<Json> find_drift(const Api& api, const std::string& word, const std::string& node) {
  const std::string of_node = node.empty() ? "" : "?node=" + http::percent_encode(node);
  auto exact = api.get("/v1/drift/" + http::percent_encode(word) + of_node);
  if (exact || exact.error().code != ErrorCode::not_found) return exact;
  auto all = api.list("/v1/drift" + of_node);
  if (!all) return all.error();
  std::vector<wire::Drift> open, closed;
  for (const auto& item : *all) {
    auto drift = wire::drift_from_json(item);
    if (!drift) return drift.error();
    if (short_id(drift->id) != word && drift->resource != word && drift->where.path != word &&
        wire::escape_bytes(drift->where.path) != word)
      continue;
    (is_live(drift->state) ? open : closed).push_back(std::move(*drift));
  }
  if (open.empty() && closed.empty())
    return Error{ErrorCode::not_found, "find the drift " + word,
                 "none" + (node.empty() ? "" : " of " + node) + " has this id, address or path",
                 "plumb drift --all lists them"};
  if (open.size() > 1) {
    std::string ids;
    for (const auto& drift : open)
      ids += (ids.empty() ? "" : ", ") + drift.id + (api.is_collector() ? " on " + drift.where.node : "");
    return invalid("find the drift " + word, "several open ones fit: " + ids,
                   api.is_collector() ? "give one of these ids, or --node" : "give one of these ids");
  }
  return api.get("/v1/drift/" + http::percent_encode((open.empty() ? closed : open).front().id) + of_node);
}

void print_json(const Context& context, const Json& json) {
  context.terminal.out << json.dump(context.options.format == Format::ndjson ? -1 : 2, ' ', false,
                                    Json::error_handler_t::replace)
                       << '\n';
}

void print_items(const Context& context, const std::vector<Json>& items) {
  if (context.options.format == Format::ndjson) {
    for (const auto& item : items) print_json(context, item);
    return;
  }
  print_json(context, {{"items", items}});
}

constexpr std::size_t most_of_command = 100;  // columns

std::string who(const wire::Actor& actor) {
  if (!actor.process) return "unknown" + (actor.unknown_reason.empty() ? "" : ": " + printable(actor.unknown_reason));
  const auto& p = *actor.process;
  std::string text;
  for (const auto& argument : p.argv) text += (text.empty() ? "" : " ") + printable(argument);
  if (text.empty()) text = printable(!p.exe.empty() ? p.exe : p.comm);
  text = cut_middle(text, most_of_command);  // a program may be given as an argument, whole; JSON has all of it
  if (text.empty()) text = "pid " + std::to_string(p.pid);
  // The person who logged in says more than the account that sudo or su made of it.
  const std::string& user = !p.login_user.empty() ? p.login_user : p.user;
  std::string around = printable(user);
  if (!p.tty.empty()) around += (around.empty() ? "" : ", ") + printable(p.tty);
  if (actor.container) around += (around.empty() ? "" : ", ") + printable(name_of(*actor.container));
  return around.empty() ? text : text + " (" + around + ")";
}

std::string name_of(const wire::Container& container) {
  return !container.pod.empty() ? container.pod : !container.name.empty() ? container.name : container.id.substr(0, 12);
}

std::string name_of(const wire::Call& call) {
  return call.service + ":" + (call.operation.empty() ? "unknown" : call.operation);
}

std::string what(const wire::Drift& drift) {
  const auto& diff = drift.diff;
  const std::string call = drift.call ? printable(name_of(*drift.call)) : "";
  if (drift.call && diff.empty()) return call;
  std::string text;
  std::vector<std::pair<std::string, std::size_t>> counted;  // as they come; of a directory's entries there may be many
  for (const auto& each : diff) {
    const auto known = std::find_if(counted.begin(), counted.end(),
                                    [&](const auto& attribute) { return attribute.first == each.attribute; });
    if (known == counted.end())
      counted.emplace_back(each.attribute, 1);
    else
      ++known->second;
  }
  for (const auto& [attribute, times] : counted)
    text += (text.empty() ? "" : ", ") + printable(attribute) + (times > 1 ? " ×" + std::to_string(times) : "");
  if (!call.empty()) return call + " " + text;
  return text.empty() ? "-" : text;
}

}  // namespace plumbline::ctl
