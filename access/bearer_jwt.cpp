#include "access/bearer_jwt.hpp"

#include <string.h>

#include <algorithm>
#include <charconv>

#include "cloud/bearer.hpp"
#include "cloud/body/value.hpp"
#include "include/util/glob.hpp"

namespace plumbline::access {
namespace {

using cloud::Value;

constexpr const char* what = "take the bearer token";
constexpr std::size_t longest_name = 256;
constexpr double latest = 7'258'118'400;  // 2200-01-01

/// The claims of a token, wiped when they go.
class Claims {
 public:
  explicit Claims(std::string_view token) {
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.size() > cloud::TokenKeys::longest_token) return;
    std::string json = cloud::base64url_decoded(token.substr(first + 1, second - first - 1), token.size());
    decoded_ = cloud::decode_json(json, false);
    ::explicit_bzero(json.data(), json.size());
    is_there_ = !decoded_.cut && decoded_.value.kind == Value::Kind::map;
  }
  ~Claims() { cloud::wipe(decoded_.value); }
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  bool is_there() const { return is_there_; }
  const Value* find(std::string_view name) const { return is_there_ ? decoded_.value.find(name) : nullptr; }

  /// Whether a claim is a text that fits, or a list with one.
  template <class Fits>
  bool has(std::string_view name, Fits fits) const {
    const Value* claim = find(name);
    const auto is_it = [&](const Value& value) { return value.kind == Value::Kind::text && fits(value.text); };
    return claim != nullptr && (is_it(*claim) || (claim->kind == Value::Kind::list &&
                                                  std::any_of(claim->items.begin(), claim->items.end(), is_it)));
  }
  std::int64_t time(std::string_view name) const {
    const Value* claim = find(name);
    double at = 0;
    if (claim == nullptr || claim->kind != Value::Kind::number ||
        std::from_chars(claim->text.data(), claim->text.data() + claim->text.size(), at).ec != std::errc() ||
        !(at >= 0))
      return 0;
    return static_cast<std::int64_t>(std::min(at, latest));
  }
  std::string subject() const {
    const Value* claim = find("sub");
    const bool fine = claim != nullptr && claim->kind == Value::Kind::text && !claim->text.empty() &&
                      claim->text.size() <= longest_name &&
                      std::none_of(claim->text.begin(), claim->text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
    return fine ? claim->text : std::string();
  }

 private:
  cloud::Decoded decoded_;
  bool is_there_ = false;
};

Error refused(std::string why, std::string fix) {
  return {ErrorCode::permission, what, std::move(why), std::move(fix)};
}

bool is_for(const Claims& claims, const std::string& audience) {
  return claims.has("aud", [&](const std::string& one) { return one == audience; });
}

}  // namespace

Result<std::string> prove_jwt(std::string_view token, const cloud::TokenKeys& keys, const JwtConfig& config,
                              std::int64_t now) {
  const Claims claims(token);
  if (!claims.is_there()) return refused("it is no JWT", "give one of the issuer's");
  if (!keys.prove(token, now)) {
    // What it says of its time is worth a word only where its issuer said so.
    const std::int64_t until = claims.time("exp"), from = claims.time("nbf");
    if (until != 0 && until <= now && keys.prove(token, until - 1)) return refused(expired_token, "get a fresh one");
    if (from > now && keys.prove(token, from)) return refused("it is not valid yet", "look at both machines' clocks");
    return refused("no key of its issuer signed it", "get one of the issuer that `access` names");
  }
  if (!is_for(claims, config.audience))
    return refused("it is for another audience (aud)", "get one for " + config.audience);
  std::string subject = claims.subject();
  if (subject.empty()) return refused("it has no subject (sub) of 1 to 256 characters", "");
  const bool is_known =
      config.subjects.empty() || std::any_of(config.subjects.begin(), config.subjects.end(),
                                             [&](const auto& glob) { return text_glob_matches(glob, subject); });
  if (!is_known) return refused("it is of " + subject + ", whom no glob of `subjects` fits", "");
  for (const auto& [name, glob] : config.claims)
    if (!claims.has(name, [&g = glob](const std::string& text) { return text_glob_matches(g, text); }))
      return refused("its claim " + name + " does not fit", "");
  return subject;
}

std::optional<SaidClaims> said_by(std::string_view token, const std::string& audience) {
  const Claims claims(token);
  if (!claims.is_there()) return std::nullopt;
  return SaidClaims{is_for(claims, audience), claims.time("exp")};
}

}  // namespace plumbline::access
