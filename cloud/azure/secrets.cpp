#include "cloud/azure/secrets.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "cloud/azure/secret_names.hpp"
#include "cloud/body/environment.hpp"
#include "cloud/body/members.hpp"

namespace plumbline::cloud::azure {
namespace {

Value* member(Value& map, std::string_view name) {
  for (auto& [key, value] : map.members)
    if (equal_ignoring_case(key, name)) return &value;
  return nullptr;
}

/// In small letters; "" where it is no text.
std::string text_of(const Value& map, std::string_view name) {
  for (const auto& [key, value] : map.members)
    if (equal_ignoring_case(key, name) && value.kind == Value::Kind::text) return lower(value.text);
  return {};
}

/// What says two things is taken for what hides more.
bool is(const Value* value, std::string_view word) {
  if (value != nullptr && value->kind == Value::Kind::several) return word == "true";
  return value != nullptr && equal_ignoring_case(value->text, word);
}

/// What a template declares of its parameters, by names in small letters: also of templates within it.
struct Declared {
  std::set<std::string> secure, plain;

  void add(const Value& value) {
    for (const auto& item : value.items) add(item);
    for (const auto& [name, inner] : value.members) {
      if (equal_ignoring_case(name, "parameters"))
        for (const auto& [parameter, declaration] : inner.members) {
          const std::string type = text_of(declaration, "type");
          if (!type.empty()) (is_secure_type(type) ? secure : plain).insert(lower(parameter));
        }
      add(inner);
    }
  }
};

class Hider {
 public:
  Hider(const ArmPath& path, bool cut, const SecretPrints* prints)
      : types_(lower(types_alone(path.types))),
        // Of what policies are given nothing is secret: that type is none of theirs.
        known_parameters_(equal_ignoring_case(path.provider, "Microsoft.Authorization")),
        run_command_(equal_ignoring_case(path.action, "runCommand") || types_.ends_with("runcommands")),
        cut_(cut),
        prints_(prints) {}

  void body(Value& body, const ArmPath& path) {
    declared_.add(body);
    resource(body, types_, lower(path.types.substr(path.types.rfind('/') + 1)));
    any(body, false);
    cloud::hide_secrets(body, Route{}, prints_);
  }

 private:
  void hide(Value& value) const { hide_each_value(value, prints_); }
  void hide_members(Value* map, bool (*which)(std::string_view)) const {
    if (map == nullptr) return;
    if (map->kind == Value::Kind::several)
      for (auto& item : map->items) hide_members(&item, which);
    for (auto& [name, value] : map->members)
      if (which(lower(name))) hide(value);
  }

  /// A resource by its type alone ("sites/config", "microsoft.web/sites/config") and the end of its name.
  void resource(Value& resource, std::string_view types, std::string_view name) const {
    Value* properties = member(resource, "properties");
    const std::string_view type = types.substr(types.rfind('/') + 1);
    if (holds_one_value(type)) {
      hide_members(&resource, is_value);
      hide_members(properties, is_value);
    }
    if (may_hold_secret_value(type) && properties != nullptr && !is_marked(*properties, "false"))
      hide_members(properties, is_value);
    if (type == "certificates") hide_members(properties, is_certificate_data);
    if (type == "webhooks") hide_members(properties, is_hook);
    if (type == "config" && properties != nullptr && !is_plain_config(name))
      hide_members(properties, [](std::string_view) { return true; });
  }

  static bool is_marked(Value& map, std::string_view as) {
    return std::any_of(marks.begin(), marks.end(), [&](auto name) { return is(member(map, name), as); });
  }

  /// `certificate`: some member above is called after one.
  void any(Value& value, bool certificate) {
    // Azure's own shape is that of Pulumi's inputs, so that lists can be compared as a whole.
    if (value.kind == Value::Kind::list)
      hide_in_list(value, prints_, [&](Value& item) {
        any(item, certificate);
        if (item.kind == Value::Kind::map) cloud::hide_secrets(item, Route{}, prints_);
      });
    if (value.kind == Value::Kind::several)
      for (auto& item : value.items) any(item, certificate);
    if (value.kind == Value::Kind::map) map(value, certificate);
  }

  void map(Value& map, bool certificate) {
    for (const auto name : {"type", "name"})  // of what it is decides what of it is secret
      if (const Value* said = member(map, name); said != nullptr && said->kind == Value::Kind::several) {
        for (auto& inner : map.members) hide(inner.value);
        return;
      }
    const std::string type = text_of(map, "type");
    if (member(map, "properties") != nullptr && !type.empty()) resource(map, type, text_of(map, "name"));
    const bool marked = is_secure_type(type) || is_marked(map, "true") || (cut_ && type.empty());
    for (auto& [name, value] : map.members) {
      const std::string small = lower(name);
      if (small == "tags") continue;
      if ((marked && is_value(small)) || is_key_material(small, value) || (certificate && is_certificate_data(small)) ||
          (run_command_ && small == "script")) {
        hide(value);
      } else if (!hide_environment(name, value, prints_)) {
        if (small == "parameters") parameters(value);
        any(value, certificate || small.find("certificate") != std::string::npos);
      }
    }
  }

  /// {name: {value: x}} of a deployment, [{name: n, value: x}] of a command.
  void parameters(Value& parameters) const {
    if (parameters.kind == Value::Kind::several)
      for (auto& item : parameters.items) this->parameters(item);
    if (parameters.kind == Value::Kind::list)
      hide_in_list(parameters, prints_, [&](Value& item) { hide_members(&item, is_value); });
    if (known_parameters_) return;
    for (auto& [name, given] : parameters.members) {
      if (given.kind != Value::Kind::map) continue;
      const std::string small = lower(name);
      if (declared_.secure.contains(small) || !declared_.plain.contains(small)) hide_members(&given, is_value);
    }
  }

  const std::string types_;
  const bool known_parameters_, run_command_, cut_;
  const SecretPrints* prints_;
  Declared declared_;
};

/// {"httpMethod": "PUT", "relativeUrl": "/subscriptions/…", "content": {…}}
void hide_request(Value& request, bool cut, const SecretPrints* prints) {
  Value* url = member(request, "relativeUrl");
  if (url == nullptr) url = member(request, "url");
  Value* method = member(request, "httpMethod");
  const std::string target = url == nullptr ? std::string() : plain_target(url->text);
  const auto path =
      url == nullptr || method == nullptr ? ArmPath{} : parse_path(method->text, split_target(target).path);
  for (auto& [name, value] : request.members) {
    if (equal_ignoring_case(name, "headers")) hide_each_value(value, prints);
    if (!equal_ignoring_case(name, "content") && !equal_ignoring_case(name, "body")) continue;
    if (path.known && value.kind == Value::Kind::map)
      Hider(path, cut, prints).body(value, path);
    else
      hide_each_value(value, prints);
  }
}

}  // namespace

void hide_secrets(Value& body, const ArmPath& path, bool cut, const SecretPrints* prints) {
  if (Value* requests = member(body, "requests"); requests != nullptr && !path.known)
    for (auto& request : requests->items) hide_request(request, cut, prints);
  Hider(path, cut, prints).body(body, path);
}

}  // namespace plumbline::cloud::azure
