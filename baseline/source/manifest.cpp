#include "baseline/source/manifest.hpp"

#include <cctype>
#include <unordered_set>

#include "baseline/paths.hpp"
#include "include/config/strict_yaml.hpp"
#include "include/wire/text.hpp"

namespace plumbline::baseline {
namespace {

using config::Map;

bool is_digest(const std::string& text) {
  if (text.size() != 64) return false;
  for (const char c : text)
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 || std::isupper(static_cast<unsigned char>(c)) != 0)
      return false;
  return true;
}

/// Quoted, since tools that write YAML turn a bare 0644 into 420, which would read as another octal mode.
std::optional<std::uint32_t> read_mode(Map& map) {
  const auto& node = map.take("mode", [] {
    return nlohmann::ordered_json{
        {"type", "string"}, {"pattern", "^[0-7]{3,5}$"}, {"description", "permission bits, octal, in quotes"}};
  });
  if (!node.is_defined()) return std::nullopt;
  if (!node.is_scalar() || !node.quoted) map.refuse("mode", "must be octal in quotes, as in \"0644\"");
  const std::string& text = node.text;
  std::uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || text.size() < 3 || text.size() > 5)
      map.refuse("mode", "must be octal in quotes, as in \"0644\", not `" + config::shown(text) + "`");
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  if (text.empty() || mode > 07777) map.refuse("mode", "must be an octal mode up to \"7777\"");
  return mode;
}

void read_absent(Map& map, FileExpectation& file) {
  const auto& node = map.take("absent", [] {
    return nlohmann::ordered_json{
        {"oneOf", {{{"const", true}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}},
        {"description", "true: the path must not exist; a list: a directory without entries like these"}};
  });
  if (!node.is_defined()) return;
  if (node.is_scalar() && node.text == "true") {
    file.absent = true;
    return;
  }
  if (!node.is_sequence() || node.items.empty())
    map.refuse("absent", "must be true or a list of patterns, as in [\"*.bak\"]");
  for (const auto& item : node.items) {
    if (!item.is_scalar() || item.text.empty() || item.text.find('/') != std::string::npos)
      map.refuse("absent", "holds patterns of names, without a slash");
    file.absent_entries.push_back(item.text);
  }
}

void read_containers(Map& map, FileExpectation& file) {
  ContainerSelector selector;
  const bool given = map.optional_object(
      "containers", "the path is in the root of each container that all of these fit", [&](Map& keys) {
        keys.read("namespace", selector.pod_namespace, "of its pod; * stands for any text, here and below");
        keys.read("pod", selector.pod, "name of its pod");
        keys.read("name", selector.name, "of the container itself: in its pod, or at its engine");
        keys.read("image", selector.image, "as its runtime names it, docker.io/library/nginx:1.29");
        keys.finish();
        if (keys.describing()) return;
        for (const auto& [key, part] : selector_parts)
          if (keys.has(key) && (selector.*part).empty())
            keys.refuse(key, "is empty", "leave it out, or say what is to fit; \"*\" stands for any text");
        if (selector.is_empty())
          keys.refuse("", "selects nothing",
                      "give namespace, pod, name or image; name: \"*\" stands for every container of the node");
      });
  if (given) file.containers = std::move(selector);
}

/// Which path it is, for people: of one in containers also which.
std::string place_of(const FileExpectation& file) {
  return (file.containers ? "[" + file.containers->text() + "]" : "") + file.path;
}

/// The node knows its own users alone.
void refuse_names(const Map& map, const char* key, const std::optional<std::string>& who) {
  if (who && who->find_first_not_of("0123456789") != std::string::npos)
    map.refuse(key, "is a name, and which number it stands for in the container, the node does not know",
               "give the number");
}

bool declares_nothing(const FileExpectation& file) {
  return !file.absent && !file.content && !file.mode && !file.owner && !file.group && !file.symlink_target &&
         file.absent_entries.empty();
}

void read_entry(Map& map, Builder& out, std::unordered_set<std::string>& paths) {
  FileExpectation file;
  std::string path, sha256;
  map.read("address", file.address, "name of the resource; default file:PATH");
  map.read("path", path, "absolute path on the node; \\xNN stands for a byte that is not UTF-8, as in findings");
  map.require("path");
  map.read("sha256", sha256, "SHA-256 of the content, lower-case hex");
  file.mode = read_mode(map);
  map.read("owner", file.owner, "user name or uid");
  map.read("group", file.group, "group name or gid");
  map.read("symlink", file.symlink_target, "the path is a symlink with exactly this text");
  read_absent(map, file);
  read_containers(map, file);
  map.read("image", file.as_image, "true: as the container's image has it");
  map.finish();
  if (map.describing()) return;

  if (!path.starts_with('/')) map.refuse("path", "must be absolute");
  auto normal = normal_path(wire::unescape_bytes(path), "/");
  if (!normal) map.refuse("path", normal.error().why);
  file.path = std::move(*normal);
  if (file.address.empty()) file.address = "file:" + place_of(file);
  if (!sha256.empty()) {
    if (!is_digest(sha256)) map.refuse("sha256", "must be 64 lower-case hex digits", "sha256sum FILE prints it");
    file.content = "sha256:" + sha256;
  }
  if (file.absent && (file.content || file.mode || file.owner || file.group || file.symlink_target))
    map.refuse("absent", "is true, so nothing else can be expected of the path");
  if (file.symlink_target && (file.content || file.mode))
    map.refuse("symlink", "has no content and no mode of its own");
  if (!file.absent_entries.empty() && (file.content || file.symlink_target))
    map.refuse("absent", "lists entries, so the path is a directory and has no content");
  if (file.containers) {
    refuse_names(map, "owner", file.owner);
    refuse_names(map, "group", file.group);
  }
  if (file.as_image && !file.containers)
    map.refuse("image", "stands for what a container's image has, and the path is on the node",
               "say which containers it is in: containers: {name: web}");
  if (file.as_image && !declares_nothing(file))
    map.refuse("image", "is true, so nothing else can be expected of the path",
               "leave the other keys out, or this one");
  if (!file.as_image && declares_nothing(file))
    map.refuse("", "nothing is expected of " + config::shown(file.path),
               std::string("declare sha256, mode, owner, group, symlink or absent") +
                   (file.containers ? ", or image: true" : ""));
  // Two entries that say two things of one path: which of them holds would be chance.
  if (!paths.insert(place_of(file)).second)
    map.refuse(
        "path",
        file.containers ? "stands twice in this manifest for the same containers" : "stands twice in this manifest",
        "keep one entry for " + config::shown(file.path));
  Resource resource;
  resource.address = file.address;
  resource.type = "file";
  out.resource(resource);
  out.file(std::move(file));
}

}  // namespace

Result<void> read_manifest(const SourceSpec& spec, std::string_view bytes, const Keys&, Builder& out) {
  std::unordered_set<std::string> paths;
  const auto read = config::read_text(spec.path, std::string(bytes), [&](Map& map) {
    std::string api_version, kind, revision;
    map.require("apiVersion");
    map.read_word("apiVersion", api_version, {"plumbline/v1"}, "version of this format");
    map.require("kind");
    map.read_word("kind", kind, {"Manifest"}, "kind of this document");
    map.require("revision");
    map.read("revision", revision, "changes with every change of this file");
    map.require("files");
    map.list("files", "what is expected, one entry a path", [&](Map& entry) { read_entry(entry, out, paths); });
    if (!map.describing()) out.revision("revision", revision);
  });
  if (!read) return read.error();
  return {};
}

}  // namespace plumbline::baseline
