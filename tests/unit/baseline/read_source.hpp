// What the tests of readers share: read a text with one reader, and look into the baseline.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"
#include "baseline/value/canonical.hpp"

namespace plumbline::baseline {

inline const KeyedHash test_key(std::array<std::byte, 32>{});
inline const Fingerprinter test_fingerprints(test_key);

inline std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

/// As the source "shop" from /srv/shop.
inline Result<Baseline> read_with(Reader reader, const std::string& text) {
  BaselineBuilder builder;
  const auto done = reader({"shop", "", "/srv/shop"}, text, {test_key, test_fingerprints}, builder);
  if (!done) return done.error();
  return builder.take();
}

inline const Resource* find(const Baseline& baseline, const std::string& address) {
  for (const auto& resource : baseline.resources)
    if (resource.address == address) return &resource;
  return nullptr;
}

inline const Attribute* attribute(const Resource* resource, const std::string& path) {
  if (resource == nullptr) return nullptr;
  for (const auto& attribute : resource->attributes)
    if (attribute.path == path) return &attribute;
  return nullptr;
}

/// The canonical value of an attribute, "(sensitive)" or "(none)".
inline std::string value(const Resource* resource, const std::string& path) {
  const auto* found = attribute(resource, path);
  if (found == nullptr) return "(none)";
  EXPECT_TRUE(!found->sensitive || found->value.empty()) << path;
  return found->sensitive ? "(sensitive)" : found->value;
}

/// All reasons for leaving out something of an address, a line each.
inline std::string skipped(const Baseline& baseline, const std::string& address) {
  std::string all;
  for (const auto& skipped : baseline.skipped)
    if (skipped.address == address) all += skipped.why + "\n";
  return all;
}

/// Everything that a baseline holds, to look for what it must not hold.
inline std::string all_of(const Baseline& baseline) {
  std::ostringstream text;
  for (const auto& [name, part] : baseline.revision) text << name << part << '\n';
  for (const auto& r : baseline.resources) {
    text << r.address << r.type << r.provider << r.region << r.account << '\n';
    for (const auto& id : r.ids) text << id << '\n';
    for (const auto& a : r.attributes) text << a.path << a.value << '\n';
    for (const auto& path : r.ignored) text << path << '\n';
  }
  for (const auto& f : baseline.files) text << f.address << f.path << f.content.value_or("") << '\n';
  for (const auto& s : baseline.skipped) text << s.address << s.why << '\n';
  return text.str();
}

}  // namespace plumbline::baseline
