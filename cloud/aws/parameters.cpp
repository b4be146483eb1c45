#include "cloud/aws/parameters.hpp"

#include <string.h>

#include <algorithm>

#include "cloud/aws/host.hpp"
#include "cloud/aws/signature.hpp"
#include "cloud/body/members.hpp"
#include "cloud/table/switches.hpp"
#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {
namespace {

/// What signs and routes a request is no parameter, and partly secret.
bool is_envelope(std::string_view key) {
  constexpr std::array<std::string_view, 11> names = {
      "Action",    "Version", "Signature", "SignatureVersion", "SignatureMethod", "AWSAccessKeyId", "SecurityToken",
      "Timestamp", "Expires", "x-id",      "Authorization"};
  return std::find(names.begin(), names.end(), key) != names.end() || equal_ignoring_case(key.substr(0, 6), "x-amz-");
}

/// The first `of_body` members are the body's: what the head says of them too is another value. A key that comes again
/// in the head may be a list.
bool put(Value& tree, std::size_t of_body, std::string_view member, std::string text) {
  if (member.empty()) return true;
  if (text.size() > max_text || tree.members.size() >= max_members) return false;
  for (auto& known : tree.members) {
    if (known.name != member) continue;
    if (static_cast<std::size_t>(&known - tree.members.data()) < of_body)
      return add_again(known.value, Value::of_text(text));
    if (known.value.kind == Value::Kind::text && known.value.text == text) return true;
    if (known.value.kind == Value::Kind::text) {  // the key again: a list
      Value list = Value::of(Value::Kind::list);
      list.items.push_back(std::move(known.value));
      known.value = std::move(list);
    }
    if (known.value.items.size() >= max_members) return false;
    known.value.items.push_back(Value::of_text(text));
    return true;
  }
  tree.members.push_back({std::string(member), Value::of_text(text)});
  return true;
}

/// False where something of the head was too much.
bool add_head(const Request& request, const Route& route, Value& tree) {
  const std::size_t of_body = tree.members.size();
  bool all = true;
  for (std::size_t i = 0; i < route.label_count; ++i)
    all =
        put(tree, of_body, member_of_key(route, route.labels[i].member), percent_decoded(route.labels[i].value)) && all;
  if (route.wire != Wire::rest_json && route.wire != Wire::rest_xml) return all;
  QueryWalk walk(split_target(request.head.target).query);
  for (QueryPair pair; walk.next(pair);) {
    const std::string key = percent_decoded(pair.key, true);
    // A key alone names what is asked for ("?policy"), as the operation does.
    if (pair.has_value && !is_envelope(key))
      all = put(tree, of_body, member_of_key(route, key), percent_decoded(pair.value, true)) && all;
  }
  for (const auto& [name, value] : request.head.headers) {
    std::string lower(name.substr(0, 128));
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    all = put(tree, of_body, member_of_header(route, lower), std::string(value)) && all;
  }
  return all;
}

/// A form, of the body or, for requests that carry it there, the query: of both where the body is or may be a part of
/// it.
Decoded decode_forms(const Request& request) {
  const auto query = split_target(request.head.target).query;
  if (!query_value(query, "Action")) return decode_form(request.body, request.body_cut);
  const auto type = header(request.head.headers, "content-type");
  const bool is_form = equal_ignoring_case(type.substr(0, type.find(';')), "application/x-www-form-urlencoded");
  if (request.body.empty() || (!is_form && !query_value(request.body, "Action"))) return decode_form(query, false);
  std::string both(query);
  both.append("&").append(request.body);
  Decoded decoded = decode_form(both, request.body_cut);
  ::explicit_bzero(both.data(), both.size());
  return decoded;
}

Decoded body_of(const Request& request, const Route& route) {
  switch (route.wire) {
    case Wire::query:
    case Wire::ec2:
      return decode_forms(request);
    case Wire::rest_xml:
      return decode_xml(request.body, request.body_cut);
    case Wire::cbor:
      return decode_cbor(request.body, request.body_cut);
    case Wire::json:
    case Wire::rest_json:
      return decode_json(request.body, request.body_cut);
    case Wire::none:
      break;
  }
  return {Value::of(Value::Kind::map), request.body_cut};
}

}  // namespace

bool is_account(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

namespace {

/// arn:partition:service:region:ACCOUNT:resource
std::string_view account_in_arn(std::string_view arn) {
  if (!arn.starts_with("arn:")) return {};
  for (int i = 0; i < 4; ++i) {
    const auto colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  const auto account = arn.substr(0, arn.find(':'));
  return is_account(account) ? account : std::string_view();
}

/// `body` is as the wire has it.
bool asks_dry_run(const table::OperationRow& operation, const Request& request, const Route& route, const Value& body) {
  const auto key = table::dry_runs[operation.dry_run];
  if (key.empty()) return false;
  if (key.starts_with('?')) return says_only(split_target(request.head.target).query, key.substr(1), {"true"});
  const Value* value = body.find(key);
  if (value == nullptr) return false;
  const bool form = route.wire == Wire::query || route.wire == Wire::ec2;
  return value->kind == (form ? Value::Kind::text : Value::Kind::boolean) && equal_ignoring_case(value->text, "true");
}

}  // namespace

Parameters parameters_of(const Request& request, const Route& route) {
  Parameters decoded{{Value::of(Value::Kind::map)}};
  if (route.operation == table::no_row) return decoded;
  const auto& operation = table::operation(route.operation);
  const bool form = route.wire == Wire::query || route.wire == Wire::ec2;
  if (form ||
      (operation.body != table::Body::blob && operation.body != table::Body::stream &&
       operation.body != table::Body::none && (!route.data_plane() || (operation.flags & table::names_data) != 0))) {
    if (operation.body == table::Body::text) {
      decoded.cut = request.body_cut || request.body.size() > max_text;
      decoded.value.members.push_back(
          {std::string(table::text(operation.payload)), Value::of_text(request.body.substr(0, max_text))});
    } else {
      static_cast<Decoded&>(decoded) = body_of(request, route);
      decoded.asks_dry_run = asks_dry_run(operation, request, route, decoded.value);
      if (!name_members(decoded.value, route)) decoded.cut = true;
      // The root of an XML body and the only member of a JSON one are called as the model calls them, or not at all.
      if (operation.body == table::Body::member && !request.body.empty()) {
        Value inner = std::move(decoded.value);
        if (route.wire == Wire::rest_xml && inner.members.size() == 1) {
          Value root = std::move(inner.members[0].value);
          inner = std::move(root);
        }
        decoded.value = Value::of(Value::Kind::map);
        decoded.value.members.push_back({std::string(table::text(operation.payload)), std::move(inner)});
      } else if (route.wire == Wire::rest_xml && decoded.value.members.size() == 1 &&
                 decoded.value.members[0].value.kind == Value::Kind::map) {
        Value root = std::move(decoded.value.members[0].value);
        decoded.value = std::move(root);
      }
    }
  }
  if (form) std::erase_if(decoded.value.members, [](const Member& member) { return is_envelope(member.name); });
  if (decoded.value.kind != Value::Kind::map) {  // a body that is no structure says nothing
    wipe(decoded.value);
    decoded.value.kind = Value::Kind::map;
    decoded.cut = true;
  }
  if (!add_head(request, route, decoded.value)) decoded.cut = true;
  hide_secrets(decoded.value, route, request.prints);
  return decoded;
}

std::string_view account_in_id(std::string_view id) {
  if (id.starts_with("arn:")) return account_in_arn(id);
  if (const auto scheme = id.find("://"); scheme != std::string_view::npos && id.starts_with("http")) {
    const auto path = id.find('/', scheme + 3);
    if (path == std::string_view::npos) return {};
    const auto first = id.substr(path + 1, id.find('/', path + 1) - path - 1);
    return is_account(first) ? first : std::string_view();
  }
  const bool leads = id.size() > 12 && id[12] == ':' && is_account(id.substr(0, 12));
  return leads ? id.substr(0, 12) : std::string_view();
}

std::optional<std::string> account_named(const Request& request, const Route& route, const Value& parameters) {
  if (route.operation == table::no_row) return std::nullopt;
  const auto member = table::account_members[table::operation(route.operation).account];
  if (member.empty()) return std::nullopt;
  if (const Value* said = parameters.find(member); said != nullptr) {
    if (said->kind == Value::Kind::text && is_account(said->text)) return said->text;
    return said->kind == Value::Kind::several || said->kind == Value::Kind::list ? std::optional<std::string>("")
                                                                                 : std::nullopt;
  }
  if (member != "AccountId") return std::nullopt;  // S3 Control has it in its host
  const auto host = request.head.host.empty() ? header(request.head.headers, "host") : request.head.host;
  const auto label = host.substr(0, host.find('.'));
  return is_account(label) ? std::optional<std::string>(label) : std::nullopt;
}

std::string account_of_unsigned(const Request& request, const Value& parameters) {
  if (const auto account = header(request.head.headers, "x-amz-account-id"); is_account(account))
    return std::string(account);
  const auto host = request.head.host.empty() ? header(request.head.headers, "host") : request.head.host;
  if (const auto label = host.substr(0, host.find('.')); is_account(label)) return std::string(label);
  for (const auto& [name, value] : parameters.members)
    if (value.kind == Value::Kind::text)
      if (const auto account = account_in_arn(value.text); !account.empty()) return std::string(account);
  return {};
}

}  // namespace plumbline::cloud::aws
