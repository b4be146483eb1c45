// What a collector hands a node, made as a collector makes it.
#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include "baseline/baseline.hpp"
#include "baseline/compile.hpp"
#include "fetch/handout_client.hpp"
#include "include/util/hex.hpp"

namespace plumbline::test {

/// One baseline of a list. `bytes` are the source's; `scratch` is a file that may be written.
inline fetch::HandedBaseline handed_baseline(const std::string& name, const std::string& kind, const std::string& bytes,
                                             const baseline::KeyedHash& key, const std::string& scratch) {
  const baseline::SourceSpec spec{name, kind, "/of/the/collector/" + name};
  auto loaded = baseline::load_indexed(spec, key, scratch, bytes).value();
  ::unlink(scratch.c_str());
  return {{spec, to_hex(baseline::sha256(loaded.index->image())), loaded.index->bytes(), ""}, std::move(loaded.index)};
}

/// Of kind manifest, of which `files` are the entries: "- {path: /a, mode: \"0644\"}".
inline fetch::HandedBaseline handed_manifest(const std::string& name, const std::string& revision,
                                             const std::string& files, const baseline::KeyedHash& key,
                                             const std::string& scratch) {
  return handed_baseline(
      name, "manifest",
      "apiVersion: plumbline/v1\nkind: Manifest\nrevision: \"" + revision + "\"\nfiles:\n" + files + "\n", key,
      scratch);
}

}  // namespace plumbline::test
