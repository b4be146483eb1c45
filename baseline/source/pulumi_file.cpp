#include "baseline/source/pulumi_file.hpp"

#include <string.h>

#include <charconv>
#include <optional>

#include "baseline/paths.hpp"
#include "baseline/source/base64.hpp"
#include "baseline/source/digest_text.hpp"
#include "baseline/source/json_members.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::object;

/// What the content should be; nullopt where the state does not tell.
std::optional<Sha256> content_digest(const object& inputs, const object& outputs, bool is_encrypted) {
  for (const char* name : {"content", "sensitiveContent"})
    if (const auto content = text_member(inputs, name); !content.empty()) return sha256(content);
  if (const auto encoded = text_member(inputs, "contentBase64"); !encoded.empty()) {
    auto bytes = decode_base64(encoded, Base64::strict);
    if (!bytes) return std::nullopt;
    const Sha256 digest = sha256(*bytes);
    explicit_bzero(bytes->data(), bytes->size());
    return digest;
  }
  if (const auto digest = sha256_of_hex(text_member(outputs, "contentSha256"))) return digest;
  // No content at all: the provider writes an empty file.
  if (!is_encrypted && !has_member(inputs, "source")) return sha256("");
  return std::nullopt;
}

/// Less 022: the provider creates the file with this mode, so the umask of the run takes its part.
std::optional<std::uint32_t> mode_of(std::string_view permission) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(permission.data(), permission.data() + permission.size(), mode, 8);
  if (error != std::errc() || end != permission.data() + permission.size() || mode > 07777) return std::nullopt;
  return mode & ~022u;
}

}  // namespace

bool is_pulumi_file(std::string_view type) {
  return type == "local:index/file:File" || type == "local:index/sensitiveFile:SensitiveFile";
}

void emit_pulumi_file(const std::string& address, object inputs, object outputs, bool content_is_encrypted,
                      bool sensitive, const Keys& keys, Builder& out) {
  const auto filename = text_member(inputs, "filename");
  if (!filename.starts_with('/'))
    return out.skip(address, filename.empty()
                                 ? "its file name is not known"
                                 : "its file name is relative, and the state does not say to which folder");
  auto path = normal_path(filename, "/");
  if (!path) return out.skip(address, "its file name: " + path.error().why);
  FileExpectation file;
  file.address = address;
  file.path = std::move(*path);
  file.sensitive = sensitive || content_is_encrypted;
  if (const auto digest = content_digest(inputs, outputs, content_is_encrypted))
    file.content = content_text(*digest, file.sensitive, keys);
  else
    out.skip(address, std::string("the content of the file is ") +
                          (content_is_encrypted ? "encrypted" : "not in the state") +
                          ": only its other attributes are compared");
  if (const auto permission = text_member(inputs, "filePermission"); !permission.empty()) {
    file.mode = mode_of(permission);
    if (!file.mode) out.skip(address, "its filePermission is no octal mode");
  }
  out.file(std::move(file));
}

}  // namespace plumbline::baseline
