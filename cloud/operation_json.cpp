#include <algorithm>

#include <nlohmann/json.hpp>

#include "cloud/operation.hpp"

namespace plumbline::cloud {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return nullptr;
    case Value::Kind::boolean:
      return value.text == "true";
    case Value::Kind::number:
    case Value::Kind::text:
      return value.text;
    case Value::Kind::secret:
      return {{"sensitive", true}};
    case Value::Kind::several:
    case Value::Kind::list: {
      Json list = Json::array();
      for (const auto& item : value.items) list.push_back(json_of(item));
      return list;
    }
    case Value::Kind::map:
      break;
  }
  Json map = Json::object();
  for (const auto& [name, member] : value.members) map[name] = json_of(member);
  return map;
}

/// A setting's values are of the state's types, whatever the wire wrote.
Json typed_json_of(const Value& value) {
  switch (value.kind) {
    case Value::Kind::number:
      if (Json number = Json::parse(value.text, nullptr, false); number.is_number()) return number;
      return value.text;
    case Value::Kind::several:  // no state has one: it is like none
    case Value::Kind::list: {
      Json list = Json::array();
      for (const auto& item : value.items) list.push_back(typed_json_of(item));
      return list;
    }
    case Value::Kind::map: {
      Json map = Json::object();
      for (const auto& [name, member] : value.members) map[name] = typed_json_of(member);
      return map;
    }
    default:
      return json_of(value);
  }
}

Json json_of(const Touched& target) {
  Json json = Json::object();
  if (!target.type.empty()) json["type"] = target.type;
  if (!target.ids.empty()) json["ids"] = target.ids;
  if (target.from_answer) json["from_answer"] = true;
  for (const auto& candidate : target.candidates) {
    Json& entry = json["iac_types"].emplace_back();
    entry["type"] = candidate.iac_type;
    for (const auto& setting : candidate.settings) {
      Json& attribute = entry["attributes"].emplace_back();
      attribute["attribute"] = setting.attribute;
      attribute["parameter"] = setting.parameter;
      attribute[setting.removes ? "removed" : setting.adds ? "added" : "value"] = typed_json_of(setting.value);
    }
  }
  return json;
}

}  // namespace

std::optional<std::string> setting_json(const Value& value) {
  if (holds_secret(value)) return std::nullopt;
  return typed_json_of(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_json(const Operation& operation) {
  Json json;
  const auto put = [&](const char* name, std::string_view text) {
    if (!text.empty()) json[name] = text;
  };
  put("provider", word(operation.provider));
  put("service", operation.service);
  put("operation", operation.operation);
  const bool mapped = operation.unmapped == Unmapped::no;
  if (mapped) {
    json["level"] = word(operation.level);
    if (operation.level_guessed) json["level_source"] = "verb";
    if (operation.data_plane) json["data_plane"] = true;
  }
  if (operation.provider != Provider::none) json["outcome"] = word(operation.outcome);
  put("error_code", operation.error_code);
  put("region", operation.region);
  put("account", operation.account);
  put("partition", operation.partition);
  if (mapped && !operation.parameters.members.empty()) json["parameters"] = json_of(operation.parameters);
  if (operation.parameters_cut) json["parameters_truncated"] = true;
  put("semantics", word(operation.semantics));
  for (const auto& target : operation.touched) json["resources"].push_back(json_of(target));
  if (!operation.access_key_id.empty()) json["principal"]["access_key_id"] = operation.access_key_id;
  if (!operation.principal_account.empty()) json["principal"]["account"] = operation.principal_account;
  if (!operation.principal.empty()) json["principal"]["subject"] = operation.principal;
  if (json.contains("principal")) json["principal"]["proof"] = "claimed";
  if (const auto& grant = operation.grant) {
    auto& handed = json["grants"];
    handed["access_key_id"] = grant->access_key_id;
    if (!grant->arn.empty()) handed["arn"] = grant->arn;
    if (!grant->subject.empty()) handed["subject"] = grant->subject;
    if (grant->expires != 0) handed["expires"] = grant->expires;
  }
  put("tool_claimed", operation.tool);
  put("invocation", operation.invocation);
  put("request_id", operation.request_id);
  json["unmapped"] = !mapped;
  if (!mapped) json["why"] = word(operation.unmapped);
  // Bytes that are no UTF-8 come from whoever sent them.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace plumbline::cloud
