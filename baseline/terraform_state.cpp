#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "baseline/paths.hpp"
#include "baseline/sources.hpp"
#include "include/config/yaml_tree.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;
constexpr std::size_t max_json_depth = 256;

/// A member as text; nullopt where it is absent, null or no string.
std::optional<std::string> text(const object& of, const char* key) {
  std::string_view value;
  if (of[key].get_string().get(value) != simdjson::SUCCESS) return std::nullopt;
  return std::string(value);
}

std::optional<std::int64_t> number(const object& of, const char* key) {
  std::int64_t value = 0;
  if (of[key].get_int64().get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

bool has_text(const object& of, const char* key) {
  return !text(of, key).value_or("").empty();
}

/// As both tools print a key (toHCLQuotedString in internal/addrs/instance_key.go), so that an address can be pasted
/// into `tofu state show`. Characters beyond ASCII are all taken for printable.
std::string hcl_quoted(std::string_view name) {
  std::string quoted;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F) {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", byte);
      quoted += text;
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
      if ((c == '$' || c == '%') && i + 1 < name.size() && name[i + 1] == '{') quoted += c;
    }
  }
  return quoted;
}

/// `["a"]` for a for_each key, `[0]` for a count index, "" for neither (states/addrs in both projects).
Result<std::string> index_text(const object& instance, const std::string& pointer) {
  element key;
  if (instance["index_key"].get(key) != simdjson::SUCCESS || key.is_null()) return std::string();
  std::int64_t index = 0;
  if (key.get_int64().get(index) == simdjson::SUCCESS) return "[" + std::to_string(index) + "]";
  std::string_view name;
  if (key.get_string().get(name) != simdjson::SUCCESS)
    return invalid(pointer + "/index_key", "neither a number nor text");
  return "[\"" + hcl_quoted(name) + "\"]";
}

std::optional<Sha256> sha256_of_base64(const std::string& encoded) {
  std::string clean;
  for (const char c : encoded)
    if (c != '\n' && c != '\r') clean += c;
  if (clean.size() % 4 != 0) return std::nullopt;
  std::string bytes(clean.size() / 4 * 3 + 1, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(clean.data()), static_cast<int>(clean.size()));
  if (size < 0) return std::nullopt;
  const auto padding = static_cast<std::size_t>(clean.ends_with("==") ? 2 : clean.ends_with("=") ? 1 : 0);
  const Sha256 digest = sha256({bytes.data(), static_cast<std::size_t>(size) - padding});
  explicit_bzero(bytes.data(), bytes.size());
  explicit_bzero(clean.data(), clean.size());
  return digest;
}

std::optional<Sha256> from_hex(const std::string& hex) {
  if (hex.size() != 64) return std::nullopt;
  Sha256 digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, byte, 16);
    if (error != std::errc() || end != hex.data() + 2 * i + 2) return std::nullopt;
    digest[i] = static_cast<std::byte>(byte);
  }
  return digest;
}

/// The digest that newer providers (2.x) write beside the content; nullopt where there is none.
Result<std::optional<Sha256>> declared_digest(const object& attributes, const std::string& pointer) {
  const auto hex = text(attributes, "content_sha256");
  if (!hex || hex->empty()) return std::optional<Sha256>();
  const auto digest = from_hex(*hex);
  if (!digest) return invalid(pointer + "/content_sha256", "not 64 hex digits");
  return digest;
}

/// The digest of the content, where the state holds the content itself.
Result<std::optional<Sha256>> stored_digest(const object& attributes, const std::string& pointer) {
  std::string_view content;
  for (const char* key : {"content", "sensitive_content"})
    if (attributes[key].get_string().get(content) == simdjson::SUCCESS && !content.empty())
      return std::optional(sha256(content));
  if (const auto encoded = text(attributes, "content_base64"); encoded && !encoded->empty()) {
    const auto digest = sha256_of_base64(*encoded);
    if (!digest) return invalid(pointer + "/content_base64", "not base64");
    return digest;
  }
  return std::optional<Sha256>();
}

/// What the content should be; `why_not` says why it is not known.
Result<std::optional<Sha256>> content_digest(const object& attributes, const std::string& pointer,
                                             std::string& why_not) {
  const auto stored = stored_digest(attributes, pointer);
  if (!stored) return stored.error();
  const auto declared = declared_digest(attributes, pointer);
  if (!declared) return declared.error();
  if (*stored && *declared && **stored != **declared)
    return invalid(pointer + "/content_sha256", "does not fit the content beside it: edited by hand, or damaged",
                   "restore the state from its backend");
  if (*stored) return *stored;
  if (*declared) return *declared;
  if (has_text(attributes, "source")) {
    why_not =
        "the state of this provider version holds neither the content nor a SHA-256 of `source`: only its other "
        "attributes are compared";
    return std::optional<Sha256>();
  }
  return std::optional(sha256(""));  // content = "": the provider writes an empty file
}

/// Providers mark attributes of their schema whether or not they are set: only a mark on a value that is there counts.
bool marked_sensitive(const object& instance, const object& attributes) {
  simdjson::dom::array paths;
  if (instance["sensitive_attributes"].get_array().get(paths) != simdjson::SUCCESS) return false;
  for (const element path : paths) {
    std::string_view name;
    if (path.at(0)["value"].get_string().get(name) != simdjson::SUCCESS) return true;
    element value;
    if (attributes[name].get(value) == simdjson::SUCCESS && !value.is_null()) return true;
  }
  return false;
}

class StateReader {
 public:
  StateReader(const SourceSpec& spec, const KeyedHash& key) : spec_(spec), key_(key) {
    const auto slash = spec.path.rfind('/');
    directory_ = slash == std::string::npos ? "/" : spec.path.substr(0, slash);
  }

  Result<Baseline> read(const object& top) {
    if (auto ok = check_head(top); !ok) return ok.error();
    simdjson::dom::array resources;
    if (top["resources"].get_array().get(resources) != simdjson::SUCCESS)
      return refuse("/resources", "missing, or not a list");
    std::size_t i = 0;
    for (const element item : resources) {
      const std::string pointer = "/resources/" + std::to_string(i++);
      object resource;
      if (item.get_object().get(resource) != simdjson::SUCCESS) return refuse(pointer, "not an object");
      if (auto ok = read_resource(resource, pointer); !ok) return ok.error();
    }
    return std::move(result_);
  }

 private:
  Error refuse(const std::string& pointer, const std::string& why,
               const std::string& fix = "is this a state file, written whole?") const {
    return invalid(spec_.path + "#" + pointer, why, fix);
  }

  Result<void> check_head(const object& top) {
    const auto serial = number(top, "serial");
    const auto lineage = text(top, "lineage");
    if (has_text(top, "encryption_version") || top["encrypted_data"].error() == simdjson::SUCCESS)
      return Error{ErrorCode::unsupported, "read the state " + spec_.path,
                   "it is encrypted by OpenTofu (serial " + std::to_string(serial.value_or(0)) + ", lineage " +
                       config::shown(lineage.value_or("?")) + ")",
                   "give the agent a manifest of the files instead (docs/reference/manifest.md)"};
    const auto version = number(top, "version");
    if (!version)
      return refuse("/version", top["format_version"].error() == simdjson::SUCCESS
                                    ? "this is `show -json` output or a plan, not a state"
                                    : "missing: not a Terraform or OpenTofu state");
    if (*version != 4)
      return refuse("/version", "state version " + std::to_string(*version) + ", this agent reads version 4",
                    "upgrade the state with a current terraform or tofu");
    if (!serial || !lineage) return refuse("", "serial or lineage is missing");
    result_.revision = {{"serial", std::to_string(*serial)}, {"lineage", *lineage}};
    return {};
  }

  Result<void> read_resource(const object& resource, const std::string& pointer) {
    const auto mode = text(resource, "mode");
    const auto type = text(resource, "type");
    const auto name = text(resource, "name");
    if (!mode || !type || !name) return refuse(pointer, "mode, type or name is missing");
    if (*mode != "managed") return {};
    const std::string module = text(resource, "module").value_or("");
    const std::string base = "tofu:" + spec_.name + "/" + (module.empty() ? "" : module + ".") + *type + "." + *name;
    simdjson::dom::array instances;
    if (resource["instances"].get_array().get(instances) != simdjson::SUCCESS)
      return refuse(pointer + "/instances", "missing, or not a list");
    std::size_t i = 0;
    for (const element item : instances) {
      const std::string at = pointer + "/instances/" + std::to_string(i++);
      object instance;
      if (item.get_object().get(instance) != simdjson::SUCCESS) return refuse(at, "not an object");
      auto index = index_text(instance, spec_.path + "#" + at);
      if (!index) return index.error();
      const std::string address = base + *index;
      if (has_text(instance, "deposed")) {
        result_.skipped.push_back({address, "deposed: waits to be destroyed, another instance stands for it"});
        continue;
      }
      // OpenTofu may keep the provider with the instance.
      const std::string provider = text(instance, "provider").value_or(text(resource, "provider").value_or(""));
      if (auto ok = read_instance(instance, at, address, *type, provider); !ok) return ok.error();
    }
    return {};
  }

  Result<void> read_instance(const object& instance, const std::string& pointer, const std::string& address,
                             const std::string& type, const std::string& provider) {
    Resource known;
    known.address = address;
    known.provider = provider;
    known.type = type;
    object attributes;
    const bool has_attributes = instance["attributes"].get_object().get(attributes) == simdjson::SUCCESS;
    if (has_attributes)
      if (auto id = text(attributes, "id")) known.ids.push_back(std::move(*id));
    result_.resources.push_back(std::move(known));
    if (type != "local_file" && type != "local_sensitive_file") return {};
    if (!has_attributes) {
      result_.skipped.push_back({address, "no attributes (a state of a very old version?)"});
      return {};
    }
    const std::string at = spec_.path + "#" + pointer + "/attributes";
    FileExpectation file;
    file.address = address;
    file.sensitive = type == "local_sensitive_file" || has_text(attributes, "sensitive_content") ||
                     marked_sensitive(instance, attributes);
    std::string_view filename;
    if (attributes["filename"].get_string().get(filename) != simdjson::SUCCESS)
      return invalid(at + "/filename", "missing, or not text");
    auto path = normal_path(filename, directory_);
    if (!path) return invalid(at + "/filename", path.error().why);
    file.path = std::move(*path);
    std::string why_not;
    const auto digest = content_digest(attributes, at, why_not);
    if (!digest) return digest.error();
    if (*digest) file.content = file.sensitive ? key_.of_digest(**digest) : "sha256:" + to_hex(**digest);
    if (!why_not.empty()) result_.skipped.push_back({address, why_not});
    if (const auto permission = text(attributes, "file_permission"); permission && !permission->empty()) {
      std::uint32_t mode = 0;
      const auto [end, error] = std::from_chars(permission->data(), permission->data() + permission->size(), mode, 8);
      if (error != std::errc() || end != permission->data() + permission->size() || mode > 07777)
        return invalid(at + "/file_permission", "not an octal mode");
      // The provider creates the file with this mode, so the umask of the run takes its part; the state does not say
      // which. 022 is what root has on every distribution, and the default of 0777 is nobody's wish.
      file.mode = mode & ~022u;
    }
    result_.files.push_back(std::move(file));
    return {};
  }

  const SourceSpec& spec_;
  const KeyedHash& key_;
  std::string directory_;
  Baseline result_;
};

}  // namespace

Result<Baseline> parse_terraform_state(const SourceSpec& spec, std::string_view bytes, const KeyedHash& key) {
  simdjson::dom::parser parser;
  if (parser.allocate(std::max<std::size_t>(bytes.size(), 64), max_json_depth) != simdjson::SUCCESS)
    return Error{ErrorCode::unavailable, "read the state " + spec.path, "not enough memory", ""};
  element top;
  if (const auto error = parser.parse(bytes.data(), bytes.size()).get(top); error != simdjson::SUCCESS)
    return invalid("read the state " + spec.path, std::string("not JSON: ") + simdjson::error_message(error),
                   "a writer may be in the middle of it; it is read again when it changes");
  object root;
  if (top.get_object().get(root) != simdjson::SUCCESS) return invalid(spec.path + "#", "not an object: not a state");
  return StateReader(spec, key).read(root);
}

}  // namespace plumbline::baseline
