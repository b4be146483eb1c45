// Instances of one type, which mostly differ in a few values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/source/terraform_common.hpp"
#include "baseline/source/terraform_identity.hpp"
#include "baseline/value/json_outline.hpp"
#include "baseline/value/wiped_parser.hpp"

namespace plumbline::baseline {

/// Reads an instance of a state by what differs from the last one that its emitter was told: the rest is neither parsed
/// nor walked, and hands over the same resource as if it had been. Takes only what is well-formed and sure; anything
/// else (another attribute, another mark, a wrapped value) is for whoever parses the instance whole. One thread; the
/// references outlive it.
class TerraformRepeat {
 public:
  TerraformRepeat(TerraformEmitter& emitter, WipedParser& parser) : emitter_(emitter), parser_(parser) {}

  /// Remembers the instance that was just emitted, as far as it can be followed. `text`: the whole of it, an object.
  /// `index`: what its address has behind the resource's ("[0]").
  void learn(std::string_view text, std::string_view index);
  void forget() { outline_.clear(); }
  bool knows_one() const { return !outline_.empty(); }

  /// Hands over the instance at the beginning of `ahead`, under `base` and its index. Returns how many bytes it has; 0
  /// where it is not alike: then nothing was handed over, and nothing is known any more.
  std::size_t follow(std::string_view ahead, std::string_view base);

 private:
  enum class Meaning : std::uint8_t { attribute, index, nothing, must_not_change };
  struct Role {
    Meaning meaning;
    bool names;        ///< the instance: NamingMembers
    std::size_t step;  ///< of the walk, where it is an attribute
  };
  struct Name {
    std::string name;
    std::size_t value;  ///< of the outline
  };

  bool add_instance(std::string_view text);
  bool add_attributes(std::string_view text, std::size_t at, std::size_t depth, std::size_t& step);
  bool add_left_out(std::string_view text, const JsonMembers& member, std::size_t step);
  bool add_value(const JsonMembers& member, Role role);
  bool change(const Role& role, std::string_view value, bool is_plain);
  void look_for_names();

  TerraformEmitter& emitter_;
  WipedParser& parser_;
  JsonOutline outline_;
  std::vector<Role> roles_;  ///< of the outline's values
  std::vector<Name> names_;
  std::string index_, address_;
  NamingMembers members_;
};

}  // namespace plumbline::baseline
