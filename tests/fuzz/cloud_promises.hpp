#pragma once

#include <nlohmann/json.hpp>

#include "cloud/operation.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::fuzz {

/// The bounds of cloud/body/value.hpp, and that a secret has no text.
inline void check_value(const cloud::Value& value, std::size_t depth, std::size_t& values) {
  must(depth <= cloud::max_depth + 4, "a tree is not deep");
  must(++values <= 3 * cloud::max_values, "a tree is not wide");
  must(value.text.size() <= cloud::max_text * 4, "a text is not long");
  must(value.kind != cloud::Value::Kind::secret || (value.text.empty() && value.items.empty() && value.members.empty()),
       "a secret is empty");
  for (const auto& item : value.items) check_value(item, depth + 1, values);
  for (const auto& member : value.members) check_value(member.value, depth + 1, values);
}

inline void check_decoded(const cloud::Decoded& decoded) {
  std::size_t values = 0;
  check_value(decoded.value, 0, values);
}

inline void check_operation(const cloud::Operation& operation) {
  std::size_t values = 0;
  check_value(operation.parameters, 0, values);
  must(operation.region.size() <= 256 && operation.invocation.size() <= 256 && operation.request_id.size() <= 256,
       "what others name is short");
  must(operation.principal.size() <= 256 && operation.access_key_id.size() <= 256 && operation.account.size() <= 256,
       "who is short");
  if (const auto& grant = operation.grant)
    must(grant->access_key_id.size() >= 16 && grant->access_key_id.size() <= 128 && grant->arn.size() <= 256 &&
             grant->subject.size() <= 256 && grant->expires >= 0,
         "who got credentials is short");
  must(operation.touched.size() <= 2'000, "what is touched has a bound");
  for (const auto& one : operation.touched) {
    must(operation.level != cloud::Level::read && operation.level != cloud::Level::list, "a read touches nothing");
    must(one.ids.size() <= 64, "forms of an id are few");
    for (const auto& id : one.ids) must(!id.empty(), "an id is one");
    for (const auto& candidate : one.candidates) {
      must(!candidate.iac_type.empty() && candidate.settings.size() <= 20'000, "settings have a bound");
      for (const auto& setting : candidate.settings) {
        std::size_t inside = 0;
        must(!setting.attribute.empty(), "a setting has a name");
        check_value(setting.value, 0, inside);
      }
    }
  }
  const auto line = cloud::to_json(operation);
  must(line.find('\n') == std::string::npos, "an operation is one line");
  const auto json = nlohmann::json::parse(line, nullptr, false);
  must(!json.is_discarded() && json.contains("unmapped"), "an operation is JSON");
}

/// A body of each length's beginning is decoded too, as far as it is there.
template <class Decode>
void check_body(Decode decode, std::string_view body) {
  check_decoded(decode(body, false));
  check_decoded(decode(body, true));
  const auto half = decode(body.substr(0, body.size() / 2), true);
  must(half.cut, "what is cut says so");
  check_decoded(half);
}

}  // namespace plumbline::fuzz
