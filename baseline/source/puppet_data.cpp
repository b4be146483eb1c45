#include "baseline/source/puppet_data.hpp"

#include <string.h>

#include <algorithm>

#include "baseline/source/base64.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// As deep as the parser lets it be.
bool holds_sensitive(element value) {
  array items;
  if (value.get_array().get(items) == simdjson::SUCCESS)
    return std::any_of(items.begin(), items.end(), holds_sensitive);
  object members;
  if (value.get_object().get(members) != simdjson::SUCCESS) return false;
  return puppet_type_of(value) == "Sensitive" ||
         std::any_of(members.begin(), members.end(), [](const auto& member) { return holds_sensitive(member.value); });
}

/// "{md5}d41d8cd9…"
bool looks_like_a_checksum(std::string_view text) {
  const auto close = text.find('}');
  if (!text.starts_with('{') || close == std::string_view::npos || close < 4 || close > 11) return false;
  text.remove_prefix(close + 1);
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

std::string puppet_scalar(const simdjson::simdjson_result<element>& found) {
  element value;
  std::string_view text;
  std::int64_t number = 0;
  bool flag = false;
  if (found.get(value) != simdjson::SUCCESS) return "";
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.get_int64().get(number) == simdjson::SUCCESS) return std::to_string(number);
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return flag ? "true" : "false";
  return "";
}

std::string_view puppet_type_of(element value) {
  object members;
  return value.get_object().get(members) == simdjson::SUCCESS ? text_member(members, "__ptype") : std::string_view{};
}

bool is_puppet_secret(element value) {
  return puppet_type_of(value) == "Sensitive" || (value.is_array() && holds_sensitive(value));
}

PuppetContent puppet_content(element content) {
  PuppetContent result;
  element inner;
  std::string_view text;
  if (puppet_type_of(content) == "Sensitive") {
    result.is_secret = true;
    if (content["__pvalue"].get(inner) == simdjson::SUCCESS) content = inner;
  }
  if (content.get_string().get(text) == simdjson::SUCCESS) {
    result.is_secret = result.is_secret || looks_sensitive(text);
    // Puppet up to 7 takes it for the name of a file in its bucket, Puppet 8 for the content.
    if (looks_like_a_checksum(text))
      result.why_not = "its content looks like a checksum, which versions of Puppet read in two ways";
    else
      result.digest = sha256(text);
    return result;
  }
  result.why_not = "its content is known only on the node (Deferred)";
  if (puppet_type_of(content) != "Binary" || content["__pvalue"].get_string().get(text) != simdjson::SUCCESS)
    return result;
  auto bytes = decode_base64(text, Base64::strict);
  if (!bytes) {
    result.why_not = "its content is no base64, as Binary has to be";
    return result;
  }
  result.digest = sha256(*bytes);
  result.is_secret = result.is_secret || looks_sensitive(*bytes);
  result.why_not.clear();
  explicit_bzero(bytes->data(), bytes->size());
  return result;
}

}  // namespace plumbline::baseline
