#pragma once

#include <string_view>

#include "baseline/builder.hpp"
#include "baseline/source/readers.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::fuzz {

inline void must_be_one_line(std::string_view text, const char* what) {
  for (const char c : text) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, what);
}

/// What resource.hpp, baseline.hpp and readers.hpp promise, whatever the source. Returns whether it was taken.
inline bool check_reader(baseline::Reader reader, std::string_view bytes) {
  static const baseline::KeyedHash key(std::array<std::byte, 32>{});
  static const baseline::Fingerprinter fingerprints(key);
  baseline::BaselineBuilder builder;
  if (const auto done = reader({"f", "", "/srv/source"}, bytes, {key, fingerprints}, builder); !done) {
    must_be_readable(done.error());
    return false;
  }
  const auto result = builder.take();
  must(!result.revision.empty(), "a baseline has a revision");
  must(!result.resources.empty() || !result.skipped.empty(), "what is taken says something");
  for (const auto& resource : result.resources) {
    must(!resource.address.empty() && !resource.type.empty(), "a resource has an address and a type");
    must_be_one_line(resource.address, "an address is one line");
    for (const auto& id : resource.ids) must(!id.empty() && id.size() <= 2048, "an id names something");
    for (const auto& attribute : resource.attributes) {
      must(!attribute.path.empty(), "an attribute has a path");
      must(!attribute.sensitive || attribute.value.empty(), "what is sensitive is not shown");
    }
  }
  for (const auto& file : result.files) {
    must(file.path.starts_with('/') && file.path.find('\0') == std::string::npos, "a path is absolute and has no NUL");
    must(!file.mode || *file.mode <= 07777, "a mode has permission bits only");
    must(!file.content || !file.sensitive || file.content->starts_with("hmac-sha256:"), "what is sensitive is keyed");
  }
  for (const auto& skipped : result.skipped) {
    must(!skipped.address.empty() && !skipped.why.empty(), "what is left out has an address and a reason");
    must_be_one_line(skipped.address, "an address is one line");
    must_be_one_line(skipped.why, "a reason is one line");
    must(skipped.why.size() < 4096, "a reason is not endless");
  }
  return true;
}

}  // namespace plumbline::fuzz
