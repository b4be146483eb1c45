#include "baseline/source/pulumi.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/pulumi_file.hpp"
#include "baseline/source/pulumi_provider.hpp"
#include "baseline/source/pulumi_values.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_json_depth = 256;
constexpr std::size_t max_ignored = 256;
// pkg/resource/stack/deployment.go: supportedFeatures. None of them changes what is read here: snippets and extensions
// make resources that are listed like all others, views are resources, hooks and refreshes happen at an update.
constexpr std::array<std::string_view, 8> known_features = {
    "refreshBeforeUpdate",       "views",     "hooks", "taint", "replaceWith", "snippets-prototype",
    "extensionParameterization", "byteString"};

/// urn:pulumi:<stack>::<project>::<types>::<name>
std::string stack_of(std::string_view urn) {
  constexpr std::string_view start = "urn:pulumi:";
  if (!urn.starts_with(start)) return "";
  urn.remove_prefix(start.size());
  const auto stack_end = urn.find("::");
  if (stack_end == std::string_view::npos) return "";
  const auto stack = urn.substr(0, stack_end);
  urn.remove_prefix(stack_end + 2);
  return std::string(urn.substr(0, urn.find("::"))) + "/" + std::string(stack);
}

class StackReader {
 public:
  StackReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}

  Result<void> read(const object& top) {
    object deployment;
    std::string pointer;
    std::string stack;
    if (auto ok = find_deployment(top, deployment, pointer, stack); !ok || pointer.empty()) return ok;
    object manifest;
    if (!is_object(deployment["manifest"], manifest))
      return refuse(pointer + "/manifest", "missing: this is no deployment");
    array resources;
    if (has_member(deployment, "resources")) {
      if (!is_list(deployment["resources"], resources)) return refuse(pointer + "/resources", "not a list");
      if (auto ok = read_providers(resources, pointer + "/resources", stack); !ok) return ok;
    }
    out_.revision("stack", is_printable_name(stack) ? stack : spec_.name);
    const auto time = text_member(manifest, "time");
    if (time.empty()) return refuse(pointer + "/manifest/time", "missing, or not text");
    out_.revision("time", config::shown(time));
    if (!has_member(deployment, "resources")) return no_resources();
    if (auto ok = read_resources(resources, pointer + "/resources"); !ok) return ok;
    return read_pending(deployment, pointer + "/pending_operations");
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "is this what `pulumi stack export` prints, written whole?") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  std::string address_of(std::string_view urn) const { return "pulumi:" + spec_.name + "/" + std::string(urn); }

  Result<void> no_resources() {
    out_.skip("pulumi:" + spec_.name, "the stack has no resources");
    return {};
  }

  /// `pointer` stays empty for a stack that was never deployed.
  Result<void> find_deployment(const object& top, object& deployment, std::string& pointer, std::string& stack) {
    const bool is_checkpoint = has_member(top, "checkpoint");
    if (auto ok = check_version(top, is_checkpoint); !ok) return ok;
    object checkpoint;
    if (!is_checkpoint) {
      if (!is_object(top["deployment"], deployment)) return refuse("/deployment", "missing, or not an object");
      pointer = "/deployment";
      return {};
    }
    if (!is_object(top["checkpoint"], checkpoint)) return refuse("/checkpoint", "not an object");
    // "organization/project/name" in newer files, the bare name in older ones.
    stack = text_member(checkpoint, "stack");
    if (!is_printable_name(stack)) return refuse("/checkpoint/stack", "missing, or not a name");
    if (!has_member(checkpoint, "latest")) {
      out_.revision("stack", stack);
      return no_resources();
    }
    if (!is_object(checkpoint["latest"], deployment)) return refuse("/checkpoint/latest", "not an object");
    pointer = "/checkpoint/latest";
    return {};
  }

  Result<void> check_version(const object& top, bool is_checkpoint) {
    const std::string what = is_checkpoint ? "checkpoint" : "deployment";
    std::int64_t version = 0;
    if (top["version"].get_int64().get(version) != simdjson::SUCCESS)
      return refuse("/version", has_member(top, "lineage") ? "missing: this is a Terraform state" : "missing");
    if (version < 3 || version > 4)
      return Error{ErrorCode::unsupported, spec_.path + "#/version",
                   what + " version " + std::to_string(version) + ", this agent reads versions 3 and 4",
                   version < 3 ? "a current pulumi writes version 3: run `pulumi refresh` or export the stack"
                               : "update Plumbline"};
    array features;
    if (version < 4 || !has_member(top, "features")) return {};
    if (!is_list(top["features"], features)) return refuse("/features", "not a list");
    std::size_t i = 0;
    for (const element item : features) {
      std::string_view name;
      const std::string pointer = "/features/" + std::to_string(i++);
      if (item.get_string().get(name) != simdjson::SUCCESS) return refuse(pointer, "not text");
      if (std::find(known_features.begin(), known_features.end(), name) == known_features.end())
        return Error{ErrorCode::unsupported, spec_.path + "#" + pointer,
                     "the " + what + " needs the feature `" + config::shown(name) +
                         "` of its readers, which this agent does not know",
                     "update Plumbline"};
    }
    return {};
  }

  /// Provider resources come before what they manage, but an update may have changed that.
  Result<void> read_providers(const array& resources, const std::string& pointer, std::string& stack) {
    std::size_t i = 0;
    for (const element item : resources) {
      const std::string at = pointer + "/" + std::to_string(i++);
      object resource, inputs;
      if (!is_object(item, resource)) return refuse(at, "not an object");
      const auto urn = text_member(resource, "urn"), type = text_member(resource, "type");
      if (!is_printable_name(urn)) return refuse(at + "/urn", "missing, or not a URN");
      if (!is_printable_name(type)) return refuse(at + "/type", "missing, or not a type");
      if (i == 1)
        if (auto found = stack_of(urn); !found.empty()) stack = std::move(found);
      constexpr std::string_view provider_type = "pulumi:providers:";
      if (!type.starts_with(provider_type) || flag_member(resource, "delete")) continue;
      const auto name = pulumi_provider_name(std::string(type.substr(provider_type.size())) + ":");
      if (is_object(resource["inputs"], inputs)) places_[urn] = pulumi_place(name, inputs);
    }
    return {};
  }

  Result<void> read_resources(const array& resources, const std::string& pointer) {
    std::size_t i = 0, components = 0, providers = 0;
    for (const element item : resources) {
      const std::string at = pointer + "/" + std::to_string(i++);
      object resource;
      if (!is_object(item, resource)) return refuse(at, "not an object");
      const auto urn = text_member(resource, "urn"), type = text_member(resource, "type");
      if (!flag_member(resource, "custom")) {
        ++components;
      } else if (type.starts_with("pulumi:providers:")) {
        ++providers;
      } else if (const auto why = why_not_managed(resource); !why.empty()) {
        out_.skip(address_of(urn), std::string(why));
      } else {
        // Copies that wait for their deletion have the same name, others must not.
        if (!seen_.insert(urn).second) return refuse(at + "/urn", "stands twice in the stack");
        emit(resource, urn, type);
      }
    }
    if (components + providers > 0)
      out_.skip("pulumi:" + spec_.name, std::to_string(components) + " components and " + std::to_string(providers) +
                                            " providers of the stack stand for nothing outside it");
    return {};
  }

  static std::string_view why_not_managed(const object& resource) {
    if (flag_member(resource, "delete")) return "waits to be deleted, another resource stands for it";
    if (flag_member(resource, "pendingReplacement")) return "was deleted, and is not yet created again";
    if (flag_member(resource, "external")) return "external: the stack reads it and does not manage it";
    return {};
  }

  void emit(const object& resource, std::string_view urn, std::string_view type) {
    resource_.address = address_of(urn);
    resource_.type = type;
    resource_.provider = pulumi_provider_name(type);
    resource_.attributes.clear();
    std::vector<std::string> secret_outputs;
    read_secret_outputs(resource, secret_outputs);
    object inputs, outputs;
    const bool has_outputs = is_object(resource["outputs"], outputs);
    const bool has_inputs = is_object(resource["inputs"], inputs);
    if (has_inputs) open_pulumi_properties(inputs, properties_);
    JsonText json;
    Result<element> opened = json.parse("read " + resource_.address, has_inputs ? properties_.json.view() : "{}");
    object plain;
    // Written by JsonWriter from what was parsed already, so this cannot fail but for memory.
    if (!opened || !is_object(*opened, plain)) return out_.skip(resource_.address, "its inputs cannot be read");
    if (!has_inputs) inputs = plain;
    JsonText none;
    if (!has_outputs) {
      const auto empty = none.parse("read " + resource_.address, "{}");
      if (!empty || !is_object(*empty, outputs)) return out_.skip(resource_.address, "its outputs cannot be read");
    }
    identify_pulumi(text_member(resource, "id"), outputs, secret_outputs, place_of(resource), resource_);
    const AttributeRules rules = rules_for(type, secret_outputs, has_inputs);
    append_attributes(plain, rules, keys_.attributes, resource_.attributes);
    read_ignored(resource, plain);
    out_.resource(resource_);
    if (has_inputs && !properties_.left_out.empty()) out_.skip(resource_.address, properties_.left_out.text());
    if (is_pulumi_file(type)) emit_file(type, inputs, plain, outputs, rules);
  }

  static void read_secret_outputs(const object& resource, std::vector<std::string>& out) {
    array names;
    if (!is_list(resource["additionalSecretOutputs"], names)) return;
    for (const element item : names) {
      std::string_view name;
      if (item.get_string().get(name) == simdjson::SUCCESS && out.size() < max_ignored) out.emplace_back(name);
    }
  }

  AttributeRules rules_for(std::string_view type, const std::vector<std::string>& secret_outputs,
                           bool has_inputs) const {
    AttributeRules rules;
    rules.lists = resource_.provider == "kubernetes" ? Lists::ordered : Lists::unordered;
    append_pulumi_always_sensitive(type, rules.sensitive);
    append_pulumi_computed(rules.computed);
    for (const auto& name : secret_outputs) rules.sensitive.push_back(path_part(name));
    if (!has_inputs) return rules;
    rules.all_sensitive = properties_.all_sensitive || secret_outputs.size() == max_ignored;
    rules.sensitive.insert(rules.sensitive.end(), properties_.sensitive.begin(), properties_.sensitive.end());
    return rules;
  }

  PulumiPlace place_of(const object& resource) const {
    // "<urn of the provider>::<its id>"
    const auto reference = text_member(resource, "provider");
    const auto place = places_.find(reference.substr(0, reference.rfind("::")));
    return place == places_.end() ? PulumiPlace{} : place->second;
  }

  void read_ignored(const object& resource, const object& inputs) {
    resource_.ignored.clear();
    array paths;
    if (!is_list(resource["ignoreChanges"], paths)) return;
    std::size_t unread = 0;
    for (const element item : paths) {
      std::string_view text;
      const auto path = item.get_string().get(text) == simdjson::SUCCESS ? pulumi_property_path(text) : std::nullopt;
      if (!path || resource_.ignored.size() == max_ignored) {
        ++unread;
      } else if (path->empty()) {  // "*"
        for (const auto& [name, value] : inputs)
          if (resource_.ignored.size() < max_ignored) resource_.ignored.push_back(path_part(name));
      } else {
        resource_.ignored.push_back(*path);
      }
    }
    if (unread > 0)
      out_.skip(resource_.address, std::to_string(unread) + " of its ignoreChanges are no property paths, or too many");
  }

  void emit_file(std::string_view type, const object& inputs, const object& plain, const object& outputs,
                 const AttributeRules& rules) {
    bool encrypted = false;
    bool sensitive = type == "local:index/sensitiveFile:SensitiveFile" || rules.all_sensitive;
    for (const char* name : {"content", "sensitiveContent", "contentBase64"}) {
      encrypted = encrypted || (has_member(inputs, name) && !has_member(plain, name));
      sensitive = sensitive || looks_sensitive(text_member(plain, name)) ||
                  (has_member(plain, name) &&
                   std::find(rules.sensitive.begin(), rules.sensitive.end(), name) != rules.sensitive.end());
    }
    emit_pulumi_file(resource_.address, plain, outputs, encrypted, sensitive, keys_, out_);
  }

  /// What an interrupted update was about to do: the state may not tell what is there.
  Result<void> read_pending(const object& deployment, const std::string& pointer) {
    array operations;
    if (!has_member(deployment, "pending_operations")) return {};
    if (!is_list(deployment["pending_operations"], operations)) return refuse(pointer, "not a list");
    for (const element item : operations) {
      object operation, resource;
      if (!is_object(item, operation) || !is_object(operation["resource"], resource)) continue;
      const auto urn = text_member(resource, "urn");
      out_.skip(address_of(is_printable_name(urn) ? std::string(urn) : config::shown(urn)),
                "an update was interrupted in the middle of `" + config::shown(text_member(operation, "type")) +
                    "`: what is there may not be what the state says; `pulumi refresh` finds out");
    }
    return {};
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  Resource resource_;                                         ///< reused
  PulumiProperties properties_;                               ///< inputs of resource_, opened
  std::unordered_map<std::string_view, PulumiPlace> places_;  ///< by the URN of the provider
  std::unordered_set<std::string_view> seen_;
};

}  // namespace

Result<void> read_pulumi(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  if (bytes.starts_with("\x1F\x8B"))
    return invalid("read the stack " + spec.path, "it is compressed",
                   "give what `pulumi stack export` prints, or decompress it with gunzip");
  const std::string what = "read the stack " + spec.path;
  JsonText json;
  const auto top = json.parse(what, bytes, "a writer may be in the middle of it; it is read again when it changes");
  if (!top) return top.error();
  if (!is_json_without_duplicates(bytes, max_json_depth)) return invalid(what, "an object in it has a key twice");
  object root;
  if (!is_object(*top, root)) return invalid(spec.path + "#", "not an object: not a stack of Pulumi");
  return StackReader(spec, keys, out).read(root);
}

}  // namespace plumbline::baseline
