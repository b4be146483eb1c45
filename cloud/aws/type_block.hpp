// What attributes an IaC type has, and which one a member of a request is.
#pragma once

#include <string_view>

#include "cloud/table/tables.hpp"

namespace plumbline::cloud::aws {

/// The attribute of a block that a member is by its name: case and "_" count for nothing, nor a plural's "s". `parent`
/// is what holds the block: "AttributeName" in "attribute" is "name". nullptr = none.
const table::AttributeRow* find_attribute(std::uint32_t block, std::string_view member, std::string_view parent = {});

/// The attribute of a path: "versioning.enabled".
const table::AttributeRow* attribute_at(std::uint32_t block, std::string_view path);

/// What a type's row says of a member, of this operation first; nullptr = nothing.
const table::MemberRow* member_row(const table::TypeRow& type, std::string_view operation, std::string_view path);
/// Whether a row speaks of something below a member.
bool has_rows_below(const table::TypeRow& type, std::string_view path);

/// Equal but for case and "_".
bool alike(std::string_view a, std::string_view b);

}  // namespace plumbline::cloud::aws
