#include "cloud/azure/decode.hpp"

#include <algorithm>

#include "cloud/azure/path.hpp"
#include "cloud/azure/secret_names.hpp"
#include "cloud/azure/secrets.hpp"
#include "cloud/azure/terraform_types.hpp"
#include "cloud/body/leaves.hpp"

namespace plumbline::cloud::azure {
namespace {

std::string text_at(const Value& tree, std::initializer_list<std::string_view> path) {
  const Value* value = tree.find(path);
  return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= 256 ? value->text
                                                                                           : std::string();
}

/// "azure-native:compute:VirtualMachine", as pulumi-azure-native makes it of provider and type.
std::string pulumi_type(const std::string& type) {
  const std::string provider = lower(type.substr(0, type.find('/')));
  std::string name = type.substr(type.rfind('/') + 1);
  if (name.ends_with("ies"))
    name.replace(name.size() - 3, 3, "y");
  else if (name.ends_with("sses"))
    name.resize(name.size() - 2);
  else if (name.ends_with("s") && !name.ends_with("ss"))
    name.resize(name.size() - 1);
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 32);
  return "azure-native:" + provider.substr(provider.rfind('.') + 1) + ":" + name;
}

/// Pulumi's inputs are the body's, `properties` left out.
std::vector<Setting> pulumi_settings(const std::vector<Setting>& all) {
  std::vector<Setting> settings = all;
  for (auto& setting : settings)
    if (setting.attribute.starts_with("properties.")) setting.attribute.erase(0, 11);
  return settings;
}

/// azurerm's names are its own; those that follow from Azure's are tags, location, and what stands right below
/// `properties`.
std::vector<Setting> terraform_settings(const std::vector<Setting>& all) {
  std::vector<Setting> settings;
  for (const auto& setting : all) {
    std::string_view path = setting.attribute;
    const bool below = path.starts_with("properties.");
    if (below) path.remove_prefix(11);
    const bool plain = path.find('.') == std::string_view::npos;
    if (!(below && plain) && !path.starts_with("tags.") && path != "location" && path != "zones") continue;
    settings.push_back(setting);
    settings.back().attribute = below ? snake_case(path) : std::string(path);
  }
  return settings;
}

Touched touched_by(const ArmPath& path, const Value& body, bool sets, bool& cut) {
  Touched touched;
  touched.type = std::string(path.provider) + "/" + types_alone(path.types);
  const std::string id = percent_decoded(path.id);
  touched.ids = {id};
  if (const std::string small = lower(id); small != id) touched.ids.push_back(small);
  std::vector<Setting> settings;
  if (sets) cut = !append_leaves(body, settings) || cut;
  // They name it, or are what others made of it.
  std::erase_if(settings, [](const Setting& setting) {
    return setting.attribute == "id" || setting.attribute == "name" || setting.attribute == "type" ||
           setting.attribute == "etag" || setting.attribute == "properties.provisioningState" ||
           setting.attribute.starts_with("systemData.");
  });
  for (const auto name : terraform_types(touched.type, path, body))
    touched.candidates.push_back({std::string(name), terraform_settings(settings)});
  touched.candidates.push_back({pulumi_type(touched.type), pulumi_settings(settings)});
  return touched;
}

Semantics semantics_of(std::string_view method) {
  if (method == "PUT") return Semantics::replace;
  if (method == "PATCH") return Semantics::merge;
  return method == "DELETE" ? Semantics::remove : Semantics::unknown;
}

/// {"requests": [{"httpMethod": "PUT", "relativeUrl": "/subscriptions/…", "content": {…}}]}
void add_batch(const Value& body, Operation& operation) {
  const Value* requests = body.find("requests");
  if (requests == nullptr) return;
  for (const auto& one : requests->items) {
    const std::string method = text_at(one, {"httpMethod"});
    const Value* url = one.find("relativeUrl") != nullptr ? one.find("relativeUrl") : one.find("url");
    if (url == nullptr || (method != "PUT" && method != "PATCH" && method != "DELETE" && method != "POST")) continue;
    const std::string target = plain_target(url->text);
    const ArmPath path = parse_path(method, split_target(target).path);
    if (!path.known || operation.touched.size() >= 256) continue;
    const Value* content = one.find("content");
    operation.touched.push_back(touched_by(path, content == nullptr ? Value{} : *content,
                                           content != nullptr && method != "POST", operation.parameters_cut));
  }
}

void add_outcome(const Response& response, bool asks_only, Operation& operation) {
  for (const auto name : {"x-ms-correlation-request-id", "x-ms-request-id"})
    if (operation.request_id.empty()) operation.request_id = header(response.headers, name).substr(0, 256);
  if (response.status < 200) return;
  if (response.status < 300 || response.status == 304) {
    operation.outcome = asks_only ? Outcome::dry_run : Outcome::succeeded;
    return;
  }
  operation.outcome = response.status == 401 || response.status == 403 ? Outcome::denied : Outcome::failed;
  Decoded body = decode_json(response.body, response.body_cut);
  operation.error_code = text_at(body.value, {"error", "code"});
  wipe(body.value);
}

}  // namespace

void decode(const Request& request, const Response& response, const Route& route, Operation& operation) {
  const Target target = split_target(request.head.target);
  const ArmPath path = parse_path(request.head.method, target.path);
  operation.account = lower(path.subscription.substr(0, 256));
  operation.invocation = header(request.head.headers, "x-ms-client-request-id").substr(0, 256);
  if (route.keep > 0) {
    Decoded body = decode_json(request.body, request.body_cut);
    operation.parameters_cut = body.cut;
    operation.parameters = std::move(body.value);
    hide_secrets(operation.parameters, path, body.cut, request.prints);
  }
  if (const auto location = text_at(operation.parameters, {"location"}); !location.empty())
    operation.region = lower(location);
  const bool asks_only = equal_ignoring_case(path.action, "whatIf") || equal_ignoring_case(path.action, "validate");
  add_outcome(response, asks_only, operation);
  if (operation.unmapped != Unmapped::no || !may_change(route.level())) return;
  if (!path.known) return add_batch(operation.parameters, operation);
  operation.semantics = semantics_of(request.head.method);
  // What an action is given is no attribute of the resource.
  operation.touched.push_back(
      touched_by(path, operation.parameters, route.resource.verb == "write", operation.parameters_cut));
}

}  // namespace plumbline::cloud::azure
