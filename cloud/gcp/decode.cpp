#include "cloud/gcp/decode.hpp"

#include <algorithm>

#include "cloud/body/leaves.hpp"
#include "cloud/gcp/methods.hpp"
#include "cloud/gcp/secrets.hpp"
#include "cloud/table/switches.hpp"

namespace plumbline::cloud::gcp {
namespace {

using table::Method;

std::string text_at(const Value& tree, std::initializer_list<std::string_view> path) {
  const Value* value = tree.find(path);
  return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= 2048 ? value->text
                                                                                            : std::string();
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty() && parts.size() < max_segments) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (!part.empty()) parts.push_back(percent_decoded(part));
  }
  return parts;
}

std::string after(const std::vector<std::string>& parts, std::initializer_list<std::string_view> words) {
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    for (const auto word : words)
      if (parts[i] == word) return parts[i + 1].substr(0, 256);
  return {};
}

/// The thing that a call is about.
struct Thing {
  std::vector<std::string> parts;  ///< of its whole path, with version and so on
  std::string key;                 ///< "projects/zones/instances"
  std::size_t relative = 0;        ///< where its own name begins: behind the version
  bool named = false;
  bool from_answer = false;
};

std::string joined(const std::vector<std::string>& parts, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < parts.size(); ++i) out.append(out.empty() ? "" : "/").append(parts[i]);
  return out;
}

/// "CreateInstance?instanceId=…", or the body's name, as the API has it.
std::string given_name(std::string_view query, const Value& body, const std::string& collection) {
  QueryWalk walk(query);
  for (QueryPair pair; walk.next(pair);) {
    if (pair.key.size() < 3 || !(pair.key.ends_with("Id") || pair.key.ends_with("_id"))) continue;
    const auto stem = pair.key.substr(0, pair.key.size() - (pair.key.ends_with("_id") ? 3 : 2));
    // keyRingId of keyRings; what else there is (requestId) has another stem.
    if (equal_ignoring_case(std::string_view(collection).substr(0, stem.size() - 1), stem.substr(0, stem.size() - 1)))
      return percent_decoded(pair.value, true);
  }
  return text_at(body, {"name"});
}

Thing thing_of(const Route& route, const Target& target, const Value& body, const std::string& answered) {
  Thing thing;
  const auto& method = method_row(route.method);
  const auto words = words_of(method);
  const About which = about(method);
  std::string_view path = target.path;
  for (const std::string_view upload : {"/upload/", "/resumable/upload/", "/download/", "/batch/"})
    if (path.starts_with(upload)) path.remove_prefix(upload.size() - 1);
  auto parts = parts_of(path);
  if (words.count > 0 && words.all[words.count - 1].starts_with(':') && !parts.empty())
    parts.back().resize(std::min(parts.back().rfind(':'), parts.back().size()));
  parts.resize(std::min(parts.size(), which.segments));
  const auto api = table::text(api_row(route.api).name);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto word = words.all[i];
    if (word == "{v}") thing.relative = i + 1;
    if (word == "{}" || word == "{v}" || word == api) continue;
    thing.key.append(thing.key.empty() ? "" : "/").append(word);
  }
  thing.named = !which.collection;
  if (which.collection && method.verb == Method::post && !parts.empty()) {
    auto name = given_name(target.query, body, parts.back());
    thing.from_answer = name.empty() && !answered.empty();
    if (name.empty()) name = answered;
    thing.named = !name.empty();
    if (name.find('/') != std::string::npos) name = name.substr(name.rfind('/') + 1);
    if (thing.named) parts.push_back(name);
  }
  thing.parts = std::move(parts);
  return thing;
}

/// "Instance" of "instances": as asset types are called.
std::string singular(std::string_view collection) {
  if (collection == "b") return "Bucket";
  if (collection == "o") return "Object";
  std::string name(collection);
  if (name.ends_with("ies"))
    name.replace(name.size() - 3, 3, "y");
  else if (name.ends_with("sses") || name.ends_with("xes"))
    name.resize(name.size() - 2);
  else if (name.ends_with("s") && !name.ends_with("ss"))
    name.resize(name.size() - 1);
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 32);
  return name;
}

/// Every form that a state may hold: self links of both hosts, the name relative to the API, the last part.
std::vector<std::string> ids_of(const Thing& thing, std::string_view api) {
  const std::string whole = joined(thing.parts, 0), relative = joined(thing.parts, thing.relative);
  const std::string host = std::string(api) + ".googleapis.com/";
  std::vector<std::string> ids = {relative, "https://" + host + whole, "https://www.googleapis.com/" + whole,
                                  "//" + host + relative};
  if (thing.named && thing.parts.back() != relative) ids.push_back(thing.parts.back());
  return ids;
}

/// The attribute that a table names of a type's field; "" where it is called as the API does.
std::string_view renamed(std::string_view type, std::string_view field) {
  const auto* row = table::find_name(table::gcp_fields, std::string(type).append(1, '\t').append(field));
  return row == nullptr ? std::string_view() : table::text(table::rows<table::Text>(table::texts, row->services)[0]);
}

/// What stands below keys of an API's field that are users' own: "value", "object"; "" where they are the API's.
std::string_view below_keys(std::string_view api, std::string_view field) {
  const auto* row = table::find_name(table::gcp_maps, std::string(api).append(1, '\t').append(field));
  return row == nullptr ? std::string_view() : table::text(table::rows<table::Text>(table::texts, row->services)[0]);
}

/// Where the path's part at `from` ends: at a dot that no backslash is before.
std::size_t part_end(std::string_view path, std::size_t from) {
  while (from < path.size() && path[from] != '.') from += path[from] == '\\' ? 2 : 1;
  return std::min(from, path.size());
}

/// A field as the provider's attribute: in snake case but for what the table says, and users' own keys.
std::string attribute_of(std::string_view api, std::string_view type, std::string_view field) {
  if (const auto known = renamed(type, field); !known.empty()) return std::string(known);
  std::string out;
  bool key = false;  // the part is one of a map of objects
  for (std::size_t at = 0; at < field.size();) {
    const std::size_t end = part_end(field, at);
    const auto part = field.substr(at, end - at);
    out.append(out.empty() ? "" : ".").append(key ? std::string(part) : snake_case(part));
    at = end + 1;
    const auto below = key ? std::string_view() : below_keys(api, part);
    key = below == "object";
    if (below.empty()) continue;
    if (const auto known = renamed(type, field.substr(0, end)); !known.empty()) out = known;
    if (below == "value" && end < field.size()) return out.append(field.substr(end));
  }
  return out;
}

std::vector<Setting> terraform_settings(std::string_view api, std::string_view type, const std::vector<Setting>& all) {
  std::vector<Setting> settings = all;
  for (auto& setting : settings) setting.attribute = attribute_of(api, type, setting.parameter);
  return settings;
}

/// compute's setMetadata: {"items": [{"key": "a", "value": "b"}]} is all of `metadata`.
void unfold_items(std::vector<Setting>& settings, std::string_view verb) {
  if (verb != "setMetadata" && verb != "setCommonInstanceMetadata") return;
  std::vector<Setting> unfolded;
  for (const auto& setting : settings) {
    if (setting.attribute != "items") continue;
    for (const auto& item : setting.value.items) {
      const Value *key = item.find("key"), *value = item.find("value");
      if (key == nullptr || value == nullptr) continue;
      for (const auto name : texts_of(key)) {
        const std::string attribute = "metadata." + std::string(name);
        unfolded.push_back({attribute, attribute, *value, false});
      }
    }
  }
  settings = std::move(unfolded);
}

Semantics semantics_of(const table::GcpMethodRow& method, const About& which) {
  const auto word = verb_word(method);
  if (method.verb == Method::del) return Semantics::remove;
  if (method.verb == Method::patch) return Semantics::merge;
  if (method.verb == Method::put) return Semantics::replace;
  if (word == "create" || word == "insert") return Semantics::create;
  if (word.starts_with("set")) return Semantics::replace;
  if (word.starts_with("add") || word.starts_with("remove") || word.starts_with("attach") || word.starts_with("detach"))
    return Semantics::delta;
  if (word == "update") return Semantics::replace;
  if (word == "delete") return Semantics::remove;
  return which.collection && word.starts_with("create") ? Semantics::create : Semantics::unknown;
}

void add_outcome(const Response& response, bool dry, Operation& operation, std::string& answered) {
  for (const auto name : {"x-goog-request-id", "x-guploader-uploadid", "x-cloud-trace-context"})
    if (operation.request_id.empty()) operation.request_id = header(response.headers, name).substr(0, 256);
  if (response.status < 200) return;
  const auto grpc = header(response.headers, "grpc-status");
  if (!grpc.empty() && grpc != "0") {
    operation.outcome = grpc == "7" || grpc == "16" ? Outcome::denied : Outcome::failed;
    operation.error_code = grpc.substr(0, 8);
    return;
  }
  const bool fine = response.status < 300 || response.status == 304;
  Decoded body = decode_json(response.body, response.body_cut);
  if (fine) {
    operation.outcome = dry ? Outcome::dry_run : Outcome::succeeded;
    // Of a long-running operation, `name` is its own.
    const bool is_operation = body.value.find("operationType") != nullptr || body.value.find("done") != nullptr ||
                              text_at(body.value, {"name"}).find("operations/") != std::string::npos;
    answered = text_at(body.value, {is_operation ? "targetLink" : "name"});
  } else {
    operation.outcome = response.status == 401 || response.status == 403 ? Outcome::denied : Outcome::failed;
    operation.error_code = text_at(body.value, {"error", "status"});
  }
  wipe(body.value);
}

/// By the key that the method has for it. Cloud Run's says "all".
bool asks_dry_run(const Route& route, std::string_view query, const Value& body) {
  if (route.method == table::no_row || !route.resource.group.empty()) return false;  // of gRPC, nothing can be read
  const auto key = table::dry_runs[method_row(route.method).dry_run];
  if (key.starts_with('?')) return says_only(query, key.substr(1), {"true", "all"});
  const Value* value = key.empty() ? nullptr : body.find(key);
  return value != nullptr && value->kind == Value::Kind::boolean && value->text == "true";
}

/// name=projects%2Fp%2Flocations%2Fl%2FkeyRings%2Fk, or "key_ring.name=…"
void add_rpc_target(const Request& request, const Route& route, Operation& operation) {
  Touched touched;
  const std::string_view parameters = header(request.head.headers, "x-goog-request-params");
  QueryWalk walk(parameters);
  for (QueryPair pair; walk.next(pair) && touched.ids.size() < 16;) {
    const std::string value = percent_decoded(pair.value).substr(0, 2048);
    const auto parts = parts_of(value);
    if (operation.account.empty()) operation.account = after(parts, {"projects"});
    if (operation.region.empty()) operation.region = after(parts, {"zones", "regions", "locations"});
    touched.ids.push_back(value);
    if (touched.type.empty() && parts.size() >= 2 && parts.size() % 2 == 0)
      touched.type = operation.service + ".googleapis.com/" + singular(parts[parts.size() - 2]);
  }
  if (!may_change(route.level()) || touched.ids.empty()) return;
  if (route.method != table::no_row) {
    const auto& method = method_row(route.method);
    operation.semantics = semantics_of(method, about(method));
    std::string key;
    for (const auto word : words_of(method))
      if (word != "{}" && word != "{v}" && !word.starts_with(':')) key.append(key.empty() ? "" : "/").append(word);
    if (const auto* row = table::find_name(table::gcp_types, operation.service + ":" + key))
      for (const auto type : table::rows<table::Text>(table::texts, row->services))
        touched.candidates.push_back({std::string(table::text(type)), {}});
  }
  operation.touched.push_back(std::move(touched));
}

}  // namespace

void decode(const Request& request, const Response& response, const Route& route, Operation& operation) {
  const Target target = split_target(request.head.target);
  if (route.keep > 0) {
    Decoded body = decode_json(request.body, request.body_cut);
    operation.parameters_cut = body.cut;
    operation.parameters = std::move(body.value);
    gcp::hide_secrets(operation.parameters, request.prints);
  }
  std::string answered;
  add_outcome(response, asks_dry_run(route, target.query, operation.parameters), operation, answered);
  if (!route.resource.group.empty()) return add_rpc_target(request, route, operation);
  if (route.method == table::no_row) return;
  const auto& method = method_row(route.method);
  const Thing thing = thing_of(route, target, operation.parameters, answered);
  operation.account = after(thing.parts, {"projects"});
  if (const auto asked = query_value(target.query, "project"); asked && operation.account.empty())
    operation.account = percent_decoded(*asked).substr(0, 256);
  operation.region = after(thing.parts, {"zones", "regions", "locations"});
  if (!may_change(route.level())) return;
  operation.semantics = semantics_of(method, about(method));
  const auto api = table::text(api_row(route.api).name);
  Touched touched;
  touched.type = std::string(api) + ".googleapis.com/" + singular(thing.key.substr(thing.key.rfind('/') + 1));
  if (!thing.parts.empty()) touched.ids = ids_of(thing, api);
  touched.from_answer = thing.from_answer;
  std::vector<Setting> settings;
  operation.parameters_cut = !append_leaves(operation.parameters, settings) || operation.parameters_cut;
  unfold_items(settings, verb_word(method));
  std::erase_if(settings, [](const Setting& setting) {
    return setting.attribute == "fingerprint" || setting.attribute == "id" || setting.attribute == "selfLink" ||
           setting.attribute == "etag" || setting.attribute == "kind";
  });
  if (const auto* row = table::find_name(table::gcp_types, std::string(api) + ":" + thing.key))
    for (const auto type : table::rows<table::Text>(table::texts, row->services))
      touched.candidates.push_back(
          {std::string(table::text(type)), terraform_settings(api, table::text(type), settings)});
  operation.touched.push_back(std::move(touched));
}

}  // namespace plumbline::cloud::gcp
