#include "cloud/aws/answer.hpp"

#include "cloud/body/members.hpp"

namespace plumbline::cloud::aws {
namespace {

void unwrap_xml(Value& tree) {
  if (tree.members.size() != 1) return;
  Value root = std::move(tree.members[0].value);
  tree = std::move(root);
  for (auto& member : tree.members)
    if (member.name.ends_with("Result") && member.value.kind == Value::Kind::map) {
      Value result = std::move(member.value);
      tree = std::move(result);
      return;
    }
}

}  // namespace

Value answer_of(const Response& response, const Route& route) {
  Value none = Value::of(Value::Kind::map);
  if (response.status < 200 || response.status >= 300 || response.body.size() > max_body) return none;
  const auto first = response.body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return none;
  Decoded decoded;
  if (response.body[first] == '<') {
    decoded = decode_xml(response.body, response.body_cut);
    unwrap_xml(decoded.value);
  } else if (route.wire == Wire::cbor) {
    decoded = decode_cbor(response.body, response.body_cut);
  } else {
    decoded = decode_json(response.body, response.body_cut);
  }
  if (decoded.value.kind != Value::Kind::map) {
    wipe(decoded.value);
    return none;
  }
  hide_secrets(decoded.value, route);
  return std::move(decoded.value);
}

}  // namespace plumbline::cloud::aws
