// Keys of requests that rows name by their place in a list: a byte instead of a text.
#pragma once

#include <array>
#include <string_view>

namespace plumbline::cloud::table {

/// What an operation may be asked by not to do what it is called after: a member of the body as the wire has it, or "?"
/// and a key of the query. Rows have its place here; 0 = by nothing.
inline constexpr std::array<std::string_view, 8> dry_runs = {
    "", "DryRun", "dryRun", "ValidateOnly", "PerformCheckOnly", "validateOnly", "?dryRun", "?validateOnly"};
/// The member that says in which account an operation works, likewise.
inline constexpr std::array<std::string_view, 7> account_members = {
    "", "AccountId", "AwsAccountId", "CatalogID", "CatalogId", "ExpectedBucketOwner", "registryId"};

}  // namespace plumbline::cloud::table
