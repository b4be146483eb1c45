// What must be known of Terraform providers to read a state without their schemas: which attributes the provider
// computes, and which ones hold secrets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baseline/value/attributes.hpp"

namespace plumbline::baseline {

/// The short name of a provider as states and `show -json` write it: "registry.opentofu.org/hashicorp/aws",
/// `module.x.provider["registry.terraform.io/hashicorp/aws"].eu`, `provider.aws.eu` (0.12) are all "aws". Providers of
/// the same cloud have its name, since they name the same things: google-beta is "google", awscc "aws", azapi
/// "azurerm". "" where the text is none of these.
std::string terraform_provider_name(std::string_view provider);

/// Attributes that the provider computes in every type in which they occur, and those of this type: neither names nor
/// schemas are in a state, so this is a table of the well-known ones and no more. What it does not know is taken for
/// declared. Syntax of Attribute::path.
void append_computed(std::string_view provider, std::string_view type, std::vector<std::string>& out);

/// Of a type's members that hold tags, the one of its author and the one that has the provider's default_tags too (aws
/// since 3.38). Empty where the provider has no such two.
AttributeRules::Merged merged_tags(std::string_view provider);

/// Attributes that hold secrets whatever the state marks: states of older versions hold only the marks of the
/// configuration, not those of the schema. Beside sounds_sensitive(), which goes by the name alone.
void append_always_sensitive(std::string_view type, std::vector<std::string>& out);

}  // namespace plumbline::baseline
