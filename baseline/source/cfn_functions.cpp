// The functions of CfnTemplate, as the "Intrinsic function reference" of CloudFormation's user guide has them.
#include <openssl/evp.h>
#include <string.h>

#include <algorithm>
#include <charconv>

#include "baseline/source/cfn_template.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Functions lead to others by way of resources and conditions, so the depth of the JSON does not bound them.
constexpr std::size_t max_depth = 300;

bool is_true(const object& of, std::string_view key) {
  return flag_member(of, key) || text_member(of, key) == "true";
}

std::string_view without_blanks(std::string_view text) {
  const auto start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(' ') - start + 1);
}

std::vector<std::string> parts_of(std::string_view text, std::string_view between) {
  std::vector<std::string> parts;
  while (true) {
    const auto at = text.find(between);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + between.size());
  }
}

}  // namespace

/// One step of recursion.
class CfnTemplate::Deeper {
 public:
  explicit Deeper(CfnTemplate& of) : of_(of) { ++of_.depth_; }
  ~Deeper() { --of_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  bool is_too_deep() const { return of_.depth_ > max_depth; }

 private:
  CfnTemplate& of_;
};

bool CfnTemplate::is_function(const object& object, std::string_view& name, element& argument) {
  if (object.size() != 1) return false;
  const auto member = *object.begin();
  if (member.key != "Ref" && !member.key.starts_with("Fn::")) return false;
  name = member.key;
  argument = member.value;
  return true;
}

CfnTemplate::Value CfnTemplate::unknown(std::string_view why) {
  return {Value::Kind::unknown, std::string(why), {}};
}

CfnTemplate::Value CfnTemplate::text(std::string text) {
  if (!spend(text.size())) return unknown("too long");
  return {Value::Kind::text, std::move(text), {}};
}

bool CfnTemplate::spend(std::size_t work) {
  exhausted_ = exhausted_ || work + 1 > work_left_;
  if (!exhausted_) work_left_ -= work + 1;
  return !exhausted_;
}

CfnTemplate::Value CfnTemplate::evaluate(element value) {
  const Deeper deeper(*this);
  if (deeper.is_too_deep()) return unknown("too deep");
  if (!spend(1)) return unknown("too long");
  std::string_view string;
  if (value.get_string().get(string) == simdjson::SUCCESS) return text(std::string(string));
  array list;
  if (is_list(value, list)) return evaluate_list(list);
  object members;
  if (!is_object(value, members)) {
    if (value.is_null()) return {Value::Kind::absent, "", {}};
    return text(simdjson::minify(value));
  }
  std::string_view function;
  element argument;
  if (!is_function(members, function, argument)) return unknown("an object where a text should be");
  return call(function, argument);
}

CfnTemplate::Value CfnTemplate::evaluate_list(array list) {
  Value result{Value::Kind::list, "", {}};
  for (const element item : list) {
    Value value = evaluate(item);
    if (value.kind == Value::Kind::unknown) return value;
    if (value.kind == Value::Kind::list) return unknown("a list within a list");
    if (value.kind == Value::Kind::text) result.items.push_back(std::move(value.text));
  }
  return result;
}

CfnTemplate::Value CfnTemplate::call(std::string_view function, element argument) {
  if (function == "Ref") {
    std::string_view name;
    return argument.get_string().get(name) == simdjson::SUCCESS ? ref(name) : unknown("a Ref to nothing");
  }
  if (function == "Fn::GetAtt") return get_att(argument);
  if (function == "Fn::Sub") return sub(argument);
  if (function == "Fn::Base64") return base64(argument);
  if (function == "Fn::If") {
    element branch;
    return choose(argument, branch) ? evaluate(branch) : unknown("its condition is not known");
  }
  array arguments;
  if (is_list(argument, arguments)) {
    if (function == "Fn::Join") return join(arguments);
    if (function == "Fn::Select") return select(arguments);
    if (function == "Fn::Split") return split(arguments);
    if (function == "Fn::FindInMap") return find_in_map(arguments);
  }
  // The names of functions are a small set; anything else is no template.
  return unknown(function.size() <= 32 &&
                         std::all_of(function.begin(), function.end(), [](char c) { return c >= '0' && c <= 'z'; })
                     ? "only CloudFormation knows " + std::string(function)
                     : "a function that is none");
}

CfnTemplate::Value CfnTemplate::ref(std::string_view name) {
  if (name == "AWS::NoValue") return {Value::Kind::absent, "", {}};
  if (name.starts_with("AWS::")) {
    const std::string suffix = place_.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
    const std::string& value = name == "AWS::Region"      ? place_.region
                               : name == "AWS::AccountId" ? place_.account
                               : name == "AWS::StackName" ? place_.stack_name
                               : name == "AWS::StackId"   ? place_.stack_id
                               : name == "AWS::URLSuffix" ? suffix
                               : name == "AWS::Partition" ? place_.partition
                                                          : "";
    // Without the stack's own id, these are a guess.
    if (value.empty() || place_.stack_id.empty()) return unknown("the stack is not known");
    return text(value);
  }
  if (const auto parameter = parameters_.find(name); parameter != parameters_.end())
    return ref_parameter(name, parameter->second);
  const auto thing = things_.find(name);
  if (thing == things_.end()) return unknown("a Ref to nothing in the template");
  if (thing->second.physical_id.empty() || !cfn_why_nothing(thing->second.type).empty())
    return unknown("the id of another resource is not known");
  return text(std::string(thing->second.physical_id));
}

CfnTemplate::Value CfnTemplate::ref_parameter(std::string_view name, const Parameter& parameter) {
  std::string_view type;
  if (parameter.is_declared) {
    if (is_true(parameter.declared, "NoEcho")) return unknown("a NoEcho parameter");
    type = text_member(parameter.declared, "Type");
  }
  used_secret_ = used_secret_ || sounds_sensitive(name);
  std::string value;
  if (type.starts_with("AWS::SSM::Parameter::Value<")) {
    if (!parameter.has_resolved) return unknown("a parameter that Systems Manager resolves");
    value = parameter.resolved;
  } else if (parameter.has_value) {
    value = parameter.value;
  } else {
    element standard;
    if (!parameter.is_declared || parameter.declared["Default"].get(standard) != simdjson::SUCCESS)
      return unknown("a parameter without a value");
    std::string_view string;
    value = standard.get_string().get(string) == simdjson::SUCCESS ? std::string(string)
                                                                   : std::string(simdjson::minify(standard));
  }
  const bool is_list = type == "CommaDelimitedList" || type.find("List<") != std::string_view::npos;
  if (!is_list) return text(std::move(value));
  if (!spend(2 * value.size())) return unknown("too long");
  Value list{Value::Kind::list, "", {}};
  for (const auto& part : parts_of(value, ",")) list.items.emplace_back(without_blanks(part));
  return list;
}

CfnTemplate::Value CfnTemplate::get_att(element argument) {
  std::string_view name;
  if (argument.get_string().get(name) == simdjson::SUCCESS) {
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) return unknown("a Fn::GetAtt of nothing");
    return get_att(name.substr(0, dot), name.substr(dot + 1));
  }
  array parts;
  if (!is_list(argument, parts) || parts.size() != 2 || parts.at(0).get_string().get(name) != simdjson::SUCCESS)
    return unknown("a Fn::GetAtt of nothing");
  Value attribute = evaluate(parts.at(1).value_unsafe());
  return attribute.kind == Value::Kind::text ? get_att(name, attribute.text) : attribute;
}

CfnTemplate::Value CfnTemplate::get_att(std::string_view logical_id, std::string_view attribute) {
  const auto thing = things_.find(logical_id);
  if (thing == things_.end()) return unknown("a Fn::GetAtt of nothing in the template");
  std::string value =
      attribute == "Arn" ? arn_of(logical_id) : cfn_attribute(thing->second.type, attribute, thing->second.physical_id);
  return value.empty() ? unknown("an attribute of another resource is not known") : text(std::move(value));
}

std::string CfnTemplate::arn_of(std::string_view logical_id) {
  const auto found = things_.find(logical_id);
  if (found == things_.end() || found->second.is_open) return "";
  Thing& thing = found->second;
  if (thing.has_arn) return thing.arn;
  const Deeper deeper(*this);
  if (deeper.is_too_deep()) return "";
  std::string path = "/";
  element declared;
  if (cfn_has_path(thing.type) && thing.has_properties && thing.properties["Path"].get(declared) == simdjson::SUCCESS) {
    thing.is_open = true;
    path = text_of(declared);
    thing.is_open = false;
  }
  // Without a template, nobody says which path a thing of IAM has.
  if (cfn_has_path(thing.type) && !thing.has_properties) path.clear();
  thing.arn = cfn_arn(thing.type, thing.physical_id, path, place_);
  thing.has_arn = true;
  return thing.arn;
}

CfnTemplate::Value CfnTemplate::sub(element argument) {
  std::unordered_map<std::string_view, element> own;
  std::string_view string;
  if (argument.get_string().get(string) == simdjson::SUCCESS) return sub_text(string, own);
  array parts;
  object names;
  if (!is_list(argument, parts) || parts.size() != 2 || parts.at(0).get_string().get(string) != simdjson::SUCCESS ||
      !is_object(parts.at(1), names))
    return unknown("a Fn::Sub of nothing");
  for (const auto& [name, value] : names)
    if (spend(name.size())) own[name] = value;
  return sub_text(string, own);
}

CfnTemplate::Value CfnTemplate::sub_text(std::string_view string,
                                         const std::unordered_map<std::string_view, element>& own) {
  std::string result;
  while (!string.empty()) {
    const auto start = string.find("${");
    result += string.substr(0, start);
    if (start == std::string_view::npos) break;
    string.remove_prefix(start + 2);
    const auto end = string.find('}');
    if (end == std::string_view::npos) return unknown("a Fn::Sub without an end");
    const auto name = string.substr(0, end);
    string.remove_prefix(end + 1);
    if (name.starts_with('!')) {
      result += "${" + std::string(name.substr(1)) + "}";
      continue;
    }
    const auto given = own.find(name);
    const auto dot = name.find('.');
    Value value = given != own.end()              ? evaluate(given->second)
                  : dot == std::string_view::npos ? ref(name)
                                                  : get_att(name.substr(0, dot), name.substr(dot + 1));
    if (value.kind == Value::Kind::unknown) return value;
    if (value.kind != Value::Kind::text) return unknown("a Fn::Sub of what is no text");
    result += value.text;
    if (!spend(value.text.size())) return unknown("too long");
  }
  return text(std::move(result));
}

CfnTemplate::Value CfnTemplate::join(array arguments) {
  std::string_view between;
  if (arguments.size() != 2 || arguments.at(0).get_string().get(between) != simdjson::SUCCESS)
    return unknown("a Fn::Join of nothing");
  Value list = evaluate(arguments.at(1).value_unsafe());
  if (list.kind == Value::Kind::unknown) return list;
  if (list.kind != Value::Kind::list) return unknown("a Fn::Join of what is no list");
  if (!spend(list.items.size() * between.size())) return unknown("too long");
  std::string result;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i != 0) result += between;
    result += list.items[i];
  }
  return text(std::move(result));
}

CfnTemplate::Value CfnTemplate::select(array arguments) {
  if (arguments.size() != 2) return unknown("a Fn::Select of nothing");
  Value which = evaluate(arguments.at(0).value_unsafe());
  if (which.kind == Value::Kind::unknown) return which;
  Value list = evaluate(arguments.at(1).value_unsafe());
  if (list.kind == Value::Kind::unknown) return list;
  std::size_t index = 0;
  const char* end = which.text.data() + which.text.size();
  const auto [stop, error] = std::from_chars(which.text.data(), end, index);
  if (list.kind != Value::Kind::list || error != std::errc() || stop != end || index >= list.items.size())
    return unknown("a Fn::Select of nothing");
  return text(std::move(list.items[index]));
}

CfnTemplate::Value CfnTemplate::split(array arguments) {
  std::string_view between;
  if (arguments.size() != 2 || arguments.at(0).get_string().get(between) != simdjson::SUCCESS || between.empty())
    return unknown("a Fn::Split of nothing");
  Value whole = evaluate(arguments.at(1).value_unsafe());
  if (whole.kind == Value::Kind::unknown) return whole;
  if (whole.kind != Value::Kind::text) return unknown("a Fn::Split of what is no text");
  // Many small parts cost more than their text.
  if (!spend(32 * whole.text.size())) return unknown("too long");
  return {Value::Kind::list, "", parts_of(whole.text, between)};
}

CfnTemplate::Value CfnTemplate::find_in_map(array arguments) {
  if (arguments.size() < 3) return unknown("a Fn::FindInMap of nothing");
  std::string key;
  for (std::size_t i = 0; i < 3; ++i) {
    Value part = evaluate(arguments.at(i).value_unsafe());
    if (part.kind == Value::Kind::unknown) return part;
    if (i != 0) key += '\0';
    key += part.text;
  }
  if (const auto found = mappings_.find(key); found != mappings_.end()) return evaluate(found->second);
  element standard;
  if (arguments.size() > 3 && arguments.at(3)["DefaultValue"].get(standard) == simdjson::SUCCESS)
    return evaluate(standard);
  return unknown("a Fn::FindInMap of what is not in the mapping");
}

CfnTemplate::Value CfnTemplate::base64(element argument) {
  Value value = evaluate(argument);
  if (value.kind == Value::Kind::unknown) return value;
  if (value.kind != Value::Kind::text || value.text.size() > (std::size_t{1} << 24))
    return unknown("a Fn::Base64 of what is no text");
  std::string encoded(4 * ((value.text.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(value.text.data()), static_cast<int>(value.text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return text(std::move(encoded));
}

bool CfnTemplate::choose(element arguments, element& branch) {
  array parts;
  std::string_view name;
  if (!is_list(arguments, parts) || parts.size() != 3 || parts.at(0).get_string().get(name) != simdjson::SUCCESS)
    return false;
  const CfnTruth truth = condition(name);
  if (truth == CfnTruth::unknown) return false;
  return parts.at(truth == CfnTruth::yes ? 1 : 2).get(branch) == simdjson::SUCCESS;
}

CfnTruth CfnTemplate::truth_of(element expression) {
  const Deeper deeper(*this);
  object members;
  if (deeper.is_too_deep() || !spend(1) || !is_object(expression, members) || members.size() != 1)
    return CfnTruth::unknown;
  const auto member = *members.begin();
  std::string_view name;
  if (member.key == "Condition" && member.value.get_string().get(name) == simdjson::SUCCESS) return condition(name);
  if (member.key == "Fn::And") return truth_of_all(member.value, CfnTruth::no);
  if (member.key == "Fn::Or") return truth_of_all(member.value, CfnTruth::yes);
  array arguments;
  if (!is_list(member.value, arguments)) return CfnTruth::unknown;
  if (member.key == "Fn::Not" && arguments.size() == 1) {
    const CfnTruth truth = truth_of(arguments.at(0).value_unsafe());
    if (truth == CfnTruth::unknown) return truth;
    return truth == CfnTruth::yes ? CfnTruth::no : CfnTruth::yes;
  }
  if (member.key != "Fn::Equals" || arguments.size() != 2) return CfnTruth::unknown;
  const Value left = evaluate(arguments.at(0).value_unsafe());
  const Value right = evaluate(arguments.at(1).value_unsafe());
  if (left.kind == Value::Kind::unknown || right.kind == Value::Kind::unknown) return CfnTruth::unknown;
  return left.kind == right.kind && left.text == right.text && left.items == right.items ? CfnTruth::yes : CfnTruth::no;
}

}  // namespace plumbline::baseline
