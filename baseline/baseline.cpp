#include "baseline/baseline.hpp"

#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "baseline/builder.hpp"
#include "baseline/compile.hpp"
#include "baseline/kinds.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

/// Two expectations of one resource and path: which of them holds would be chance.
Result<Baseline> named(BaselineBuilder& out, const SourceSpec& spec) {
  Baseline baseline = out.take();
  if (!out.why_opaque().empty())
    return Error{ErrorCode::unsupported, "read the baseline " + spec.name + " from " + spec.path,
                 out.why_opaque() + " (serial " + baseline.revision["serial"] + ", lineage " +
                     config::shown(baseline.revision["lineage"]) + ")",
                 "give the agent a manifest of the files instead (docs/reference/manifest.md)"};
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& file : baseline.files)
    if (!seen.emplace(file.address, file.path).second)
      return invalid("read the baseline " + spec.name + " from " + spec.path,
                     config::shown(file.address) + " stands there twice with the path " + config::shown(file.path),
                     "was the source edited by hand? restore it from its backend");
  baseline.name = spec.name;
  baseline.kind = spec.kind;
  baseline.path = spec.path;
  return baseline;
}

}  // namespace

Result<Baseline> parse(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key) {
  const Kind* kind = find_kind(spec.kind);
  if (kind == nullptr)
    return invalid("read the baseline " + spec.name, "unknown kind " + spec.kind, "use one of " + kind_names());
  const Fingerprinter attributes(key);
  BaselineBuilder out;
  if (auto done = kind->read(spec, bytes, {key, attributes}, out); !done) return done.error();
  return named(out, spec);
}

Result<Baseline> load(const SourceSpec& given, const KeyedHash& key) {
  SourceSpec spec = given;
  if (!spec.path.starts_with('/')) {
    std::error_code error;
    spec.path = std::filesystem::absolute(spec.path, error);
    if (error) return io_error("find " + given.path, error.value(), "give an absolute path");
  }
  const Fingerprinter attributes(key);
  BaselineBuilder out(BaselineBuilder::Keep::no_attributes);
  if (auto done = read_source(spec, {key, attributes}, out); !done) return done.error();
  return named(out, spec);
}

}  // namespace plumbline::baseline
