// What IAM's policy language takes for equal, as far as it differs from other JSON
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html, and what Terraform's provider
// does: hashicorp/awspolicyequivalence, aws_policy_equivalence.go).
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace plumbline::baseline {

/// Where in a policy something stands.
enum class PolicyPart : std::uint8_t { none, element, principals, condition, condition_keys };

/// Of the member `key` of an object in `part`.
inline PolicyPart part_within(PolicyPart part, std::string_view key) {
  if (part == PolicyPart::condition) return PolicyPart::condition_keys;
  if (key == "Principal" || key == "NotPrincipal") return PolicyPart::principals;
  return key == "Condition" ? PolicyPart::condition : PolicyPart::element;
}

/// What of a condition's key somebody named: the tag in "aws:PrincipalTag/team", and all of what has no service before
/// it. Other names are IAM's own, and say "token" of what is none (token.actions.githubusercontent.com:sub).
inline std::string_view own_name_of(std::string_view condition_key) {
  constexpr std::string_view tag = "tag/";
  const auto at = std::search(condition_key.begin(), condition_key.end(), tag.begin(), tag.end(),
                              [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b); });
  if (at != condition_key.end())
    return condition_key.substr(static_cast<std::size_t>(at - condition_key.begin()) + tag.size());
  return condition_key.find(':') == std::string_view::npos ? condition_key : std::string_view();
}

/// "arn:aws-cn:iam::123456789012:root" → "123456789012": IAM takes one for the other, and answers with either.
inline std::string_view account_of_root(std::string_view arn) {
  constexpr std::string_view service = ":iam::", root = ":root";
  if (!arn.starts_with("arn:") || !arn.ends_with(root)) return arn;
  const auto at = arn.find(service, 4);
  if (at == std::string_view::npos || at + service.size() + root.size() > arn.size()) return arn;
  const auto account = arn.substr(at + service.size(), arn.size() - root.size() - (at + service.size()));
  const bool digits = account.size() == 12 && account.find_first_not_of("0123456789") == std::string_view::npos;
  return digits ? account : arn;
}

/// Whether the value of a "Statement" makes the object that has it a policy: web application firewalls have statements
/// too, but without an effect.
inline bool is_statement(simdjson::dom::element value) {
  const auto has_effect = [](simdjson::dom::element statement) {
    simdjson::dom::object members;
    if (statement.get_object().get(members) != simdjson::SUCCESS) return false;
    bool found = false;
    for (const auto member : members) {
      if (member.key != "Effect") continue;
      std::string_view text;
      // Of two the last one counts. A number is nonsense, but a text in its canonical form.
      found = member.value.get_string().get(text) == simdjson::SUCCESS
                  ? !text.empty()
                  : member.value.is_number() || member.value.is_bool();
    }
    return found;
  };
  simdjson::dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return has_effect(value);
  return std::any_of(list.begin(), list.end(), has_effect);
}

inline bool is_policy(simdjson::dom::object members) {
  bool found = false;
  for (auto member = members.begin(); member != members.end(); ++member)
    if (member.key() == "Statement") found = is_statement(member.value());
  return found;
}

}  // namespace plumbline::baseline
