#include "baseline/source/puppet_file.hpp"

#include "baseline/paths.hpp"
#include "baseline/source/digest_text.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/puppet_mode.hpp"
#include "baseline/value/sensitive.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t longest_path = 4096;  // PATH_MAX
constexpr std::size_t longest_title = 256;

enum class Kind { file, directory, link, something, absent };

Kind kind_of(const PuppetFile& file, std::string& target) {
  target = file.target;
  const std::string& ensure = file.ensure;
  if (ensure == "absent" || ensure == "false") return Kind::absent;
  if (ensure == "file") return Kind::file;
  if (ensure == "directory") return Kind::directory;
  if (ensure == "link") return Kind::link;
  if (ensure.empty() || ensure == "present" || ensure == "true") {
    if (!target.empty()) return Kind::link;
    return file.has_content ? Kind::file : Kind::something;
  }
  target = ensure;
  return Kind::link;
}

PuppetShape shape_of(Kind kind, const PuppetFile& file) {
  if (kind == Kind::directory) return PuppetShape::directory;
  const bool digits = file.mode.find_first_not_of("01234567") == std::string::npos;
  return kind == Kind::file || (file.mode_is_final && digits) ? PuppetShape::file : PuppetShape::either;
}

}  // namespace

void emit_puppet_file(const PuppetFile& file, const Keys& keys, Builder& out) {
  FileExpectation expected;
  expected.address = file.address;
  expected.path = file.path;
  expected.sensitive = file.sensitive;
  std::string target;
  const Kind kind = kind_of(file, target);
  if (kind == Kind::absent) {
    expected.absent = true;
    out.file(std::move(expected));
    return;
  }
  if (kind == Kind::something && file.ensure.empty() && file.mode.empty() && file.owner.empty() && file.group.empty()) {
    out.skip(file.address, "nothing is declared of it that could be compared");
    return;
  }
  if (!file.owner.empty()) expected.owner = file.owner;
  if (!file.group.empty()) expected.group = file.group;
  if (kind == Kind::link) {
    if (target.empty())
      out.skip(file.address, "a link whose target is not known");
    else
      expected.symlink_target = target;
  } else if (!file.mode.empty()) {
    expected.mode = puppet_mode(file.mode, shape_of(kind, file));
    if (!expected.mode)
      out.skip(file.address, "its mode `" + config::shown(file.mode) +
                                 "` depends on the bits, or the kind of file, that is there: it is not compared");
  }
  if (kind == Kind::file && file.content) expected.content = content_text(*file.content, file.sensitive, keys);
  out.file(std::move(expected));
}

std::optional<std::string> puppet_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() > longest_path) return std::nullopt;
  auto path = normal_path(text, "/");
  if (!path) return std::nullopt;
  return std::move(*path);
}

std::optional<std::string> puppet_address(const SourceSpec& spec, std::string_view type, std::string_view title) {
  if (looks_sensitive(title)) return std::nullopt;
  std::string shown(title);
  if (title.size() > longest_title || (!title.empty() && !is_printable_name(title)))
    shown = config::shown(title) + " sha256:" + to_hex(sha256(title)).substr(0, 16);
  return "puppet:" + spec.name + "/" + config::shown(type) + "[" + shown + "]";
}

}  // namespace plumbline::baseline
