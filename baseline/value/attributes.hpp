// From a source's own tree of values to the attributes of a resource.
#pragma once

#include <simdjson.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "baseline/resource.hpp"
#include "baseline/value/canonical.hpp"
#include "baseline/value/fingerprint.hpp"

namespace plumbline::baseline {

/// What a reader knows about the values beyond the values themselves.
struct AttributeRules {
  Lists lists = Lists::unordered;
  /// All of it is secret (Secret.data, a resource of which the source says so without saying where).
  bool all_sensitive = false;
  /// Paths that the source marks as sensitive, themselves and everything below; syntax of Attribute::path.
  std::vector<std::string> sensitive;
  /// Paths that the provider computes (arn, etag, last_modified, status): left out, themselves and everything below.
  std::vector<std::string> computed;
  /// The source's own form of a secret (a Pulumi envelope): such an element is sensitive and never looked into.
  std::function<bool(simdjson::dom::element)> is_secret;
};

/// Appends the attributes of `object`, flattened: maps to their leaves ("tags.Name"), lists and IAM policies as one
/// value each. An empty map, list, text or null is an attribute declared to be absent; but as in canonical.hpp, an
/// empty object within another one, under a name that is no plural, is a value ("DefaultAction.Allow" is "{}"). Values
/// that are sensitive by mark, by name (sounds_sensitive) or by look (looks_sensitive) keep their fingerprint only;
/// others keep their canonical text up to `max_shown` bytes. `prefix` is put before each path ("spec").
void append_attributes(simdjson::dom::object object, const AttributeRules& rules, const Fingerprinter& fingerprints,
                       std::vector<Attribute>& out, std::string_view prefix = {});

inline constexpr std::size_t max_shown = 256;

/// Whether `path` is `of` or below it: "tags.Name" is below "tags".
bool is_within(std::string_view path, std::string_view of);

/// A key as one part of a path: dots and backslashes in it get a backslash.
std::string path_part(std::string_view key);

}  // namespace plumbline::baseline
