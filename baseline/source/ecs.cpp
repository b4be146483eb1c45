#include "baseline/source/ecs.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "baseline/paths.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/source/json_writer.hpp"
#include "baseline/source/name_parts.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_json_depth = 256;
constexpr std::size_t longest_path = 4096;

// Members of the outputs that the inputs of RegisterTaskDefinition and CreateService lack, and what stands elsewhere.
constexpr std::string_view computed_of_task[] = {
    "requiresAttributes", "status",       "compatibilities",   "deregisteredAt",       "registeredAt", "revision",
    "taskDefinitionArn",  "registeredBy", "deleteRequestedAt", "containerDefinitions", "tags"};
constexpr std::string_view computed_of_service[] = {"platformFamily", "events",
                                                    "pendingCount",   "status",
                                                    "clusterArn",     "currentServiceDeployment",
                                                    "serviceArn",     "taskSets",
                                                    "createdBy",      "deployments",
                                                    "createdAt",      "currentServiceRevisions",
                                                    "roleArn",        "tags",
                                                    "runningCount",   "resourceManagementType"};

template <std::size_t N>
bool is_in(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class EcsReader {
 public:
  EcsReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {}

  Result<void> read_output(const object& output, const std::string& pointer) {
    const bool has_task = has_member(output, "taskDefinition"), has_services = has_member(output, "services");
    if (!has_task && !has_services)
      return refuse(pointer, "neither `taskDefinition` nor `services` in it",
                    "save what `aws ecs describe-task-definition` or `describe-services` prints");
    if (has_task)
      if (auto ok = read_task(output, pointer); !ok) return ok;
    return has_services ? read_services(output, pointer) : Result<void>();
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "is this what the AWS command line prints, written whole?") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  void begin(std::string_view type, std::string_view arn) {
    resource_ = {};
    resource_.provider = "aws";
    resource_.type = type;
    resource_.region = arn_part(arn, arn_region);
    resource_.account = arn_part(arn, arn_account);
    add_id(arn);
    odd_entries_ = 0;
    plain_.clear();
    plain_.open('{');
  }

  void add_id(std::string_view id) {
    if (is_printable_name(id) && id.size() <= 2048 &&
        std::find(resource_.ids.begin(), resource_.ids.end(), id) == resource_.ids.end())
      resource_.ids.emplace_back(id);
  }

  /// What was written to plain_ becomes the attributes.
  void finish(const AttributeRules& rules) {
    plain_.close();
    JsonText json;
    const auto parsed = json.parse("read " + resource_.address, plain_.view());
    object members;
    // Written by JsonWriter from what was parsed already, so this cannot fail but for memory.
    if (!parsed || !is_object(*parsed, members)) return out_.skip(resource_.address, "it cannot be read");
    append_attributes(members, rules, keys_.attributes, resource_.attributes);
    if (odd_entries_ > 0)
      out_.skip(resource_.address, std::to_string(odd_entries_) +
                                       " of its entries have no name, one that stood before, or one without end");
  }

  void put(std::string_view name, const element& value) {
    if (name.empty() || name.size() > longest_path) {
      ++odd_entries_;
      return;
    }
    plain_.key(name);
    odd_entries_ += plain_.tree(value, longest_path);
  }

  /// Whether there is a name, and for the first time.
  bool may_be_taken(std::string_view name, std::unordered_set<std::string_view>& seen) {
    const bool taken = !name.empty() && name.size() <= longest_path && seen.insert(name).second;
    if (!taken) ++odd_entries_;
    return taken;
  }

  /// [{name or key, value}] as an object; what has no name, or one that stood before, is left out and counted.
  void write_pairs(const char* member, const element& list, const char* name_key) {
    array items;
    if (!is_list(list, items)) return;
    std::unordered_set<std::string_view> seen;
    plain_.key(member);
    plain_.open('{');
    for (const element item : items) {
      object pair;
      element value;
      const bool has_value = is_object(item, pair) && pair["value"].get(value) == simdjson::SUCCESS;
      const auto name = has_value ? text_member(pair, name_key) : std::string_view();
      if (!may_be_taken(name, seen)) continue;
      put(name, value);
    }
    plain_.close();
  }

  Result<void> read_task(const object& output, const std::string& of_output) {
    const std::string pointer = of_output + "/taskDefinition";
    object task;
    if (!is_object(output["taskDefinition"], task)) return refuse(pointer, "not an object");
    const auto family = text_member(task, "family"), arn = text_member(task, "taskDefinitionArn");
    std::int64_t revision = 0;
    if (!is_printable_name(family)) return refuse(pointer + "/family", "missing, or not a name");
    if (task["revision"].get_int64().get(revision) != simdjson::SUCCESS)
      return refuse(pointer + "/revision", "missing, or not a number");
    const std::string name = std::string(family) + ":" + std::to_string(revision);
    begin("AWS::ECS::TaskDefinition", arn);
    resource_.address = "ecs:" + spec_.name + "/task-definition/" + name;
    if (!seen_.insert(resource_.address).second) return refuse(pointer, "stands twice");
    const auto status = text_member(task, "status");
    if (!status.empty() && status != "ACTIVE") {
      out_.skip(resource_.address, "it is not active (" + config::shown(status) + ")");
      return {};
    }
    add_id(name);
    add_id(family);
    for_host_volumes(task, [&](std::string_view, std::string_view path) {
      if (!path.starts_with('/')) return;  // of Windows
      if (const auto normal = normal_path(path, "/")) add_id(*normal);
    });
    for (const auto& [key, value] : task) {
      if (is_in(computed_of_task, key)) continue;
      put(key, value);
    }
    element tags;
    if (output["tags"].get(tags) == simdjson::SUCCESS) write_pairs("tags", tags, "key");
    std::vector<Attribute> secrets;
    if (auto ok = write_containers(task, pointer, secrets); !ok) return ok;
    finish({});
    resource_.attributes.insert(resource_.attributes.end(), secrets.begin(), secrets.end());
    out_.resource(resource_);
    for_host_volumes(task, [&](std::string_view volume, std::string_view path) {
      out_.skip(resource_.address, "its volume " + config::shown(volume) + " is " + config::shown(path) +
                                       " of the node: what should be in it is not said here");
    });
    return {};
  }

  Result<void> write_containers(const object& task, const std::string& pointer, std::vector<Attribute>& secrets) {
    array containers;
    if (!is_list(task["containerDefinitions"], containers))
      return refuse(pointer + "/containerDefinitions", "missing, or not a list");
    std::unordered_set<std::string_view> seen;
    plain_.key("containerDefinitions");
    plain_.open('{');
    std::size_t i = 0;
    for (const element item : containers) {
      const std::string at = pointer + "/containerDefinitions/" + std::to_string(i++);
      object container;
      if (!is_object(item, container)) return refuse(at, "not an object");
      const auto name = text_member(container, "name");
      if (!is_printable_name(name) || name.size() > 255) return refuse(at + "/name", "missing, or not a name");
      if (!seen.insert(name).second) return refuse(at + "/name", "stands twice in the task definition");
      plain_.key(name);
      plain_.open('{');
      for (const auto& [key, value] : container) {
        if (key == "name") continue;
        if (key == "environment") {
          write_pairs("environment", value, "name");
        } else if (key == "secrets") {
          read_secrets("containerDefinitions." + path_part(name) + ".secrets.", value, secrets);
        } else {
          put(key, value);
        }
      }
      plain_.close();
    }
    plain_.close();
    return {};
  }

  /// Where a secret comes from is no secret, whatever the variable is named. Hence not by append_attributes(), which
  /// goes by names.
  void read_secrets(const std::string& prefix, const element& list, std::vector<Attribute>& out) {
    array items;
    if (!is_list(list, items)) return;
    std::unordered_set<std::string_view> seen;
    for (const element item : items) {
      object secret;
      const bool has_members = is_object(item, secret);
      const auto name = has_members ? text_member(secret, "name") : std::string_view();
      if (!may_be_taken(name, seen)) continue;
      const auto from = text_member(secret, "valueFrom");
      const auto [text, secret_within] = canonical_text(from);
      Attribute attribute{prefix + path_part(name), keys_.attributes.of(text), "", secret_within};
      if (!attribute.sensitive && text.size() <= max_shown) attribute.value = text;
      out.push_back(std::move(attribute));
    }
  }

  /// Calls `take` with name and path of each volume that is one of the node's.
  template <class Take>
  static void for_host_volumes(const object& task, const Take& take) {
    array volumes;
    if (!is_list(task["volumes"], volumes)) return;
    for (const element item : volumes) {
      object volume, host;
      if (!is_object(item, volume) || !is_object(volume["host"], host)) continue;
      const auto path = text_member(host, "sourcePath");
      if (!path.empty()) take(text_member(volume, "name"), path);
    }
  }

  Result<void> read_services(const object& output, const std::string& of_output) {
    array services, failures;
    if (!is_list(output["services"], services)) return refuse(of_output + "/services", "not a list");
    const bool has_failures = is_list(output["failures"], failures) && failures.size() > 0;
    if (services.size() == 0 && !has_failures)
      return refuse(of_output + "/services", "empty: no service was asked for");
    std::size_t i = 0;
    for (const element item : services) {
      const std::string pointer = of_output + "/services/" + std::to_string(i++);
      object service;
      if (!is_object(item, service)) return refuse(pointer, "not an object");
      if (auto ok = read_service(service, pointer); !ok) return ok;
    }
    if (has_failures)
      for (const element item : failures) {
        object failure;
        if (is_object(item, failure))
          out_.skip("ecs:" + spec_.name + "/service/" + config::shown(text_member(failure, "arn")),
                    "describe-services did not find it (" + config::shown(text_member(failure, "reason")) + ")");
      }
    return {};
  }

  Result<void> read_service(const object& service, const std::string& pointer) {
    const auto name = text_member(service, "serviceName"), arn = text_member(service, "serviceArn");
    const auto cluster_arn = text_member(service, "clusterArn");
    const auto cluster = cluster_arn.substr(cluster_arn.rfind('/') + 1);  // npos + 1 is 0
    if (!is_printable_name(name)) return refuse(pointer + "/serviceName", "missing, or not a name");
    if (!is_printable_name(cluster)) return refuse(pointer + "/clusterArn", "missing, or not an ARN");
    const std::string whole = std::string(cluster) + "/" + std::string(name);
    begin("AWS::ECS::Service", arn);
    resource_.address = "ecs:" + spec_.name + "/service/" + whole;
    if (!seen_.insert(resource_.address).second) return refuse(pointer, "stands twice");
    const auto status = text_member(service, "status");
    if (!status.empty() && status != "ACTIVE") {
      out_.skip(resource_.address, "it is not active (" + config::shown(status) + ")");
      return {};
    }
    add_id(whole);
    add_id(name);
    for (const auto& [key, value] : service) {
      if (key == "tags") write_pairs("tags", value, "key");
      if (is_in(computed_of_service, key)) continue;
      put(key, value);
    }
    finish({});
    if (text_member(service, "schedulingStrategy") == "DAEMON") resource_.ignored.emplace_back("desiredCount");
    out_.resource(resource_);
    return {};
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  Resource resource_;
  std::size_t odd_entries_ = 0;  ///< of resource_
  JsonWriter plain_;             ///< attributes of resource_ as they are about to be read
  std::unordered_set<std::string> seen_;
};

}  // namespace

Result<void> read_ecs(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const std::string what = "read " + spec.path;
  JsonText json;
  const auto top = json.parse(what, bytes, "a writer may be in the middle of it; it is read again when it changes");
  if (!top) return top.error();
  if (!is_json_without_duplicates(bytes, max_json_depth)) return invalid(what, "an object in it has a key twice");
  out.revision("content", keys.files.of_digest(sha256(bytes)));
  EcsReader reader(spec, keys, out);
  object output;
  if (is_object(*top, output)) return reader.read_output(output, "");
  array outputs;
  if (!is_list(*top, outputs)) return invalid(spec.path + "#", "neither an object nor a list of them");
  if (outputs.size() == 0) return invalid(spec.path + "#", "an empty list", "give the outputs of ECS");
  std::size_t i = 0;
  for (const element item : outputs) {
    const std::string pointer = "/" + std::to_string(i++);
    if (!is_object(item, output)) return invalid(spec.path + "#" + pointer, "not an object");
    if (auto ok = reader.read_output(output, pointer); !ok) return ok;
  }
  return {};
}

}  // namespace plumbline::baseline
