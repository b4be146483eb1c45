#include "cloud/kubernetes/decode.hpp"

#include <algorithm>
#include <array>

#include "baseline/value/yaml_json.hpp"
#include "cloud/kubernetes/kinds.hpp"
#include "cloud/kubernetes/names.hpp"
#include "cloud/kubernetes/protobuf.hpp"
#include "cloud/kubernetes/secrets.hpp"
#include "cloud/kubernetes/settings.hpp"

namespace plumbline::cloud::kubernetes {
namespace {

constexpr std::size_t max_name = 253;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string text_at(const Value& tree, std::initializer_list<std::string_view> path) {
  const Value* value = tree.find(path);
  return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= max_name ? value->text
                                                                                                : std::string();
}

bool is_json(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

/// Of its media type, though `kubectl apply --server-side` calls JSON YAML.
Decoded decode_body(const Request& request) {
  const auto type = header(request.head.headers, "content-type");
  if (is_json(request.body)) return decode_json(request.body, request.body_cut);
  Decoded decoded{Value::of(Value::Kind::map), request.body_cut || !request.body.empty()};
  if (!has(type, "yaml") || request.body_cut || request.body.empty()) return decoded;
  auto documents = baseline::yaml_documents("body", request.body);
  if (!documents || documents->empty()) return decoded;
  return decode_json(documents->front().json, false);
}

BodyForm form_of(const Request& request, const Route& route) {
  if (route.resource.verb != "patch") return BodyForm::whole;
  const auto type = header(request.head.headers, "content-type");
  if (has(type, "json-patch+json")) return BodyForm::json;
  if (has(type, "strategic-merge-patch")) return BodyForm::strategic;
  return has(type, "apply-patch") ? BodyForm::whole : BodyForm::merge;
}

Semantics semantics_of(const ResourcePath& path, BodyForm form) {
  if (path.verb.starts_with("delete") || path.subresource == "eviction") return Semantics::remove;
  if (path.verb == "create") return path.subresource.empty() ? Semantics::create : Semantics::unknown;
  if (path.verb == "patch") return form == BodyForm::json ? Semantics::delta : Semantics::merge;
  // A Scale holds nothing but the number.
  if (path.verb == "update") return path.subresource == "scale" ? Semantics::merge : Semantics::replace;
  return Semantics::unknown;
}

/// What exec and the like are asked to do stands in the query: "command=sh&command=-c".
void add_query(const Request& request, Value& tree) {
  QueryWalk walk(split_target(request.head.target).query);
  for (QueryPair pair; walk.next(pair) && tree.members.size() < max_members;) {
    const std::string key = percent_decoded(pair.key, true);
    Value text = Value::of_text(percent_decoded(pair.value, true).substr(0, max_text));
    Value* known = nullptr;
    for (auto& member : tree.members)
      if (member.name == key) known = &member.value;
    if (known == nullptr) {
      tree.members.push_back({key, Value::of(Value::Kind::list)});
      known = &tree.members.back().value;
    }
    known->items.push_back(std::move(text));
  }
}

bool says_all(const Value* options) {
  return options != nullptr && options->kind == Value::Kind::list && options->items.size() == 1 &&
         options->items[0].text == "All";
}

/// As handlers of apiserver (k8s.io/apiserver/pkg/endpoints/handlers) read it: DeleteOptions are the body, and the
/// query where there is none; those of other calls are the query alone. What connects (exec, proxy) reads neither.
bool asks_dry_run(const Request& request, const ResourcePath& path, const Value& body) {
  constexpr std::array<std::string_view, 12> takes = {
      "",        "status",   "scale", "eviction", "ephemeralcontainers", "resize", "approval", "finalize",
      "binding", "bindings", "token", "rollback"};
  if (std::find(takes.begin(), takes.end(), path.subresource) == takes.end()) return false;
  if (path.verb.starts_with("delete") && !request.body.empty()) return says_all(body.find("dryRun"));
  if (path.subresource == "eviction" && says_all(body.find({"deleteOptions", "dryRun"}))) return true;
  return says_only(split_target(request.head.target).query, "dryRun", {"All"});
}

/// What an answer says of the object, and why it refused. Nothing else of it is kept.
struct Answer {
  std::string kind, uid, name, ns, reason;
};

Answer read_answer(const Response& response) {
  Answer answer;
  if (const auto names = names_in_protobuf(response.body); !names.kind.empty()) {
    if (names.kind == "Scale" || names.kind == "Status") return answer;
    return {std::string(names.kind), std::string(names.uid), std::string(names.name), std::string(names.ns), {}};
  }
  if (!is_json(response.body)) return answer;
  Decoded decoded = decode_json(response.body, response.body_cut);
  const Value& tree = decoded.value;
  answer.kind = text_at(tree, {"kind"});
  if (answer.kind == "Status") {
    if (response.status >= 300) answer.reason = text_at(tree, {"reason"});
    answer.kind.clear();
    answer.uid = text_at(tree, {"details", "uid"});  // of what was deleted
  } else if (answer.kind != "Scale") {
    answer.uid = text_at(tree, {"metadata", "uid"});
    answer.name = text_at(tree, {"metadata", "name"});
    answer.ns = text_at(tree, {"metadata", "namespace"});
  }
  wipe(decoded.value);
  return answer;
}

Outcome outcome_of(int status, bool dry) {
  if (status == 101) return Outcome::succeeded;  // exec has begun
  if (status < 200) return Outcome::unknown;
  if (status < 300) return dry ? Outcome::dry_run : Outcome::succeeded;
  if (status == 401 || status == 403) return Outcome::denied;
  return status == 304 ? Outcome::succeeded : Outcome::failed;
}

ObjectName name_of(const Route& route, const Request& request, const Value& body, const Answer& answer,
                   bool& from_answer) {
  const auto& path = route.resource;
  ObjectName object{percent_decoded(path.group), percent_decoded(path.version), percent_decoded(path.resource), {},
                    percent_decoded(path.scope), percent_decoded(path.name)};
  if (const auto* known = find_kind(object.group, object.plural)) object.kind = table::text(known->kind);
  const bool own = path.subresource.empty() && !path.verb.starts_with("delete");
  if (object.kind.empty() && own) object.kind = text_at(body, {"kind"});
  if (object.kind.empty() && path.verb != "deletecollection" && path.subresource.empty()) object.kind = answer.kind;
  if (object.kind.empty()) object.kind = object.plural;
  if (object.name.empty() && path.verb == "create") {
    object.name = text_at(body, {"metadata", "name"});
    if (object.name.empty()) object.name = names_in_protobuf(request.body).name;
    from_answer = object.name.empty() && !answer.name.empty();
    if (from_answer) object.name = answer.name;
  }
  return object;
}

void add_touched(const Request& request, const Route& route, BodyForm form, const Answer& answer,
                 Operation& operation) {
  const auto& path = route.resource;
  Touched touched;
  const ObjectName object = name_of(route, request, operation.parameters, answer, touched.from_answer);
  touched.type = (object.group.empty() ? "" : object.group + "/") + object.kind;
  touched.ids = ids_of(object);
  if (!answer.uid.empty()) touched.ids.push_back(answer.uid);
  std::vector<Setting> settings;
  // Of other subresources, the body is another thing than the object.
  const bool sets = path.subresource.empty() || path.subresource == "scale" ||
                    path.subresource == "ephemeralcontainers" || path.subresource == "resize";
  if (sets && (path.verb == "create" || path.verb == "update" || path.verb == "patch"))
    operation.parameters_cut = !append_settings(operation.parameters, form, settings) || operation.parameters_cut;
  touched.candidates = candidates_of(object, settings);
  operation.touched.push_back(std::move(touched));
}

}  // namespace

void decode(const Request& request, const Response& response, const Route& route, Operation& operation) {
  operation.request_id = header(response.headers, "audit-id").substr(0, 256);
  const auto& path = route.resource;
  const BodyForm form = form_of(request, route);
  if (route.keep > 0 || route.level() == Level::write) {
    Decoded body = decode_body(request);
    operation.parameters = std::move(body.value);
    operation.parameters_cut = body.cut;
    if (path.subresource == "exec" || path.subresource == "attach" || path.subresource == "portforward")
      add_query(request, operation.parameters);
    hide_secrets(operation.parameters, path.resource, request.prints);
  }
  const Answer answer = read_answer(response);
  operation.outcome = outcome_of(response.status, asks_dry_run(request, path, operation.parameters));
  operation.error_code = answer.reason;
  if (!may_change(route.level())) return;
  operation.semantics = semantics_of(path, form);
  add_touched(request, route, form, answer, operation);
}

}  // namespace plumbline::cloud::kubernetes
