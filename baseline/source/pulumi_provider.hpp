// What must be known of Pulumi's providers to read a state without their schemas: which outputs name the thing, where
// region and account stand, which inputs hold secrets.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"

namespace plumbline::baseline {

/// The provider of a type token "aws:s3/bucket:Bucket", with the name that other sources give the same cloud; "" where
/// the text is no such token.
std::string pulumi_provider_name(std::string_view type);

/// Whether things of this provider are values or actions, which no event names: random, tls, command, …
bool is_pulumi_provider_of_values(std::string_view provider);

/// Inputs that hold secrets whatever the program marks, beside what sounds_sensitive() knows by name alone, and inputs
/// that the provider fills in.
void append_pulumi_always_sensitive(std::string_view type, std::vector<std::string>& out);
void append_pulumi_computed(std::vector<std::string>& out);

/// Where things are unless they say so themselves: the inputs of a provider resource ("pulumi:providers:aws").
struct PulumiPlace {
  std::string region;
  std::string account;
};
PulumiPlace pulumi_place(std::string_view provider, simdjson::dom::object provider_inputs);

/// ids, region and account of `resource`, whose provider and type are set. `outputs`: none are taken whose names stand
/// in `secret_outputs`, nor envelopes.
void identify_pulumi(std::string_view id, simdjson::dom::object outputs, const std::vector<std::string>& secret_outputs,
                     const PulumiPlace& place, Resource& resource);

/// A property path of `ignoreChanges` (`tags["a.b"].c[0]`, `*`; sdk/go/common/resource/property_path.go) in the syntax
/// of Attribute::path. It ends at the first list index or wildcard: "" for a wildcard at the start. nullopt where the
/// text is none.
std::optional<std::string> pulumi_property_path(std::string_view path);

}  // namespace plumbline::baseline
