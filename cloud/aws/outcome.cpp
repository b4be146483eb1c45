#include "cloud/aws/outcome.hpp"

#include <array>

namespace plumbline::cloud::aws {
namespace {

/// "aws.protocoltests#FooError:http://…" → "FooError" (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html,
/// "Operation error serialization").
std::string_view bare(std::string_view code) {
  code = code.substr(0, code.find(':'));
  if (const auto hash = code.rfind('#'); hash != std::string_view::npos) code.remove_prefix(hash + 1);
  return code.size() <= 128 ? code : std::string_view();
}

std::string text_of(const Value* value) {
  return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= 256 ? value->text
                                                                                           : std::string();
}

/// <Error>, <ErrorResponse><Error>, <Response><Errors><Error>: whatever stands around it.
const Value* find_error(const Value& tree, int depth) {
  for (const auto& [name, value] : tree.members) {
    if (name == "Error") return &value;
    if (depth < 3)
      if (const auto* found = find_error(value, depth + 1)) return found;
  }
  return nullptr;
}

struct Said {
  std::string code, request_id;
  bool error_root = false;
};

Said said_in_xml(const Response& response) {
  Said said;
  Decoded decoded = decode_xml(response.body, response.body_cut);
  const auto& tree = decoded.value;
  said.error_root = !tree.members.empty() && tree.members[0].name == "Error";
  if (const auto* error = find_error(tree, 0)) {
    said.code = text_of(error->find("Code"));
    said.request_id = text_of(error->find("RequestId"));
  }
  if (!tree.members.empty()) {
    const auto& root = tree.members[0].value;
    for (const auto name : {"requestId", "RequestId", "RequestID"})
      if (said.request_id.empty()) said.request_id = text_of(root.find(name));
    if (said.request_id.empty()) said.request_id = text_of(root.find({"ResponseMetadata", "RequestId"}));
  }
  wipe(decoded.value);
  return said;
}

Said said_in(const Response& response, Wire wire) {
  const auto first = response.body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return {};
  if (response.body[first] == '<') return said_in_xml(response);
  if (response.status < 300) return {};  // only errors say who they are in the body
  Decoded decoded = wire == Wire::cbor ? decode_cbor(response.body, response.body_cut)
                                       : decode_json(response.body, response.body_cut);
  Said said;
  for (const auto name : {"__type", "code", "Code"})
    if (said.code.empty()) said.code = text_of(decoded.value.find(name));
  wipe(decoded.value);
  return said;
}

bool says_denied(std::string_view code) {
  constexpr std::array<std::string_view, 6> parts = {"AccessDenied",       "Unauthorized", "NotAuthorized",
                                                     "AuthorizationError", "AuthFailure",  "Forbidden"};
  for (const auto part : parts)
    if (code.find(part) != std::string_view::npos) return true;
  return false;
}

}  // namespace

void add_outcome(const Response& response, const Route& route, bool asks_dry_run, Operation& operation) {
  for (const auto name : {"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"})
    if (operation.request_id.empty()) operation.request_id = header(response.headers, name).substr(0, 256);
  if (response.status < 200) return;  // none, or an interim one
  const Said said = said_in(response, route.wire);
  if (operation.request_id.empty()) operation.request_id = said.request_id;
  std::string_view code = bare(header(response.headers, "x-amzn-errortype"));
  if (code.empty()) code = bare(said.code);
  if (response.status < 300 && !(said.error_root && route.wire == Wire::rest_xml)) {
    operation.outcome = asks_dry_run ? Outcome::dry_run : Outcome::succeeded;
    return;
  }
  operation.error_code = code;
  if (code.starts_with("DryRunOperation"))
    operation.outcome = Outcome::dry_run;
  else if (response.status == 401 || response.status == 403 || says_denied(code))
    operation.outcome = Outcome::denied;
  else
    operation.outcome = response.status == 304 ? Outcome::succeeded : Outcome::failed;
}

}  // namespace plumbline::cloud::aws
