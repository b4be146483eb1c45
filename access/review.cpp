#include "access/review.hpp"

#include <algorithm>
#include <cctype>

#include "cloud/body/value.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::access {
namespace {

using cloud::Value;

constexpr std::size_t longest_name = 1024, most_names = 1024;

/// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller and KEP-4193
constexpr std::string_view node_name = "authentication.kubernetes.io/node-name";
constexpr std::string_view pod_name = "authentication.kubernetes.io/pod-name";

Error no_answer(const char* kind, const std::string& why) {
  return {ErrorCode::corrupt, std::string("read the answer of a ") + kind, why, "is `endpoint` an API server?"};
}

/// Texts of 1 to 1,024 bytes; what is none of these is left out.
std::vector<std::string> texts_in(const Value* list) {
  std::vector<std::string> texts;
  if (list == nullptr || list->kind != Value::Kind::list) return texts;
  for (const auto& item : list->items)
    if (item.kind == Value::Kind::text && !item.text.empty() && item.text.size() <= longest_name)
      texts.push_back(item.text);
  return texts;
}

std::string text_of(const Value& map, std::string_view name) {
  const Value* value = map.find(name);
  return value != nullptr && value->kind == Value::Kind::text ? value->text : std::string();
}

bool is_true(const Value& map, std::string_view name) {
  const Value* value = map.find(name);
  return value != nullptr && value->kind == Value::Kind::boolean && value->text == "true";
}

/// The status of an object of this kind.
Result<const Value*> status_of(const cloud::Decoded& answer, const char* kind) {
  if (answer.cut || answer.value.kind != Value::Kind::map) return no_answer(kind, "it is no whole JSON object");
  if (text_of(answer.value, "kind") != kind) return no_answer(kind, "it is of another kind");
  const Value* status = answer.value.find("status");
  if (status == nullptr || status->kind != Value::Kind::map) return no_answer(kind, "it has no status");
  return status;
}

std::string list_json(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const auto& text : texts) {
    if (json.size() > 1) json += ',';
    wire::append_json_string(json, text);
  }
  return json + "]";
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

std::string first_of(const Reviewed& who, std::string_view key) {
  for (const auto& [name, values] : who.extra)
    if (name == key && values.size() == 1 && is_printable(values.front())) return values.front();
  return "";
}

}  // namespace

std::string Reviewed::node() const {
  return first_of(*this, node_name);
}

std::string Reviewed::pod() const {
  return first_of(*this, pod_name);
}

bool is_bearer_token(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string token_review(std::string_view token, const std::string& audience) {
  constexpr std::string_view begin =
      R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":")";
  const std::string end = R"(","audiences":)" + list_json({audience}) + "}}";
  std::string json;
  json.reserve(begin.size() + token.size() + end.size());
  return json.append(begin).append(token).append(end);
}

Result<Reviewed> read_token_review(std::string_view json, const std::string& audience) {
  const auto answer = cloud::decode_json(json, false);
  const auto status = status_of(answer, "TokenReview");
  if (!status) return status.error();
  const std::string what = "take the bearer token";
  if (!is_true(**status, "authenticated"))
    return Error{ErrorCode::permission, what, "the cluster knows no such token: it is over, withdrawn, or not its own",
                 "get a fresh one for the audience " + audience};
  // An API server that looks at no audience says none (TokenReviewStatus.audiences).
  const auto audiences = texts_in((*status)->find("audiences"));
  if (std::find(audiences.begin(), audiences.end(), audience) == audiences.end())
    return Error{ErrorCode::permission, what, "it is not for the audience " + audience, "get one for it"};
  const Value* user = (*status)->find("user");
  Reviewed who;
  if (user != nullptr) who.user = text_of(*user, "username");
  if (who.user.empty() || who.user.size() > longest_name || !is_printable(who.user))
    return no_answer("TokenReview", "it names no user");
  who.uid = text_of(*user, "uid");
  who.groups = texts_in(user->find("groups"));
  if (const Value* extra = user->find("extra"); extra != nullptr)
    for (const auto& member : extra->members) who.extra.emplace_back(member.name, texts_in(&member.value));
  // What an authorizer is to decide by must be there whole, or it could decide otherwise.
  if (who.groups.size() > most_names || who.extra.size() > most_names || who.uid.size() > longest_name)
    return no_answer("TokenReview", "it says more of a user than there is room for");
  return who;
}

std::string access_review(const Reviewed& who, const std::string& verb, const std::string& path) {
  wire::JsonObject extra, spec;
  for (const auto& [name, values] : who.extra) extra.raw(name, list_json(values));
  spec.text("user", who.user).raw("groups", list_json(who.groups)).raw("extra", extra.str());
  if (!who.uid.empty()) spec.text("uid", who.uid);
  spec.raw("nonResourceAttributes", wire::JsonObject().text("path", path).text("verb", verb).str());
  return wire::JsonObject()
      .text("apiVersion", "authorization.k8s.io/v1")
      .text("kind", "SubjectAccessReview")
      .raw("spec", spec.str())
      .str();
}

Result<bool> read_access_review(std::string_view json) {
  const auto answer = cloud::decode_json(json, false);
  const auto status = status_of(answer, "SubjectAccessReview");
  if (!status) return status.error();
  return is_true(**status, "allowed") && !is_true(**status, "denied");
}

}  // namespace plumbline::access
