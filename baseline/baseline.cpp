#include "baseline/baseline.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "baseline/builder.hpp"
#include "baseline/compile.hpp"
#include "baseline/index/index.hpp"
#include "baseline/index/writer.hpp"
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

Result<void> read_bytes(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  const Kind* kind = find_kind(spec.kind);
  if (kind == nullptr)
    return invalid("read the baseline " + spec.name, "unknown kind " + spec.kind, "use one of " + kind_names());
  return kind->read(spec, bytes, keys, out);
}

Result<SourceSpec> absolute(SourceSpec spec) {
  if (spec.path.starts_with('/') || is_location(spec.path)) return spec;
  std::error_code error;
  const auto path = std::filesystem::absolute(spec.path, error);
  if (error) return io_error("find " + spec.path, error.value(), "give an absolute path");
  spec.path = path;
  return spec;
}

/// Hands on what a reader tells to two builders.
class Both final : public Builder {
 public:
  Both(Builder& one, Builder& other) : one_(one), other_(other) {}
  void revision(const std::string& name, const std::string& value) override {
    one_.revision(name, value);
    other_.revision(name, value);
  }
  void resource(const Resource& resource) override {
    one_.resource(resource);
    other_.resource(resource);
  }
  void file(FileExpectation file) override {
    one_.file(file);
    other_.file(std::move(file));
  }
  void skip(std::string address, std::string why) override {
    one_.skip(address, why);
    other_.skip(std::move(address), std::move(why));
  }
  void opaque(std::string address, std::string why) override {
    one_.opaque(address, why);
    other_.opaque(std::move(address), std::move(why));
  }

 private:
  Builder& one_;
  Builder& other_;
};

}  // namespace

bool is_location(std::string_view path) {
  const auto colon = path.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

Result<Baseline> parse(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key) {
  const Fingerprinter attributes(key);
  BaselineBuilder out;
  if (auto done = read_bytes(spec, bytes, {key, attributes}, out); !done) return done.error();
  return named(out, spec);
}

Result<Baseline> load(const SourceSpec& given, const KeyedHash& key) {
  const auto spec = absolute(given);
  if (!spec) return spec.error();
  const Fingerprinter attributes(key);
  BaselineBuilder out(BaselineBuilder::Keep::no_attributes);
  if (auto done = read_source(*spec, {key, attributes}, out); !done) return done.error();
  return named(out, *spec);
}

Result<Loaded> load_indexed(const SourceSpec& given, const KeyedHash& key, const std::string& target,
                            std::optional<std::string_view> bytes, const std::stop_token& stop) {
  const auto spec = absolute(given);
  if (!spec) return spec.error();
  const Fingerprinter attributes(key);
  const Keys keys{key, attributes};
  BaselineBuilder files(BaselineBuilder::Keep::no_resources);
  const auto index =
      IndexWriter::create(target, key_id_of(keys), {.synced = false, .values = true, .seed = seed_of(keys)});
  index->begin_source(*spec);
  Both both(files, *index);
  if (auto done = bytes ? read_bytes(*spec, *bytes, keys, both) : read_source(*spec, keys, both, stop); !done)
    return done.error();
  auto baseline = named(files, *spec);
  if (!baseline) return baseline.error();
  Loaded loaded{std::move(*baseline), nullptr, ""};
  auto written = index->finish();
  if (auto opened = written ? Index::open(target, Hold::apart) : Result<Index>(written.error()); opened)
    loaded.index = std::make_shared<const Index>(std::move(*opened));
  else
    loaded.why_no_index = opened.error().message();
  return loaded;
}

}  // namespace plumbline::baseline
