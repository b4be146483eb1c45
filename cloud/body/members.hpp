// From how members are called on the wire to how the model calls them.
#pragma once

#include "cloud/body/value.hpp"
#include "cloud/route.hpp"

namespace plumbline::cloud {

/// Renames what is below `tree` (a map of an operation's members) and makes lists and maps of what the wire spells as
/// such: "X.member.1", "X.1", "X.entry.1.key", <X><item/></X>, <X/><X/>. Names that the tables do not know stay. Each
/// name is there once then; false where values were given up for that.
bool name_members(Value& tree, const Route& route);

/// The member that a query key, a path label or a header stands for; "" for a header that is no member.
std::string_view member_of_key(const Route& route, std::string_view key);
std::string_view member_of_header(const Route& route, std::string_view lower_case_name);

/// Replaces what nobody may see by Value::Kind::secret, wiping it: members that the model calls sensitive or binary,
/// those that sound or look like a secret, and values beside a name or key that does. `prints`: see hide_value().
void hide_secrets(Value& tree, const Route& route, const SecretPrints* prints = nullptr);

}  // namespace plumbline::cloud
