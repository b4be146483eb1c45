// A CloudFormation template with what is known of its stack: turns properties with functions in them into plain values,
// as far as that can be known without asking CloudFormation.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baseline/source/cfn_ids.hpp"
#include "baseline/source/json_writer.hpp"
#include "baseline/source/left_out.hpp"

namespace plumbline::baseline {

enum class CfnTruth : std::uint8_t { no, yes, unknown };

/// The properties of one resource, resolved.
struct CfnProperties {
  JsonWriter json;
  std::vector<std::string>
      sensitive;               ///< paths of what a secret-sounding parameter went into, or that has one in a list
  bool all_sensitive = false;  ///< there are too many of them to list
  LeftOut left_out;            ///< with the reasons
};

/// Resolved: Ref (parameters, pseudo parameters, resources with a known id), Fn::GetAtt (ARNs and names that
/// cfn_ids.hpp knows), Fn::Sub, Fn::Join, Fn::If with the conditions, Fn::FindInMap, Fn::Select, Fn::Split, Fn::Base64.
/// Not resolved: values of NoEcho parameters, which are never looked at, dynamic references ({{resolve:…}}), parameters
/// that name an entry of Systems Manager without its resolved value, and all other functions. A list in which one
/// element cannot be resolved is left out as a whole. One thread; the JSON trees outlive it.
class CfnTemplate {
 public:
  /// `given` as describe-stacks shows parameters: [{ParameterKey, ParameterValue, ResolvedValue}], or {name: value};
  /// may be absent. `max_work`: how many bytes and steps functions may cost altogether.
  CfnTemplate(const CfnPlace& place, std::size_t max_work) : place_(place), work_left_(max_work) {}
  void load(simdjson::dom::object body);
  void give_parameters(simdjson::dom::element given);

  /// Before anything is resolved. `physical_id` may be empty.
  void add_resource(std::string_view logical_id, std::string_view type, std::string_view physical_id);

  /// Resolves with functions, or takes a value as it is (`literal`: the expected properties of a drift report).
  void resolve(simdjson::dom::object properties, bool literal, CfnProperties& out);
  /// Text that a single property has; "" where it is absent, not known or no text.
  std::string text_of(simdjson::dom::element property);

  CfnTruth condition(std::string_view name);
  /// The ARN of a resource that was added; "" where it is not known.
  std::string arn_of(std::string_view logical_id);

  /// Whether functions would have cost more than `max_work`; what was resolved since is of no use.
  bool is_exhausted() const { return exhausted_; }

 private:
  struct Value {
    enum class Kind : std::uint8_t { text, list, absent, unknown };
    Kind kind = Kind::unknown;
    std::string text;                ///< of unknown: why
    std::vector<std::string> items;  ///< of a list
  };
  struct Parameter {
    simdjson::dom::object declared;
    std::string_view value, resolved;
    bool has_value = false, has_resolved = false, is_declared = false;
  };
  struct Condition {
    simdjson::dom::element expression;
    CfnTruth truth = CfnTruth::unknown;
    bool is_known = false, is_open = false;
  };
  struct Thing {
    std::string_view type, physical_id;
    simdjson::dom::object properties;
    bool has_properties = false, has_arn = false, is_open = false;
    std::string arn;
  };
  enum class Written : std::uint8_t { yes, absent, no };
  class Deeper;

  // cfn_template.cpp
  Written put(simdjson::dom::element value, bool in_list);
  Written put_list(simdjson::dom::array list);
  Written put_object(simdjson::dom::object members, bool in_list);
  Written put_text(std::string_view text);
  Written put_value(const Value& value);
  void add_sensitive();
  Written no(std::string_view why);
  CfnTruth truth_of(simdjson::dom::element expression);
  CfnTruth truth_of_all(simdjson::dom::element list, CfnTruth decides);

  // cfn_functions.cpp
  static bool is_function(const simdjson::dom::object& object, std::string_view& name,
                          simdjson::dom::element& argument);
  static Value unknown(std::string_view why);
  Value text(std::string text);
  bool spend(std::size_t work);
  Value evaluate(simdjson::dom::element value);
  Value evaluate_list(simdjson::dom::array list);
  Value call(std::string_view function, simdjson::dom::element argument);
  Value ref(std::string_view name);
  Value ref_parameter(std::string_view name, const Parameter& parameter);
  Value get_att(simdjson::dom::element argument);
  Value get_att(std::string_view logical_id, std::string_view attribute);
  Value sub(simdjson::dom::element argument);
  Value sub_text(std::string_view text, const std::unordered_map<std::string_view, simdjson::dom::element>& own);
  Value join(simdjson::dom::array arguments);
  Value select(simdjson::dom::array arguments);
  Value split(simdjson::dom::array arguments);
  Value find_in_map(simdjson::dom::array arguments);
  Value base64(simdjson::dom::element argument);
  /// The branch of Fn::If that counts; false where that is not known.
  bool choose(simdjson::dom::element arguments, simdjson::dom::element& branch);

  CfnPlace place_;
  std::size_t work_left_;
  bool exhausted_ = false;
  std::size_t depth_ = 0;
  std::unordered_map<std::string_view, Parameter> parameters_;
  std::unordered_map<std::string_view, Condition> conditions_;
  std::unordered_map<std::string_view, Thing> things_;
  std::unordered_map<std::string, simdjson::dom::element> mappings_;  ///< "Map\0Top\0Second"

  CfnProperties* out_ = nullptr;  ///< while resolve() runs
  std::string path_;
  std::string why_;  ///< of the last Written::no
  bool literal_ = false;
  bool used_secret_ = false;  ///< the last evaluate() read a parameter with a secret's name
};

}  // namespace plumbline::baseline
