#pragma once

#include <string_view>

#include "baseline/baseline.hpp"
#include "tests/fuzz/must.hpp"

namespace plumbline::fuzz {

/// What baseline.hpp promises of every baseline, whatever the source.
inline void check_baseline(std::string_view kind, std::string_view bytes) {
  static const baseline::KeyedHash key(std::array<std::byte, 32>{});
  const auto result = baseline::parse({"f", std::string(kind), "/srv/source"}, bytes, key);
  if (!result) return must_be_readable(result.error());
  must(!result->revision.empty(), "a baseline has a revision");
  for (const auto& file : result->files) {
    must(!file.address.empty(), "a file has an address");
    must(file.path.starts_with('/') && file.path.find('\0') == std::string::npos, "a path is absolute and has no NUL");
    must(file.path.find("//") == std::string::npos && (file.path.size() == 1 || !file.path.ends_with('/')),
         "a path is normal");
    must(file.path.find("/../") == std::string::npos && file.path.find("/./") == std::string::npos &&
             !file.path.ends_with("/..") && !file.path.ends_with("/."),
         "a path has no dots");
    must(!file.mode || *file.mode <= 07777, "a mode has permission bits only");
    if (!file.content) continue;
    const bool keyed = file.content->starts_with("hmac-sha256:");
    must(keyed || file.content->starts_with("sha256:"), "content is a digest");
    must(file.content->size() == (keyed ? 12u : 7u) + 64u, "a digest has 64 digits");
    must(!file.sensitive || keyed, "what is sensitive is keyed");
  }
}

}  // namespace plumbline::fuzz
