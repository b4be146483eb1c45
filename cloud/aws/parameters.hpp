#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/body/value.hpp"
#include "cloud/route.hpp"

namespace plumbline::cloud::aws {

/// All members of an operation's input: of the path, the query, the headers and the body. Secrets are hidden.
struct Parameters : Decoded {
  /// Whether they ask the operation only to say if it would work, and it is one whose success then says no more. What
  /// the operation's model does not have, or has elsewhere, services pass over.
  bool asks_dry_run = false;
};
Parameters parameters_of(const Request& request, const Route& route);

/// "123456789012"
bool is_account(std::string_view text);

/// The account in an id: of an ARN, of a queue's URL, of "123456789012:function:f". "" where there is none.
std::string_view account_in_id(std::string_view id);

/// The account that the operation works in, where its model has a member for that and the request names one; "" where
/// that contradicts itself. nullopt: nothing says so, and it is the caller's unless an id says otherwise.
std::optional<std::string> account_named(const Request& request, const Route& route, const Value& parameters);

/// Account by a header, the host, or an ARN among the parameters, where no key says the caller's; "" where none does.
std::string account_of_unsigned(const Request& request, const Value& parameters);

}  // namespace plumbline::cloud::aws
