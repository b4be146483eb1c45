#include "cloud/bearer.hpp"

#include <string.h>
#include <algorithm>

#include "cloud/aws/signature.hpp"
#include "cloud/body/value.hpp"

namespace plumbline::cloud {
namespace {

constexpr std::size_t max_claims = 16 * 1024;

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-' || c == '+') return 62;
  return c == '_' || c == '/' ? 63 : -1;
}

std::string_view bearer_of(std::span<const HeaderField> headers) {
  const auto value = header(headers, "authorization");
  if (value.size() < 8 || !equal_ignoring_case(value.substr(0, 7), "bearer ")) return {};
  return value.substr(value.find_first_not_of(' ', 7) == std::string_view::npos ? value.size()
                                                                                : value.find_first_not_of(' ', 7));
}

std::string claim(const Value& claims, std::string_view name) {
  const Value* value = claims.find(name);
  return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= 256 ? value->text
                                                                                           : std::string();
}

/// A service account's subject says all; a person's is mostly a number, which the other claims explain.
std::string principal_in(const Value& claims) {
  const std::string subject = claim(claims, "sub");
  if (subject.starts_with("system:")) return subject;
  for (const auto name : {"email", "upn", "unique_name", "preferred_username", "appid", "azp"})
    if (auto found = claim(claims, name); !found.empty()) return found;
  return subject.empty() ? claim(claims, "oid") : subject;
}

/// A bound token (KEP-1205): {"kubernetes.io": {"namespace": "shop", "pod": {"name": "web-1", "uid": "…"}, …}}
TokenProof pod_in(const Value& claims) {
  const auto text = [&](std::initializer_list<std::string_view> path) {
    const Value* value = claims.find(path);
    return value != nullptr && value->kind == Value::Kind::text && value->text.size() <= 256 ? value->text
                                                                                             : std::string();
  };
  TokenProof proof;
  proof.pod_uid = text({"kubernetes.io", "pod", "uid"});
  if (!proof.pod_uid.empty())
    proof.pod = text({"kubernetes.io", "namespace"}) + "/" + text({"kubernetes.io", "pod", "name"});
  return proof;
}

/// No name has these; a chain of principals is printed with " < " between them.
bool is_odd(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7F || c == '<';
}

/// aws/aws-cli's customizations/eks/get_token.py: "k8s-aws-v1." and a presigned URL in base64url.
std::string key_in_eks_token(std::string_view token) {
  const std::string url = base64url_decoded(token.substr(token.find('.') + 1), max_claims);
  return std::string(aws::signature_of({}, {}, split_target(url).query).access_key_id.substr(0, 256));
}

}  // namespace

std::string base64url_decoded(std::string_view text, std::size_t limit) {
  std::string out;
  unsigned held = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int digit = digit_of(c);
    if (digit < 0) return {};
    held = (held << 6 | static_cast<unsigned>(digit)) & 0xFFFFFF;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    if (out.size() >= limit) return out;
    out += static_cast<char>(held >> bits & 0xFF);
  }
  return out;
}

Claims claims_of_token(std::string_view token, const TokenCheck* check) {
  if (token.starts_with("k8s-aws-v1.")) return {{}, key_in_eks_token(token), {}};
  const auto first = token.find('.');
  if (first == std::string_view::npos || token.find('.', first + 1) == std::string_view::npos) return {};
  const auto second = token.find('.', first + 1);
  std::string json = base64url_decoded(token.substr(first + 1, second - first - 1), max_claims);
  Claims claims;
  if (json.starts_with('{')) {
    Decoded all = decode_json(json, false);
    if (!all.cut) claims = {principal_in(all.value), {}, pod_in(all.value)};
    wipe(all.value);
  }
  ::explicit_bzero(json.data(), json.size());
  for (auto* text : {&claims.principal, &claims.proof.pod_uid, &claims.proof.pod})
    if (std::any_of(text->begin(), text->end(), is_odd)) text->clear();
  bool of_cluster = false;
  const bool is_signed =
      !claims.principal.empty() && check != nullptr && check->keys.prove(token, check->now, &of_cluster);
  // Another issuer may write what it likes about somebody else's accounts.
  const bool is_of_cluster = claims.principal.starts_with("system:") || !claims.proof.pod_uid.empty();
  claims.proof.is_signed = is_signed && (of_cluster || !is_of_cluster);
  return claims;
}

Claims claims_of(std::span<const HeaderField> headers, const TokenCheck* check) {
  return claims_of_token(bearer_of(headers), check);
}

}  // namespace plumbline::cloud
