#include "baseline/source/cloudformation.hpp"

#include <string.h>

#include <algorithm>
#include <unordered_map>

#include "baseline/source/cfn_ids.hpp"
#include "baseline/source/cfn_stack.hpp"
#include "baseline/source/cfn_template.hpp"
#include "baseline/source/cfn_yaml.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t longest_id = 2048;
constexpr std::size_t max_json_depth = 256;
constexpr std::string_view not_written_whole = "a writer may be in the middle of it; it is read again when it changes";

bool starts_json(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && text[start] == '{';
}

/// Parses JSON in which no key stands twice.
Result<object> parse_object(JsonText& json, const std::string& what, std::string_view bytes) {
  const auto top = json.parse(what, bytes, std::string(not_written_whole));
  if (!top) return top.error();
  object result;
  if (!is_object(*top, result)) return invalid(what, "not an object");
  if (!is_json_without_duplicates(bytes, max_json_depth)) return invalid(what, "an object in it has a key twice");
  return result;
}

class StackReader {
 public:
  StackReader(const SourceSpec& spec, const Keys& keys, Builder& out, std::size_t size)
      : spec_(spec), keys_(keys), out_(out), max_work_(10 * size + (std::size_t{1} << 20)) {}

  Result<void> read_container(const object& top, std::string_view bytes) {
    if (auto ok = read_cfn_stack(spec_, top, stack_, out_); !ok) return ok;
    if (has_member(top, "TemplateBody"))
      if (auto ok = read_template_body(top); !ok) return ok;
    tell_revision(bytes);
    if (stack_.place.stack_id.empty())
      out_.skip(whole(), "no stack id in it, hence no account and no region: add the output of describe-stacks");
    CfnTemplate resolver(stack_.place, max_work_);
    if (has_template_) resolver.load(template_);
    give_parameters(top, resolver);
    for (const auto& item : stack_.listed) resolver.add_resource(item.logical_id, item.type, item.physical_id);
    bool no_template = false;
    for (const auto& item : stack_.listed) {
      no_template = no_template || (!has_template_ && !item.has_drift);
      emit_listed(item, resolver);
    }
    if (no_template)
      out_.skip(whole(), "no template in it: attributes are not compared; add the output of get-template");
    tell_unlisted();
    return check_work(resolver);
  }

  Result<void> read_bare(const object& body, std::string_view bytes) {
    if (auto ok = take_template(body, ""); !ok) return ok;
    tell_revision(bytes);
    out_.skip(whole(),
              "a template alone: its resources are found in API calls only where it declares their names, and "
              "its parameters have their defaults; add the output of list-stack-resources");
    CfnTemplate resolver(stack_.place, max_work_);
    resolver.load(template_);
    for (const auto& [name, value] : resources_) {
      object resource;
      if (!is_logical_id(name) || !is_object(value, resource) || !is_printable_name(text_member(resource, "Type"))) {
        out_.skip(whole(), "an entry of Resources is no resource");
        continue;
      }
      if (const auto needed = text_member(resource, "Condition"); !needed.empty()) {
        const CfnTruth truth = resolver.condition(needed);
        if (truth != CfnTruth::yes) {
          out_.skip(address_of(name), truth == CfnTruth::no ? "its condition is false" : "its condition is not known");
          continue;
        }
      }
      CfnListed item;
      item.logical_id = name;
      item.type = text_member(resource, "Type");
      std::string declared_name;
      element property;
      object properties;
      if (const auto by = cfn_name_property(item.type); !by.empty() && is_object(resource["Properties"], properties) &&
                                                        properties[by].get(property) == simdjson::SUCCESS)
        declared_name = resolver.text_of(property);
      item.physical_id = declared_name;
      emit_listed(item, resolver);
    }
    return check_work(resolver);
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "give a template, or what the AWS command line prints of a stack") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }
  std::string whole() const { return "cfn:" + spec_.name; }
  std::string address_of(std::string_view logical_id) const { return whole() + "/" + std::string(logical_id); }

  Result<void> check_work(const CfnTemplate& resolver) const {
    if (!resolver.is_exhausted()) return {};
    return invalid(spec_.path + "#/TemplateBody", "its functions blow the text up beyond ten times its size",
                   "is this a real template?");
  }

  Result<void> read_template_body(const object& top) {
    object body;
    std::string_view text;
    if (is_object(top["TemplateBody"], body)) return take_template(body, "/TemplateBody");
    if (top["TemplateBody"].get_string().get(text) != simdjson::SUCCESS)
      return refuse("/TemplateBody", "neither an object nor text");
    const auto parsed = parse_template(text, spec_.path + "#/TemplateBody");
    return parsed ? take_template(*parsed, "/TemplateBody") : parsed.error();
  }

 public:
  /// JSON or YAML.
  Result<object> parse_template(std::string_view text, const std::string& what) {
    if (starts_json(text)) return parse_object(template_json_, what, text);
    auto json = cfn_yaml_to_json(what, text);
    if (!json) return json.error();
    auto parsed = parse_object(template_json_, what, *json);
    explicit_bzero(json->data(), json->size());
    return parsed;
  }

 private:
  Result<void> take_template(const object& body, const std::string& pointer) {
    if (!is_object(body["Resources"], resources_))
      return refuse(pointer + "/Resources", "missing: this is no template");
    template_ = body;
    has_template_ = true;
    if (has_member(body, "Transform"))
      out_.skip(whole(),
                "the template is not processed (Transform): what its macros make is not known; save the output of "
                "get-template --template-stage Processed");
    for (const auto& [name, value] : resources_) {
      object resource;
      if (is_object(value, resource)) declared_.emplace(name, resource);
    }
    return {};
  }

  void give_parameters(const object& top, CfnTemplate& resolver) {
    element given;
    if (stack_.has_entry && stack_.entry["Parameters"].get(given) == simdjson::SUCCESS) resolver.give_parameters(given);
    if (top["Parameters"].get(given) == simdjson::SUCCESS) resolver.give_parameters(given);
  }

  void tell_revision(std::string_view bytes) {
    if (!stack_.place.stack_id.empty()) out_.revision("stack_id", stack_.place.stack_id);
    std::string_view time;
    if (stack_.has_entry) {
      time = text_member(stack_.entry, "LastUpdatedTime");
      if (time.empty()) time = text_member(stack_.entry, "CreationTime");
    }
    if (!time.empty())
      out_.revision("last_updated_time", config::shown(time));
    else
      out_.revision("content", keys_.files.of_digest(sha256(bytes)));
  }

  static std::string_view why_not_there(const CfnListed& item) {
    if (item.status.starts_with("DELETE_")) return "it was deleted, or is being deleted";
    if (item.status == "CREATE_FAILED") return "it was never made";
    return cfn_why_nothing(item.type);
  }

  void emit_listed(const CfnListed& item, CfnTemplate& resolver) {
    resource_.address = address_of(item.logical_id);
    if (const auto why = why_not_there(item); !why.empty()) return out_.skip(resource_.address, std::string(why));
    resource_.provider = "aws";
    resource_.type = item.type;
    resource_.region = stack_.place.region;
    resource_.account = stack_.place.account;
    identify(item, resolver);
    resource_.attributes.clear();
    LeftOut* left_out = nullptr;
    if (item.has_drift && read_drift(item, resolver))
      left_out = &properties_.left_out;
    else if (const auto declared = declared_.find(item.logical_id); declared != declared_.end())
      left_out = read_declared(declared->second, item.type, resolver) ? &properties_.left_out : nullptr;
    read_metadata(item.logical_id);
    out_.resource(resource_);
    if (left_out != nullptr && !left_out->empty()) out_.skip(resource_.address, left_out->text());
    if (item.has_drift) tell_drift(item.drift);
    if (item.type == "AWS::CloudFormation::Stack")
      out_.skip(resource_.address, "a nested stack: what is in it is another source");
  }

  void add_id(std::string_view id) {
    if (is_printable_name(id) && id.size() <= longest_id && !looks_sensitive(id) &&
        std::find(resource_.ids.begin(), resource_.ids.end(), id) == resource_.ids.end())
      resource_.ids.emplace_back(id);
  }

  void identify(const CfnListed& item, CfnTemplate& resolver) {
    resource_.ids.clear();
    // Ids of custom resources are whatever their author's function made up.
    if (item.type.starts_with("Custom::") || item.type == "AWS::CloudFormation::CustomResource") return;
    add_id(item.physical_id);
    const auto arn = stack_.place.stack_id.empty() ? std::string() : resolver.arn_of(item.logical_id);
    add_id(arn);
    add_id(cfn_name(item.type, item.physical_id));
    // The service itself writes it in both ways.
    if (item.type == "AWS::Logs::LogGroup" && !arn.empty()) add_id(arn + ":*");
  }

  /// Whether the drift report says what is expected.
  bool read_drift(const CfnListed& item, CfnTemplate& resolver) {
    const auto expected = text_member(item.drift, "ExpectedProperties");
    if (expected.empty()) return false;
    JsonText json;
    const auto properties = parse_object(json, "read the expected properties of " + resource_.address, expected);
    if (!properties) {
      out_.skip(resource_.address, "its ExpectedProperties are no JSON object");
      return false;
    }
    resolver.resolve(*properties, true, properties_);
    append(item.type);
    return true;
  }

  bool read_declared(const object& declared, std::string_view type, CfnTemplate& resolver) {
    object properties;
    if (!is_object(declared["Properties"], properties)) return false;
    resolver.resolve(properties, false, properties_);
    append(type);
    return true;
  }

  void append(std::string_view type) {
    JsonText json;
    const auto plain = json.parse("read " + resource_.address, properties_.json.view());
    object members;
    // Written by JsonWriter from what was parsed already, so this cannot fail but for memory.
    if (!plain || !is_object(*plain, members)) return out_.skip(resource_.address, "its properties cannot be read");
    AttributeRules rules;
    append_cfn_always_sensitive(type, rules.sensitive);
    rules.all_sensitive = properties_.all_sensitive;
    rules.sensitive.insert(rules.sensitive.end(), properties_.sensitive.begin(), properties_.sensitive.end());
    append_attributes(members, rules, keys_.attributes, resource_.attributes);
  }

  void read_metadata(std::string_view logical_id) {
    object metadata;
    const auto declared = declared_.find(logical_id);
    if (declared == declared_.end() || !is_object(declared->second["Metadata"], metadata)) return;
    const auto path = text_member(metadata, "aws:cdk:path");
    if (!is_printable_name(path) || path.size() > max_shown) return;
    const auto [text, secret] = canonical_text(path);
    resource_.attributes.push_back({"Metadata.aws:cdk:path", keys_.attributes.of(text), secret ? "" : text, secret});
  }

  void tell_drift(const object& drift) {
    const auto status = text_member(drift, "StackResourceDriftStatus");
    if (status.empty() || status == "IN_SYNC" || status == "NOT_CHECKED") return;
    if (status == "UNKNOWN" || status == "UNSUPPORTED")
      return out_.skip(resource_.address, "CloudFormation itself could not compare it");
    LeftOut paths;
    array differences;
    if (is_list(drift["PropertyDifferences"], differences))
      for (const element item : differences) {
        object difference;
        if (is_object(item, difference)) paths.add(text_member(difference, "PropertyPath"), "changed");
      }
    out_.skip(resource_.address,
              (status == "DELETED" ? "it was gone" : "it differed") + std::string(" when CloudFormation last looked") +
                  (paths.empty() ? "" : "; " + paths.text()) + ". This is a finding of that run, not what is wanted");
  }

  void tell_unlisted() {
    if (!has_template_) return;
    for (const auto& [name, value] : resources_)
      if (!stack_.index.contains(name) && is_logical_id(name))
        out_.skip(address_of(name), "in the template, but not in the stack: its condition, or not made yet");
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  std::size_t max_work_;
  CfnStack stack_;
  object template_, resources_;
  bool has_template_ = false;
  JsonText template_json_;                                 ///< of a TemplateBody that is text
  std::unordered_map<std::string_view, object> declared_;  ///< resources of the template
  CfnProperties properties_;
  Resource resource_;
};

}  // namespace

Result<void> read_cloudformation(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  StackReader reader(spec, keys, out, bytes.size());
  JsonText json;
  if (!starts_json(bytes)) {
    const auto body = reader.parse_template(bytes, spec.path);
    return body ? reader.read_bare(*body, bytes) : body.error();
  }
  const auto top = parse_object(json, "read the stack " + spec.path, bytes);
  if (!top) return top.error();
  if (is_cfn_stack(*top)) return reader.read_container(*top, bytes);
  if (has_member(*top, "TemplateBody") || has_member(*top, "Stacks"))
    return invalid(spec.path + "#/StackResourceSummaries", "missing: what the stack holds is not said",
                   "add the output of list-stack-resources, or give the template alone");
  return reader.read_bare(*top, bytes);
}

}  // namespace plumbline::baseline
