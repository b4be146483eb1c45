#include "baseline/source/ansible.hpp"

#include <unordered_set>

#include "baseline/paths.hpp"
#include "baseline/source/digest_text.hpp"
#include "baseline/source/json_members.hpp"
#include "baseline/source/json_text.hpp"
#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "include/config/yaml_tree.hpp"
#include "include/wire/text.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t max_depth = 256;
constexpr std::size_t longest_id = 512;
constexpr const char* damaged = "damaged, or edited by hand: move it away, the next run of Ansible writes a new one";

class RecordReader {
 public:
  RecordReader(const SourceSpec& spec, const Keys& keys, Builder& out) : spec_(spec), keys_(keys), out_(out) {
    // The expectation holds the digests; the rest of these says when it was recorded.
    rules_.computed = {"checksums", "module", "path", "run", "sensitive", "time", "why_no_sha256"};
  }

  Result<void> read(element top) {
    object record, run;
    array files, left_out;
    if (!is_object(top, record)) return refuse("", "not an object", "is this a record of the Ansible plugin?");
    if (auto fine = check_head(record); !fine) return fine;
    if (!is_object(record["run"], run)) return refuse("/run", "missing, or not an object");
    for (const char* name : {"id", "updated_at"}) {
      if (text_member(run, name).empty()) return refuse("/run/" + std::string(name), "missing, or not text");
      out_.revision(name, config::shown(text_member(run, name)));
    }
    if (!is_list(record["files"], files)) return refuse("/files", "missing, or not a list");
    if (!is_list(record["left_out"], left_out)) return refuse("/left_out", "missing, or not a list");
    std::size_t i = 0;
    for (const element entry : files)
      if (auto fine = read_file(entry, "/files/" + std::to_string(i++)); !fine) return fine;
    if (i == 0) out_.skip("ansible:" + spec_.name, "no task has recorded a file yet");
    i = 0;
    for (const element entry : left_out)
      if (auto fine = read_left_out(entry, "/left_out/" + std::to_string(i++)); !fine) return fine;
    return {};
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why, const std::string& fix = damaged) const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  Result<void> check_head(const object& record) const {
    if (text_member(record, "format") != "plumbline-ansible")
      return refuse("/format", "not \"plumbline-ansible\"", "give the file that the Ansible plugin writes, HOST.json");
    std::int64_t version = 0;
    if (record["version"].get_int64().get(version) != simdjson::SUCCESS)
      return refuse("/version", "missing, or not a number");
    if (version != 1)
      return Error{ErrorCode::unsupported, spec_.path + "#/version",
                   "version " + std::to_string(version) + ", this agent reads version 1",
                   "let agent and Ansible plugin come from one release"};
    return {};
  }

  /// Sets `path` to the bytes of the entry's path.
  Result<void> read_path(const object& entry, const std::string& pointer, std::string& path) const {
    const auto written = text_member(entry, "path");
    if (!written.starts_with('/')) return refuse(pointer + "/path", "missing, or not an absolute path");
    auto normal = normal_path(wire::unescape_bytes(written), "/");
    if (!normal) return refuse(pointer + "/path", normal.error().why);
    path = std::move(*normal);
    return {};
  }

  /// On one line, whatever bytes the path has.
  std::string address_of(const std::string& path) const {
    std::string address = "ansible:" + spec_.name;
    for (const char c : wire::escape_bytes(path)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte != 0x7F) {
        address += c;
      } else {
        address += "\\x";
        append_hex(address, byte, upper_hex);
      }
    }
    return address;
  }

  Result<void> read_file(element item, const std::string& pointer) {
    object entry;
    if (!is_object(item, entry)) return refuse(pointer, "not an object");
    FileExpectation file;
    if (auto fine = read_path(entry, pointer, file.path); !fine) return fine;
    if (!paths_.insert(file.path).second) return refuse(pointer + "/path", "stands twice");
    file.address = address_of(file.path);
    file.sensitive = flag_member(entry, "sensitive");
    const auto state = text_member(entry, "state");
    if (state.empty()) return refuse(pointer + "/state", "missing, or not text");

    resource_.address = file.address;
    resource_.provider = "ansible";
    resource_.type = text_member(entry, "module").empty() ? "unknown" : config::shown(text_member(entry, "module"));
    resource_.ids.clear();
    if (file.path.size() <= longest_id) resource_.ids.push_back(wire::escape_bytes(file.path));
    resource_.attributes.clear();
    append_attributes(entry, rules_, keys_.attributes, resource_.attributes);
    std::erase_if(resource_.attributes, [](const Attribute& attribute) { return attribute.path.empty(); });
    out_.resource(resource_);

    file.absent = state == "absent";
    if (file.absent || state == "present") return finish(std::move(file), entry, state);
    if (const auto owner = text_member(entry, "owner"); !owner.empty()) file.owner = owner;
    if (const auto group = text_member(entry, "group"); !group.empty()) file.group = group;
    if (state == "link") {
      if (const auto target = text_member(entry, "link_target"); !target.empty())
        file.symlink_target = wire::unescape_bytes(target);
      return finish(std::move(file), entry, state);
    }
    if (state != "file" && state != "directory") {
      out_.skip(file.address, "its state `" + config::shown(state) + "` is none that can be compared");
      return {};
    }
    if (auto fine = read_mode(entry, pointer, file); !fine) return fine;
    if (state == "file")
      if (auto fine = read_digest(entry, pointer, file); !fine) return fine;
    return finish(std::move(file), entry, state);
  }

  Result<void> read_mode(const object& entry, const std::string& pointer, FileExpectation& file) const {
    if (!has_member(entry, "mode")) return {};
    const auto text = text_member(entry, "mode");
    std::uint32_t mode = 0;
    for (const char c : text) {
      if (c < '0' || c > '7' || text.size() > 5) return refuse(pointer + "/mode", "not an octal mode");
      mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
    }
    if (text.empty() || mode > 07777) return refuse(pointer + "/mode", "not an octal mode");
    file.mode = mode;
    return {};
  }

  Result<void> read_digest(const object& entry, const std::string& pointer, FileExpectation& file) const {
    object checksums;
    if (!has_member(entry, "checksums")) return {};
    if (!is_object(entry["checksums"], checksums)) return refuse(pointer + "/checksums", "not an object");
    if (!has_member(checksums, "sha256")) return {};
    const auto digest = sha256_of_hex(text_member(checksums, "sha256"));
    if (!digest) return refuse(pointer + "/checksums/sha256", "not 64 hex digits");
    file.content = content_text(*digest, file.sensitive, keys_);
    return {};
  }

  /// The file as it is known, and a word on what is not.
  Result<void> finish(FileExpectation file, const object& entry, std::string_view state) {
    const auto why = text_member(entry, "why_no_sha256");
    if (file.sensitive && !file.content && !file.absent)
      out_.skip(file.address, "its content comes of a task under no_log or of an encrypted source: it is not compared");
    else if (state == "link" && !file.symlink_target)
      out_.skip(file.address, "the record does not tell where the symlink points to");
    else if ((state == "file" || state == "present") && !file.content && !why.empty())
      out_.skip(file.address, "no SHA-256 of its content (" + config::shown(why) + "): only the rest is compared");
    else if (state == "file" && !file.content)
      out_.skip(file.address, "no task wrote its content: only the rest is compared");
    out_.file(std::move(file));
    return {};
  }

  Result<void> read_left_out(element item, const std::string& pointer) {
    object entry;
    if (!is_object(item, entry)) return refuse(pointer, "not an object");
    const auto path = text_member(entry, "path");
    const auto why = text_member(entry, "why");
    if (path.empty() || why.empty()) return refuse(pointer, "path or why is missing");
    out_.skip("ansible:" + spec_.name + (path.starts_with('/') ? "" : "/") + config::shown(path), config::shown(why));
    return {};
  }

  const SourceSpec& spec_;
  const Keys& keys_;
  Builder& out_;
  AttributeRules rules_;
  Resource resource_;
  std::unordered_set<std::string> paths_;
};

}  // namespace

Result<void> read_ansible(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out) {
  JsonText text;
  const std::string what = "read the Ansible record " + spec.path;
  const auto top = text.parse(what, bytes, "is this a record of the Ansible plugin, written whole?");
  if (!top) return top.error();
  if (!is_json_without_duplicates(bytes, max_depth)) return invalid(what, "an object has a key twice", damaged);
  return RecordReader(spec, keys, out).read(*top);
}

}  // namespace plumbline::baseline
