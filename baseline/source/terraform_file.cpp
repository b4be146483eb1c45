#include "baseline/source/terraform_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "baseline/paths.hpp"
#include "baseline/source/base64.hpp"
#include "baseline/source/digest_text.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

/// A member that is text; "" where it is absent, null, empty or no text.
std::string_view text(const object& of, std::string_view key) {
  std::string_view value;
  return of[key].get_string().get(value) == simdjson::SUCCESS ? value : std::string_view{};
}

bool is_unknown(const TerraformInstance& instance, std::string_view name) {
  return std::any_of(instance.unknown.begin(), instance.unknown.end(),
                     [&](const auto& path) { return path.empty() || is_within(name, path); });
}

/// Whether the attribute that a marked path starts with is set.
bool is_set(const object& attributes, const std::string& path) {
  std::string name;
  for (std::size_t i = 0; i < path.size() && path[i] != '.'; ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) ++i;
    name += path[i];
  }
  element value;
  if (attributes[name].get(value) != simdjson::SUCCESS || value.is_null()) return false;
  std::string_view content;
  return value.get_string().get(content) != simdjson::SUCCESS || !content.empty();
}

/// What the provider writes as text. Any other type was not written by it, and read as "absent" it would mean an empty
/// file.
Result<void> check_types(const object& attributes, const std::string& at) {
  for (const char* name :
       {"content", "sensitive_content", "content_base64", "content_sha256", "source", "file_permission"}) {
    element value;
    if (attributes[name].get(value) == simdjson::SUCCESS && !value.is_null() && !value.is_string())
      return invalid(at + "/" + name, "neither text nor null: edited by hand, or damaged",
                     "restore the state from its backend");
  }
  return {};
}

/// The digest of the content, where the state holds the content itself.
Result<std::optional<Sha256>> stored_digest(const object& attributes, const std::string& at) {
  for (const char* key : {"content", "sensitive_content"})
    if (const auto content = text(attributes, key); !content.empty()) return std::optional(sha256(content));
  const auto encoded = text(attributes, "content_base64");
  if (encoded.empty()) return std::optional<Sha256>();
  auto bytes = decode_base64(encoded, Base64::strict);
  if (!bytes) return invalid(at + "/content_base64", "not base64");
  const Sha256 digest = sha256(*bytes);
  explicit_bzero(bytes->data(), bytes->size());
  return std::optional(digest);
}

/// What the content should be; `why_not` says why it is not known.
Result<std::optional<Sha256>> content_digest(const TerraformInstance& instance, const std::string& at,
                                             std::string& why_not) {
  const auto stored = stored_digest(instance.attributes, at);
  if (!stored) return stored.error();
  std::optional<Sha256> declared;  // providers of 2.x write it beside the content
  if (const auto hex = text(instance.attributes, "content_sha256"); !hex.empty()) {
    declared = sha256_of_hex(hex);
    if (!declared) return invalid(at + "/content_sha256", "not 64 hex digits");
  }
  if (*stored && declared && **stored != *declared)
    return invalid(at + "/content_sha256", "does not fit the content beside it: edited by hand, or damaged",
                   "restore the state from its backend");
  if (*stored) return *stored;
  if (declared) return declared;
  for (const char* name : {"content", "sensitive_content", "content_base64", "source"})
    if (is_unknown(instance, name)) {
      why_not = "its content is known only after the apply: only its other attributes are compared";
      return std::optional<Sha256>();
    }
  if (!text(instance.attributes, "source").empty()) {
    why_not =
        "the state of this provider version holds neither the content nor a SHA-256 of `source`: only its other "
        "attributes are compared";
    return std::optional<Sha256>();
  }
  return std::optional(sha256(""));  // content = "": the provider writes an empty file
}

}  // namespace

bool is_terraform_file(std::string_view type) {
  return type == "local_file" || type == "local_sensitive_file";
}

bool terraform_file_is_sensitive(const TerraformInstance& instance) {
  const object& attributes = instance.attributes;
  if (instance.type == "local_sensitive_file" || instance.all_sensitive) return true;
  if (!text(attributes, "sensitive_content").empty()) return true;
  for (const auto& path : instance.sensitive)
    if (is_set(attributes, path)) return true;
  if (looks_sensitive(text(attributes, "content"))) return true;
  auto bytes = decode_base64(text(attributes, "content_base64"), Base64::strict);
  if (!bytes) return true;
  const bool sensitive = looks_sensitive(*bytes);
  explicit_bzero(bytes->data(), bytes->size());
  return sensitive;
}

Result<void> emit_terraform_file(const TerraformInstance& instance, bool sensitive, const SourceSpec& spec,
                                 const std::string& base, const Keys& keys, Builder& out) {
  const std::string at = spec.path + "#" + instance.pointer;
  FileExpectation file;
  file.address = instance.address;
  file.sensitive = sensitive;
  if (is_unknown(instance, "filename")) {
    out.skip(instance.address, "its file name is known only after the apply");
    return {};
  }
  std::string_view filename;
  if (instance.attributes["filename"].get_string().get(filename) != simdjson::SUCCESS)
    return invalid(at + "/filename", "missing, or not text");
  if (base.empty() && !filename.starts_with('/')) {
    out.skip(instance.address,
             "its file name is relative, and this source does not say to which folder: write it with abspath()");
    return {};
  }
  auto path = normal_path(filename, base);
  if (!path) return invalid(at + "/filename", path.error().why);
  file.path = std::move(*path);
  if (auto fine = check_types(instance.attributes, at); !fine) return fine;
  std::string why_not;
  const auto digest = content_digest(instance, at, why_not);
  if (!digest) return digest.error();
  if (*digest) file.content = content_text(**digest, sensitive, keys);
  if (!why_not.empty()) out.skip(instance.address, why_not);
  if (const auto permission = text(instance.attributes, "file_permission"); !permission.empty()) {
    std::uint32_t mode = 0;
    const auto [end, error] = std::from_chars(permission.data(), permission.data() + permission.size(), mode, 8);
    if (error != std::errc() || end != permission.data() + permission.size() || mode > 07777)
      return invalid(at + "/file_permission", "not an octal mode");
    // The provider creates the file with this mode, so the umask of the run takes its part; the state does not say
    // which. 022 is what root has on every distribution, and the default of 0777 is nobody's wish.
    file.mode = mode & ~022u;
  }
  out.file(std::move(file));
  return {};
}

}  // namespace plumbline::baseline
