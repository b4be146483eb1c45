#include "cloud/run_token.hpp"

#include <openssl/evp.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "cloud/bearer.hpp"
#include "cloud/body/value.hpp"
#include "include/util/hex.hpp"

namespace plumbline::cloud {
namespace {

constexpr const char* what = "read the token of the run";
constexpr std::size_t longest_name = 256;
constexpr double latest = 7'258'118'400;  // 2200-01-01: nanoseconds of it have room in 64 bits

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

std::optional<std::string> text_of(const Value* value, std::size_t longest) {
  if (value == nullptr || value->kind != Value::Kind::text || value->text.empty() || value->text.size() > longest ||
      !is_plain(value->text))
    return std::nullopt;
  return value->text;
}

/// RFC 7519, 4.1.3: one text, or a list of them.
bool is_for(const Value* audience, const std::string& wanted) {
  const auto is_it = [&](const Value& v) { return v.kind == Value::Kind::text && v.text == wanted; };
  return audience != nullptr &&
         (is_it(*audience) ||
          (audience->kind == Value::Kind::list && std::any_of(audience->items.begin(), audience->items.end(), is_it)));
}

/// nullopt: it is there, and no such list. A claim that lists nothing would allow nothing, which nobody means.
std::optional<std::vector<std::string>> globs_of(const Value& claims, std::string_view name) {
  const Value* value = claims.find(name);
  std::vector<std::string> globs;
  if (value == nullptr) return globs;
  const auto add = [&](const Value& item) {
    auto glob = text_of(&item, RunToken::longest_glob);
    if (glob) globs.push_back(std::move(*glob));
    return glob.has_value();
  };
  if (value->kind != Value::Kind::list) return add(*value) ? std::optional(std::move(globs)) : std::nullopt;
  const bool fine = !value->items.empty() && value->items.size() <= RunToken::most_globs &&
                    std::all_of(value->items.begin(), value->items.end(), add);
  return fine ? std::optional(std::move(globs)) : std::nullopt;
}

std::string sha256_of(std::string_view bytes) {
  std::array<std::byte, 32> digest{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(),
                   reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1)
    return {};
  return to_hex(digest);
}

Result<RunToken> run_token_of(const Value& claims, const std::string& audience) {
  if (!is_for(claims.find("aud"), audience))
    return Error{ErrorCode::permission, what, "it is not for this audience (aud)",
                 "have it issued for " + audience + ", as verdicts.approval.audience says"};
  RunToken token;
  auto subject = text_of(claims.find("sub"), longest_name);
  if (!subject) return invalid(what, "it has no subject (sub) of 1 to 256 characters");
  token.subject = std::move(*subject);
  auto resources = globs_of(claims, "resources"), paths = globs_of(claims, "paths");
  if (!resources || !paths)
    return invalid(what, std::string("its claim ") + (resources ? "paths" : "resources") + " is no list of globs",
                   "write 1 to 256 texts, or leave it out");
  token.resources = std::move(*resources);
  token.paths = std::move(*paths);
  if (const Value* id = claims.find("jti"); id != nullptr) {
    if (!text_of(id, longest_name)) return invalid(what, "its id (jti) is no text of 1 to 256 characters");
    token.once = "jti";
  }
  const Value* end = claims.find("exp");
  double until = 0;
  if (end == nullptr || end->kind != Value::Kind::number ||
      std::from_chars(end->text.data(), end->text.data() + end->text.size(), until).ec != std::errc() || !(until >= 0))
    return invalid(what, "it has no end (exp)");
  token.until = static_cast<std::int64_t>(std::min(until, latest));
  return token;
}

}  // namespace

Result<RunToken> read_run_claims(std::string_view json, const std::string& audience) {
  Decoded claims = decode_json(json, false);
  auto token = claims.cut || claims.value.kind != Value::Kind::map
                   ? Result<RunToken>(invalid(what, "its claims are no JSON object"))
                   : run_token_of(claims.value, audience);
  wipe(claims.value);
  return token;
}

Result<RunToken> read_run_token(std::string_view token, const TokenKeys& keys, const std::string& audience,
                                std::int64_t now) {
  if (!keys.prove(token, now))
    return Error{ErrorCode::permission, what,
                 "none of the keys of verdicts.approval signed it, or it is not within its time",
                 "have a fresh one issued; the agent's log says which keys it has (event=token_keys)"};
  const auto first = token.find('.'), second = token.find('.', first + 1);
  std::string json = base64url_decoded(token.substr(first + 1, second - first - 1), TokenKeys::longest_token);
  auto read = read_run_claims(json, audience);
  ::explicit_bzero(json.data(), json.size());
  if (!read || read->once.empty()) return read;
  read->once = sha256_of(token.substr(0, second));
  if (read->once.empty()) return Error{ErrorCode::internal, what, "no digest of it could be made", ""};
  return read;
}

}  // namespace plumbline::cloud
