#include "ctl/baseline.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "baseline/compile.hpp"
#include "baseline/kinds.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "include/util/fd.hpp"
#include "include/util/hex.hpp"
#include "include/util/scratch_dir.hpp"

namespace plumbline::ctl {
namespace {

using Json = nlohmann::ordered_json;
using baseline::Index;

constexpr const char* agent_key = "/var/lib/plumbline/hash.key";

/// For indexes of sources that are only looked at.
std::string scratch_pattern() {
  return std::filesystem::temp_directory_path() / "plumb.XXXXXX";
}

/// Hashes under one key.
struct KeyRing {
  explicit KeyRing(baseline::KeyedHash key) : files(std::move(key)), attributes(files) {}
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  baseline::KeyedHash files;
  baseline::Fingerprinter attributes;
  baseline::Keys keys{files, attributes};
};

Result<std::unique_ptr<KeyRing>> ring_of(Result<baseline::KeyedHash> key) {
  if (!key) return key.error();
  return std::make_unique<KeyRing>(std::move(*key));
}

/// A key that is there: a mistyped name must not become a key that nobody else has.
Result<std::unique_ptr<KeyRing>> ring_of(const std::string& path) {
  auto key = baseline::KeyedHash::load(path);
  if (!key && key.error().code == ErrorCode::not_found)
    return Error{ErrorCode::not_found, "use the key " + path, "there is no such file",
                 "check the path, or make a key on purpose: plumb baseline compile --new-key --key-file " + path};
  return ring_of(std::move(key));
}

Result<std::unique_ptr<KeyRing>> new_ring(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0)
    return Error{ErrorCode::invalid_argument, "make the key " + path, "there is a file of this name already",
                 "leave out --new-key to use it"};
  return ring_of(baseline::KeyedHash::load_or_create(path));
}

/// What is only looked at needs no key that anybody else knows.
Result<std::unique_ptr<KeyRing>> passing_ring() {
  std::array<std::byte, 32> key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return io_error("get random bytes", errno);
  return std::make_unique<KeyRing>(baseline::KeyedHash(key));
}

Result<std::unique_ptr<KeyRing>> ring_for(const BaselineOptions& options, std::string& made) {
  if (!options.key_file.empty()) return options.new_key ? new_ring(options.key_file) : ring_of(options.key_file);
  if (::access(agent_key, R_OK) == 0) return ring_of(agent_key);
  if (options.out.empty()) return passing_ring();
  made = options.out + ".key";
  return ring_of(baseline::KeyedHash::load_or_create(made));
}

Result<baseline::SourceSpec> spec_of(const std::string& file, const BaselineOptions& options) {
  baseline::SourceSpec spec;
  std::error_code error;
  spec.path = std::filesystem::absolute(file, error).lexically_normal().string();
  if (error) return io_error("find " + file, error.value());
  spec.name = options.name.empty() ? std::filesystem::path(spec.path).stem().string() : options.name;
  if (!options.source.empty()) {
    spec.kind = options.source;
    return spec;
  }
  auto kind = baseline::kind_of_file(spec.path);
  if (!kind) return kind.error();
  spec.kind = *kind;
  return spec;
}

bool is_index(const std::string& file) {
  const Fd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO without a writer is none
  std::array<char, baseline::index::magic.size()> head{};
  return in && ::read(in.get(), head.data(), head.size()) == static_cast<ssize_t>(head.size()) &&
         head == baseline::index::magic;
}

/// The index itself, or one compiled of the source for the moment.
Result<Index> opened(const std::string& file, const BaselineOptions& options, const KeyRing& ring,
                     const ScratchDir& scratch) {
  if (is_index(file)) return Index::open(file);
  const auto spec = spec_of(file, options);
  if (!spec) return spec.error();
  if (scratch.path().empty())
    return io_error("make a folder in " + std::filesystem::temp_directory_path().string(), errno);
  const std::string target = scratch.path() + "/index";
  if (auto done = baseline::compile(std::span(&*spec, 1), ring.keys, target); !done) return done.error();
  return Index::open(target);
}

/// Exit code of a source that cannot be read: it is bad input as a configuration is.
int refuse(const Context& context, const Error& error) {
  context.terminal.err << "plumb: " << printable(error.message()) << '\n';
  if (error.code == ErrorCode::permission) return exit_code::permission;
  return error.code == ErrorCode::io || error.code == ErrorCode::unavailable ? exit_code::error : exit_code::config;
}

Json json_of(const baseline::IndexedAttribute& attribute) {
  Json json = Json::object();
  if (attribute.absent) {
    json["value"] = nullptr;
  } else if (!attribute.value.empty()) {
    const auto value = Json::parse(attribute.value, nullptr, false);
    json["value"] = value.is_discarded() ? Json(attribute.value) : value;
  } else {
    std::array<std::byte, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(attribute.hash >> (56 - 8 * i));
    json["hash"] = to_hex(bytes);
  }
  if (attribute.sensitive) json["sensitive"] = true;
  return json;
}

/// Files by the resource that they belong to.
std::map<std::uint32_t, std::vector<std::uint32_t>> files_by_resource(const Index& index) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> files;
  for (std::uint32_t i = 0; i < index.file_count(); ++i) files[index.owner_of_file(i)].push_back(i);
  return files;
}

Json json_of(const Index& index, std::uint32_t row, const std::vector<std::uint32_t>& files) {
  const baseline::Resource resource = index.resource(row);
  Json json = {
      {"address", resource.address}, {"provider", resource.provider}, {"type", resource.type}, {"ids", resource.ids}};
  if (!resource.region.empty()) json["region"] = resource.region;
  if (!resource.account.empty()) json["account"] = resource.account;
  json["files"] = Json::array();
  for (const auto file : files) {
    const auto expected = index.file(file);
    json["files"].push_back(expected.path);
    if (!expected.containers) continue;
    auto& selector = json["containers"][expected.path] = Json::object();
    for (const auto& [key, part] : baseline::selector_parts)
      if (const auto& glob = (*expected.containers).*part; !glob.empty()) selector[key] = glob;
  }
  Json attributes = Json::object();
  for (const auto& attribute : index.attributes(row)) attributes[std::string(attribute.path)] = json_of(attribute);
  json["attributes"] = std::move(attributes);
  if (!resource.ignored.empty()) json["ignored"] = resource.ignored;
  return json;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json sources_of(const Index& index) {
  Json sources = Json::array();
  for (std::uint32_t i = 0; i < index.source_count(); ++i) {
    const auto source = index.source(i);
    Json skipped = Json::array();
    for (std::uint32_t s = 0; s < index.skipped_count(); ++s)
      if (index.source_of_skipped(s) == i)
        skipped.push_back({{"address", index.skipped(s).address}, {"why", index.skipped(s).why}});
    sources.push_back({{"path", source.spec.path},
                       {"kind", source.spec.kind},
                       {"name", source.spec.name},
                       {"revision", source.revision},
                       {"resources", source.resources},
                       {"files", source.files},
                       {"skipped", std::move(skipped)}});
  }
  return sources;
}

void print_json_of(const Context& context, const std::vector<Index>& indexes) {
  auto& out = context.terminal.out;
  const bool lines = context.options.format == Format::ndjson;
  Json sources = Json::array();
  for (const auto& index : indexes)
    for (auto& source : sources_of(index)) sources.push_back(source);
  if (!lines) out << "{\"sources\":" << dumped(sources) << ",\"resources\":[";
  bool first = true;
  for (const auto& index : indexes) {
    const auto files = files_by_resource(index);
    for (std::uint32_t row = 0; row < index.resource_count(); ++row) {
      const auto own = files.find(row);
      if (!lines) out << (first ? "\n" : ",\n");
      out << dumped(json_of(index, row, own == files.end() ? std::vector<std::uint32_t>() : own->second));
      if (lines) out << '\n';
      first = false;
    }
  }
  if (!lines) out << (first ? "]}" : "\n]}") << '\n';
}

void print_source(const Context& context, const Index& index, std::uint32_t row) {
  const auto source = index.source(row);
  auto& out = context.terminal.out;
  std::string revision;
  for (const auto& [name, value] : source.revision) revision += " " + name + "=" + value;
  out << styled(context.terminal, Style::bold, printable(source.spec.path)) << "  " << source.spec.kind
      << printable(revision) << "\n  " << counted(source.resources, "resource") << ", " << counted(source.files, "file")
      << " on a node, " << source.skipped << " skipped\n";
  for (std::uint32_t i = 0; i < index.skipped_count(); ++i)
    if (index.source_of_skipped(i) == row)
      out << "  skipped " << printable(index.skipped(i).address) << ": " << printable(index.skipped(i).why) << '\n';
}

std::string called_in(const baseline::FileExpectation& file) {
  return file.path + (file.containers ? " in " + file.containers->text() : "");
}

void print_tables(const Context& context, const std::vector<Index>& indexes) {
  for (const auto& index : indexes)
    for (std::uint32_t i = 0; i < index.source_count(); ++i) print_source(context, index, i);
  std::vector<std::vector<Cell>> rows;
  for (const auto& index : indexes) {
    const auto files = files_by_resource(index);
    for (std::uint32_t row = 0; row < index.resource_count(); ++row) {
      const auto own = files.find(row);
      const auto ids = index.ids(row);
      std::string called = own != files.end() ? called_in(index.file(own->second.front()))
                           : !ids.empty()     ? std::string(ids.front())
                                              : "-";
      const std::size_t more = own != files.end() ? own->second.size() - 1 : ids.size() > 1 ? ids.size() - 1 : 0;
      std::size_t sensitive = 0;
      const auto attributes = index.attributes(row);
      for (const auto& attribute : attributes) sensitive += attribute.sensitive ? 1 : 0;
      rows.push_back(
          {{printable(index.address(row))},
           {printable(called) + (more > 0 ? " +" + std::to_string(more) : "")},
           {std::to_string(attributes.size()) + (sensitive > 0 ? " (" + std::to_string(sensitive) + " secret)" : "")}});
    }
  }
  if (rows.empty()) return;
  context.terminal.out << '\n';
  print_table(context.terminal, {{"RESOURCE", 24, 0, true}, {"FILE OR ID", 20, 0, true}, {"ATTRIBUTES", 0, 1}},
              std::move(rows));
}

std::string shown(const baseline::IndexedAttribute* attribute) {
  if (attribute == nullptr) return "(not declared)";
  if (attribute->absent) return "(absent)";
  if (attribute->sensitive) return "(secret)";
  return attribute->value.empty() ? "(too long to show)" : printable(attribute->value);
}

const baseline::IndexedAttribute* find(const std::vector<baseline::IndexedAttribute>& all, const std::string& path) {
  for (const auto& attribute : all)
    if (attribute.path == path) return &attribute;
  return nullptr;
}

Json json_of(const baseline::ResourceChange& change, const Index& before, const Index& after) {
  using baseline::Change;
  Json json = {{"change", change.change == Change::added     ? "added"
                          : change.change == Change::removed ? "removed"
                                                             : "changed"},
               {"address", change.address}};
  if (change.change != Change::changed) return json;
  const auto old = before.attributes(change.before), fresh = after.attributes(change.after);
  json["diff"] = Json::array();
  for (const auto& path : change.attributes) {
    const auto* a = find(old, path);
    const auto* b = find(fresh, path);
    json["diff"].push_back({{"attribute", path},
                            {"before", a == nullptr ? Json() : json_of(*a)},
                            {"after", b == nullptr ? Json() : json_of(*b)}});
  }
  return json;
}

void print_change(const Context& context, const baseline::ResourceChange& change, const Index& before,
                  const Index& after) {
  using baseline::Change;
  const auto [sign, style] = change.change == Change::added     ? std::pair("+ ", Style::good)
                             : change.change == Change::removed ? std::pair("- ", Style::bad)
                                                                : std::pair("~ ", Style::warn);
  context.terminal.out << styled(context.terminal, style, sign + printable(change.address)) << '\n';
  if (change.change != Change::changed) return;
  const auto old = before.attributes(change.before), fresh = after.attributes(change.after);
  for (const auto& path : change.attributes) {
    const auto* a = find(old, path);
    const auto* b = find(fresh, path);
    context.terminal.out << "    " << printable(path);
    if (a != nullptr || b != nullptr) context.terminal.out << ": " << shown(a) << " -> " << shown(b);
    context.terminal.out << '\n';
  }
}

}  // namespace

int compile_baseline(const Context& context, const BaselineOptions& options) {
  std::string made;
  const auto ring = ring_for(options, made);
  if (!ring) return refuse(context, ring.error());
  std::vector<baseline::SourceSpec> specs;
  for (const auto& file : options.files) {
    auto spec = spec_of(file, options);
    if (!spec) return refuse(context, spec.error());
    specs.push_back(std::move(*spec));
  }
  if (auto done = baseline::compile(specs, (*ring)->keys, options.out, {.values = !options.hashes_only}); !done)
    return refuse(context, done.error());
  const auto index = Index::open(options.out);
  if (!index) return refuse(context, index.error());
  auto& out = context.terminal.out;
  if (context.options.format != Format::table) {
    out << dumped({{"index", options.out}, {"bytes", index->bytes()}, {"sources", sources_of(*index)}}) << '\n';
    return exit_code::ok;
  }
  for (std::uint32_t i = 0; i < index->source_count(); ++i) print_source(context, *index, i);
  out << counted(index->resource_count(), "resource") << " in " << printable(options.out) << " (" << index->bytes()
      << " bytes)\n";
  if (!made.empty()) out << "the key of its fingerprints is in " << printable(made) << ": keep it private\n";
  return exit_code::ok;
}

int inspect_baseline(const Context& context, const BaselineOptions& options) {
  std::string made;
  const auto ring = ring_for(options, made);
  if (!ring) return refuse(context, ring.error());
  const ScratchDir scratch(scratch_pattern());
  std::vector<Index> indexes;
  for (const auto& file : options.files) {
    auto index = opened(file, options, **ring, scratch);
    if (!index) return refuse(context, index.error());
    indexes.push_back(std::move(*index));
  }
  if (context.options.format == Format::table)
    print_tables(context, indexes);
  else
    print_json_of(context, indexes);
  return exit_code::ok;
}

int diff_baseline(const Context& context, const BaselineOptions& options) {
  std::string made;
  const auto ring = ring_for(options, made);
  if (!ring) return refuse(context, ring.error());
  const ScratchDir scratch(scratch_pattern());
  BaselineOptions both = options;
  // Addresses begin with the source's name: two revisions of one source need one.
  if (both.name.empty() && !is_index(options.files[0]) && !is_index(options.files[1]))
    both.name = std::filesystem::path(options.files[0]).stem().string();
  const auto before = opened(options.files[0], both, **ring, scratch);
  if (!before) return refuse(context, before.error());
  const auto after = opened(options.files[1], both, **ring, scratch);
  if (!after) return refuse(context, after.error());
  const auto changes = baseline::compare_indexes(*before, *after);
  if (!changes) return refuse(context, changes.error());
  if (context.options.format == Format::json) {
    Json all = Json::array();
    for (const auto& change : *changes) all.push_back(json_of(change, *before, *after));
    context.terminal.out << dumped({{"changes", std::move(all)}}) << '\n';
  } else {
    for (const auto& change : *changes)
      if (context.options.format == Format::ndjson)
        context.terminal.out << dumped(json_of(change, *before, *after)) << '\n';
      else
        print_change(context, change, *before, *after);
    if (changes->empty() && context.options.format == Format::table) context.terminal.out << "no difference\n";
  }
  return changes->empty() ? exit_code::ok : exit_code::open_drift;
}

}  // namespace plumbline::ctl
