// {"name": "DB_PASSWORD", "value": "…"}: objects that say a name in one member and what it stands for in another, as
// lists of variables, parameters and headers are made of. names.hpp knows what such members are called.
#pragma once

#include <simdjson.h>

#include "baseline/value/names.hpp"

namespace plumbline::baseline {

/// Whether a member that gives a name gives that of a secret. Then the members under name_of_pair_value are secret.
inline bool names_a_secret(simdjson::dom::object members) {
  for (auto member = members.begin(); member != members.end(); ++member) {
    std::string_view text;
    if ((known_facts_of(member.key()) & name_of_pair_name) != 0 &&
        member.value().get_string().get(text) == simdjson::SUCCESS && sounds_sensitive(text))
      return true;
  }
  return false;
}

}  // namespace plumbline::baseline
