// One way of writing a value, whoever wrote it first: two values that mean the same are the same text afterwards.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace plumbline::baseline {

/// How lists compare. Terraform, Pulumi and CloudFormation write sets as lists in an order of their own, so there a
/// list is a set unless its name says otherwise (ordered_by_name()); in Kubernetes it is a list.
enum class Lists { ordered, unordered };

/// Appends the canonical text of a value to `out`, JSON with these rules (docs/decisions/0012-canonical-values.md):
/// - null, "", [] and {} are absent: nothing is appended; members of objects that are absent are left out. But an empty
///   object within a list, or within an object under a name that is no plural, says that something is there, with its
///   defaults ({"Block": {}}, an `ingress` of [{}]): it stays;
/// - numbers and booleans are written as strings ("5", "true"), since tools disagree about them; 5.0, 5 and "5" are
///   one, and integers keep every digit that the parser keeps (64 bits);
/// - keys are sorted, and the last one of several equal ones counts; a list under Lists::unordered is sorted,
///   duplicates stay; in an ordered list what is absent is null;
/// - a string that is a JSON object or list as a whole (a policy, container definitions) is replaced by its canonical
///   value, and so on for strings within it; where that would be more than three deep, it is text;
/// - IAM policies (objects whose "Statement" has an "Effect") have rules of their own: nothing is in order, a list of
///   one is its element, duplicates count once, the names of actions and condition keys are lower case, and
///   arn:aws:iam::123456789012:root is 123456789012;
/// - Azure's resource ids and the names of network protocols are lower case.
/// `name` is that under which the value stands, "" where it has none. Returns whether something in it sounds or looks
/// like a secret (sensitive.hpp), its own name aside: names of members, names beside a value ({"name": "DB_PASSWORD",
/// "value": …}), options before a word ("--password", …), also within policies and in texts that are kept as they
/// are. Of a policy's condition only a tag's name counts, as IAM's own keys have "token" in them. Growing `out` leaves
/// no copy behind in freed memory. Recursive, up to the depth that the value's parser allowed.
[[nodiscard]] bool append_canonical(simdjson::dom::element value, Lists lists, std::string& out,
                                    std::string_view name = {});

/// A canonical text, and what append_canonical() returns: one is not to be had without the other.
struct [[nodiscard]] Canonical {
  std::string text;
  bool secret = false;
};
Canonical canonical(simdjson::dom::element value, Lists lists, std::string_view name = {});

/// As above, of a string that is no JSON value but text of its own.
Canonical canonical_text(std::string_view text);
[[nodiscard]] bool append_canonical_text(std::string_view text, std::string& out);

/// Whether a list of this name keeps its order although its tool writes sets as lists: command, args, entry_point, …,
/// in whatever case and with or without underscores.
bool ordered_by_name(std::string_view name);

}  // namespace plumbline::baseline
