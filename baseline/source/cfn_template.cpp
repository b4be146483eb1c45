#include "baseline/source/cfn_template.hpp"

#include <algorithm>

#include "baseline/source/json_members.hpp"
#include "baseline/value/attributes.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t longest_path = 4096;
constexpr std::size_t max_paths = 256;

/// "****", as CloudFormation shows what it does not show.
bool is_masked(std::string_view text) {
  return text.size() >= 4 && text.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

void CfnTemplate::load(object body) {
  object members;
  if (is_object(body["Parameters"], members))
    for (const auto& [name, value] : members) {
      Parameter& parameter = parameters_[name];
      parameter.is_declared = is_object(value, parameter.declared);
    }
  if (is_object(body["Conditions"], members))
    for (const auto& [name, value] : members) conditions_[name].expression = value;
  if (is_object(body["Mappings"], members))
    for (const auto& [map, tops] : members) {
      object top_members;
      if (!is_object(tops, top_members)) continue;
      for (const auto& [top, seconds] : top_members) {
        object second_members;
        if (!is_object(seconds, second_members)) continue;
        // The names of a mapping are short, and there are three of them whatever stands below.
        const std::string start = std::string(map) + '\0' + std::string(top) + '\0';
        if (!spend(start.size())) return;
        for (const auto& [second, value] : second_members) {
          if (!spend(start.size() + second.size())) return;
          mappings_[start + std::string(second)] = value;
        }
      }
    }
  if (is_object(body["Resources"], members))
    for (const auto& [name, value] : members) {
      Thing& thing = things_[name];
      object resource;
      if (!is_object(value, resource)) continue;
      thing.type = text_member(resource, "Type");
      thing.has_properties = is_object(resource["Properties"], thing.properties);
    }
}

void CfnTemplate::give_parameters(element given) {
  array list;
  object map;
  if (is_list(given, list)) {
    for (const element item : list) {
      object entry;
      if (!is_object(item, entry)) continue;
      Parameter& parameter = parameters_[text_member(entry, "ParameterKey")];
      parameter.has_value = entry["ParameterValue"].get_string().get(parameter.value) == simdjson::SUCCESS;
      parameter.has_resolved = entry["ResolvedValue"].get_string().get(parameter.resolved) == simdjson::SUCCESS;
    }
  } else if (is_object(given, map)) {
    for (const auto& [name, value] : map) {
      Parameter& parameter = parameters_[name];
      parameter.has_value = value.get_string().get(parameter.value) == simdjson::SUCCESS;
    }
  }
}

void CfnTemplate::add_resource(std::string_view logical_id, std::string_view type, std::string_view physical_id) {
  Thing& thing = things_[logical_id];
  thing.type = type;
  thing.physical_id = physical_id;
}

void CfnTemplate::resolve(object properties, bool literal, CfnProperties& out) {
  out.json.clear();
  out.sensitive.clear();
  out.all_sensitive = false;
  out.left_out.clear();
  out_ = &out;
  path_.clear();
  literal_ = literal;
  if (put_object(properties, false) != Written::yes) {
    out.json.clear();
    out.left_out.add("all", why_);
    out.json.raw("{}");
  }
  out_ = nullptr;
}

std::string CfnTemplate::text_of(element property) {
  Value value = evaluate(property);
  return value.kind == Value::Kind::text ? std::move(value.text) : "";
}

CfnTemplate::Written CfnTemplate::no(std::string_view why) {
  why_ = why;
  return Written::no;
}

void CfnTemplate::add_sensitive() {
  if (!out_->sensitive.empty() && out_->sensitive.back() == path_) return;
  if (path_.empty() || out_->sensitive.size() == max_paths)
    out_->all_sensitive = true;
  else
    out_->sensitive.push_back(path_);
}

CfnTemplate::Written CfnTemplate::put_text(std::string_view text) {
  if (is_masked(text)) return no("masked by CloudFormation");
  if (text.find("{{resolve:") != std::string_view::npos) return no("a dynamic reference");
  out_->json.text(text);
  return Written::yes;
}

CfnTemplate::Written CfnTemplate::put_value(const Value& value) {
  if (used_secret_) add_sensitive();
  switch (value.kind) {
    case Value::Kind::absent:
      return Written::absent;
    case Value::Kind::unknown:
      return no(value.text);
    case Value::Kind::text:
      return put_text(value.text);
    case Value::Kind::list:
      break;
  }
  const auto mark = out_->json.mark();
  out_->json.open('[');
  for (const auto& item : value.items)
    if (put_text(item) == Written::no) {
      out_->json.undo(mark);
      return Written::no;
    }
  out_->json.close();
  return Written::yes;
}

/// As deep as JsonText lets a tree be.
CfnTemplate::Written CfnTemplate::put(element value, bool in_list) {
  array list;
  if (is_list(value, list)) return put_list(list);
  object members;
  if (!is_object(value, members)) {
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) return put_text(text);
    out_->json.scalar(value);
    return Written::yes;
  }
  std::string_view function;
  element argument;
  if (literal_ || !is_function(members, function, argument)) return put_object(members, in_list);
  used_secret_ = false;
  if (function == "Fn::If") {
    element branch;
    return choose(argument, branch) ? put(branch, in_list) : no("its condition is not known");
  }
  return put_value(evaluate(value));
}

CfnTemplate::Written CfnTemplate::put_list(array list) {
  const auto mark = out_->json.mark();
  out_->json.open('[');
  for (const element item : list)
    if (put(item, true) == Written::no) {
      out_->json.undo(mark);
      return Written::no;
    }
  out_->json.close();
  return Written::yes;
}

CfnTemplate::Written CfnTemplate::put_object(object members, bool in_list) {
  const auto before = out_->json.mark();
  out_->json.open('{');
  for (const auto& [key, value] : members) {
    const auto mark = out_->json.mark();
    const std::size_t size = path_.size();
    if (!in_list) path_ += (size == 0 ? "" : ".") + path_part(key);  // a list is one value, whatever is in it
    out_->json.key(key);
    Written written = Written::no;
    if (path_.size() > longest_path)
      no("its name is too long");
    else if (key.empty() && !in_list)
      no("a name that is empty");
    else if (!literal_ && key.starts_with("Fn::"))
      no("a function beside other members");
    else
      written = put(value, in_list);
    if (written == Written::no && in_list) {
      out_->json.undo(before);
      return Written::no;
    }
    if (written != Written::yes) out_->json.undo(mark);
    if (written == Written::no) out_->left_out.add(path_, why_);
    path_.resize(size);
  }
  out_->json.close();
  return Written::yes;
}

CfnTruth CfnTemplate::condition(std::string_view name) {
  const auto found = conditions_.find(name);
  // A condition of itself has no truth.
  if (found == conditions_.end() || found->second.is_open) return CfnTruth::unknown;
  Condition& condition = found->second;
  if (condition.is_known) return condition.truth;
  condition.is_open = true;
  condition.truth = truth_of(condition.expression);
  condition.is_open = false;
  condition.is_known = true;
  return condition.truth;
}

/// Of Fn::And and Fn::Or: one that `decides` decides, else one that is not known leaves it open.
CfnTruth CfnTemplate::truth_of_all(element list, CfnTruth decides) {
  array items;
  if (!is_list(list, items)) return CfnTruth::unknown;
  CfnTruth result = decides == CfnTruth::yes ? CfnTruth::no : CfnTruth::yes;
  for (const element item : items) {
    const CfnTruth truth = truth_of(item);
    if (truth == decides) return decides;
    if (truth == CfnTruth::unknown) result = CfnTruth::unknown;
  }
  return result;
}

}  // namespace plumbline::baseline
