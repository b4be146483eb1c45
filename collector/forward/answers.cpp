#include "collector/forward/answers.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "include/wire/json.hpp"

namespace plumbline::collector {
namespace {

using wire::Json;

constexpr std::size_t max_reason_bytes = 300;

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

std::string text_of(const Json* json) {
  if (json == nullptr || !json->is_string()) return "";
  std::string out;
  for (const char c : json->get_ref<const std::string&>().substr(0, max_reason_bytes))
    out += c >= ' ' && c < '\x7f' ? c : ' ';
  return out;
}

/// A whole number, also as text, as JSON of protobuf writes those of 64 bits.
std::optional<std::uint64_t> number_of(const Json* json) {
  if (json == nullptr) return std::nullopt;
  if (json->is_number_unsigned()) return json->get<std::uint64_t>();
  if (!json->is_string()) return std::nullopt;
  const auto& text = json->get_ref<const std::string&>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Json parsed(const std::string& body) {
  return Json::parse(body, nullptr, false);
}

}  // namespace

std::optional<std::vector<BulkItem>> read_bulk_answer(const std::string& body) {
  const Json json = parsed(body);
  const Json* items = member(json, "items");
  if (items == nullptr || !items->is_array()) return std::nullopt;
  std::vector<BulkItem> out;
  for (const auto& item : *items) {
    const Json* created = member(item, "create");
    const auto status = created == nullptr ? std::nullopt : number_of(member(*created, "status"));
    if (!status || *status < 100 || *status > 599) return std::nullopt;
    BulkItem one{static_cast<int>(*status), ""};
    if (const Json* error = member(*created, "error"); error != nullptr)
      one.reason = error->is_string() ? text_of(error)
                                      : text_of(member(*error, "type")) + ": " + text_of(member(*error, "reason"));
    out.push_back(std::move(one));
  }
  return out;
}

HecAnswer read_hec_answer(const std::string& body) {
  const Json json = parsed(body);
  HecAnswer answer;
  if (const auto code = number_of(member(json, "code")); code && *code < 1000) answer.code = static_cast<int>(*code);
  answer.ack_id = number_of(member(json, "ackId"));
  return answer;
}

std::vector<bool> read_hec_acks(const std::string& body, const std::vector<std::uint64_t>& ids) {
  std::vector<bool> acked(ids.size(), false);
  const Json json = parsed(body);
  const Json* acks = member(json, "acks");
  if (acks == nullptr) return acked;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Json* one = member(*acks, std::to_string(ids[i]).c_str());
    acked[i] = one != nullptr && one->is_boolean() && one->get<bool>();
  }
  return acked;
}

PartialSuccess read_otlp_answer(const std::string& body) {
  const Json json = parsed(body);
  const Json* partial = member(json, "partialSuccess");
  if (partial == nullptr) return {};
  return {number_of(member(*partial, "rejectedLogRecords")).value_or(0), text_of(member(*partial, "errorMessage"))};
}

bool blames_slack_hook(const std::string& body) {
  static constexpr std::array<std::string_view, 12> texts = {"no_service",        "no_active_hooks",
                                                             "no_team",           "team_disabled",
                                                             "invalid_token",     "user_not_found",
                                                             "channel_not_found", "no_service_id",
                                                             "action_prohibited", "posting_to_general_channel_denied",
                                                             "account_inactive",  "channel_is_archived"};
  const std::string text = body.substr(0, body.find_last_not_of(" \r\n") + 1);
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool blames_teams_workflow(const std::string& body) {
  const Json json = parsed(body);
  const Json* error = member(json, "error");
  if (error == nullptr) return false;
  const std::string code = text_of(member(*error, "code"));
  return code.starts_with("Workflow") || code.starts_with("DirectApi");
}

bool blames_routing_key(const std::string& body) {
  return body.find("routing_key") != std::string::npos || body.find("routing key") != std::string::npos;
}

}  // namespace plumbline::collector
