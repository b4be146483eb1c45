#include "cloud/token_keys.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cloud/bearer.hpp"
#include "cloud/body/value.hpp"
#include "include/util/free_with.hpp"

namespace plumbline::cloud {
namespace {

using Pkey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using Build = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

constexpr int least_rsa_bits = 2048, most_rsa_bits = 8192;
constexpr std::int64_t leeway = 60;  // clocks of machines differ

/// RFC 7518, 3.1 and RFC 8037, 3.1.
struct Algorithm {
  std::string_view name;
  int key;  // EVP_PKEY_…
  const char* digest;
  bool pss;
  std::size_t part;  // of an ECDSA signature: bytes of r, and of s
};
constexpr std::array<Algorithm, 10> algorithms = {{{"RS256", EVP_PKEY_RSA, "SHA256", false, 0},
                                                   {"RS384", EVP_PKEY_RSA, "SHA384", false, 0},
                                                   {"RS512", EVP_PKEY_RSA, "SHA512", false, 0},
                                                   {"PS256", EVP_PKEY_RSA, "SHA256", true, 0},
                                                   {"PS384", EVP_PKEY_RSA, "SHA384", true, 0},
                                                   {"PS512", EVP_PKEY_RSA, "SHA512", true, 0},
                                                   {"ES256", EVP_PKEY_EC, "SHA256", false, 32},
                                                   {"ES384", EVP_PKEY_EC, "SHA384", false, 48},
                                                   {"ES512", EVP_PKEY_EC, "SHA512", false, 66},
                                                   {"EdDSA", EVP_PKEY_ED25519, nullptr, false, 0}}};

std::string text_of(const Value& map, std::string_view name) {
  const Value* value = map.find(name);
  return value != nullptr && value->kind == Value::Kind::text ? value->text : std::string();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Pkey key_of(const char* type, OSSL_PARAM_BLD* build) {
  const Params params(OSSL_PARAM_BLD_to_param(build));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return Pkey(key);
}

/// RFC 7518, 6.3.
Pkey rsa_key(const Value& jwk) {
  const Number n = number_of(base64url_decoded(text_of(jwk, "n"), most_rsa_bits / 8 + 1));
  const Number e = number_of(base64url_decoded(text_of(jwk, "e"), 8));
  const Build build(OSSL_PARAM_BLD_new());
  if (!n || !e || !build || BN_num_bits(n.get()) < least_rsa_bits || BN_num_bits(n.get()) > most_rsa_bits ||
      BN_is_odd(e.get()) == 0 || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return key_of("RSA", build.get());
}

/// RFC 7518, 6.2. A point that is not on the curve is refused by OpenSSL.
Pkey ec_key(const Value& jwk) {
  struct Curve {
    std::string_view name;
    const char* group;
    std::size_t bytes;
  };
  constexpr std::array<Curve, 3> curves = {{{"P-256", "P-256", 32}, {"P-384", "P-384", 48}, {"P-521", "P-521", 66}}};
  const std::string name = text_of(jwk, "crv");
  const auto* curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& c) { return c.name == name; });
  if (curve == curves.end()) return nullptr;
  const std::string x = base64url_decoded(text_of(jwk, "x"), curve->bytes + 1);
  const std::string y = base64url_decoded(text_of(jwk, "y"), curve->bytes + 1);
  const Build build(OSSL_PARAM_BLD_new());
  if (x.size() != curve->bytes || y.size() != curve->bytes || !build) return nullptr;
  const std::string point = '\x04' + x + y;  // SEC 1, 2.3.3: uncompressed
  if (OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return key_of("EC", build.get());
}

/// RFC 8037, 2.
Pkey edwards_key(const Value& jwk) {
  const std::string x = base64url_decoded(text_of(jwk, "x"), 33);
  if (text_of(jwk, "crv") != "Ed25519" || x.size() != 32) return nullptr;
  return Pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
}

Pkey key_of(const Value& jwk) {
  if (const std::string use = text_of(jwk, "use"); !use.empty() && use != "sig") return nullptr;
  const std::string type = text_of(jwk, "kty");
  return type == "RSA" ? rsa_key(jwk) : type == "EC" ? ec_key(jwk) : type == "OKP" ? edwards_key(jwk) : nullptr;
}

/// A JWS has r and s one behind the other (RFC 7518, 3.4), OpenSSL wants them in DER.
std::string der_of(std::string_view pair, std::size_t part) {
  if (pair.size() != 2 * part) return {};
  const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> signature(ECDSA_SIG_new());
  Number r = number_of(pair.substr(0, part)), s = number_of(pair.substr(part));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // the signature's now
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  const std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

bool verifies(EVP_PKEY* key, const Algorithm& algorithm, std::string_view said, const std::string& signature) {
  const Digest context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (!context ||
      EVP_DigestVerifyInit_ex(context.get(), &options, algorithm.digest, nullptr, nullptr, key, nullptr) != 1)
    return false;
  if (algorithm.pss && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
                        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(said), said.size()) == 1;
}

/// RFC 7519, 2: NumericDate. nullopt where it is missing or none.
std::optional<double> time_of(const Value& claims, std::string_view name) {
  const Value* value = claims.find(name);
  double time = 0;
  if (value == nullptr || value->kind != Value::Kind::number) return std::nullopt;
  const char* end = value->text.data() + value->text.size();
  const auto [at, bad] = std::from_chars(value->text.data(), end, time);
  return bad == std::errc() && at == end ? std::optional(time) : std::nullopt;
}

bool is_within_its_time(std::string_view payload, std::int64_t now, std::string& issuer) {
  std::string json = base64url_decoded(payload, TokenKeys::longest_token);
  Decoded claims = decode_json(json, false);
  const auto until = time_of(claims.value, "exp"), from = time_of(claims.value, "nbf");
  const bool is_within = !claims.cut && until && static_cast<double>(now - leeway) < *until &&
                         (claims.value.find("nbf") == nullptr || (from && *from <= static_cast<double>(now + leeway)));
  issuer = text_of(claims.value, "iss");
  wipe(claims.value);
  ::explicit_bzero(json.data(), json.size());
  return is_within;
}

}  // namespace

struct TokenKeys::Key {
  std::string id;  // "" = it has none
  std::string algorithm;
  int type = 0;
  Pkey key;
  TokenIssuer issuer;
};

TokenKeys::TokenKeys() = default;
TokenKeys::~TokenKeys() = default;
TokenKeys::TokenKeys(TokenKeys&&) noexcept = default;
TokenKeys& TokenKeys::operator=(TokenKeys&&) noexcept = default;

Result<void> TokenKeys::add_jwks(const std::string& origin, std::string_view json, const TokenIssuer& issuer) {
  const std::string what = "read the keys of " + origin;
  if (json.size() > most_bytes)
    return Error{ErrorCode::invalid_argument, what, "there are more than 256 KiB of them", "is it a JWK set?"};
  const Decoded set = decode_json(json, false);
  const Value* list = set.value.find("keys");
  if (set.cut || list == nullptr || list->kind != Value::Kind::list)
    return Error{ErrorCode::invalid_argument, what, "it is no JWK set (RFC 7517)",
                 "an API server has one at /openid/v1/jwks"};
  std::size_t used = 0;
  for (const auto& jwk : list->items) {
    Pkey key = key_of(jwk);
    if (!key) continue;
    if (keys_.size() >= most_keys)
      return Error{ErrorCode::invalid_argument, what, "there are more than " + std::to_string(most_keys) + " keys",
                   "give fewer issuers"};
    const int type = EVP_PKEY_get_base_id(key.get());
    keys_.push_back({text_of(jwk, "kid"), text_of(jwk, "alg"), type, std::move(key), issuer});
    ++used;
  }
  if (used == 0)
    return Error{ErrorCode::invalid_argument, what, "no key of it can be used",
                 "keys are RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519"};
  return {};
}

std::size_t TokenKeys::size() const {
  return keys_.size();
}

bool TokenKeys::prove(std::string_view token, std::int64_t now, bool* of_cluster) const {
  if (keys_.empty() || token.size() > longest_token) return false;
  const auto first = token.find('.'), second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return false;
  const Decoded head = decode_json(base64url_decoded(token.substr(0, first), longest_token), false);
  const std::string name = text_of(head.value, "alg"), id = text_of(head.value, "kid");
  const auto* algorithm =
      std::find_if(algorithms.begin(), algorithms.end(), [&](const Algorithm& a) { return a.name == name; });
  // RFC 7515, 4.1.11: who does not know what "crit" lists must not take the token.
  if (head.cut || algorithm == algorithms.end() || head.value.find("crit") != nullptr) return false;
  std::string signature = base64url_decoded(token.substr(second + 1), 2'048);
  if (algorithm->part != 0) signature = der_of(signature, algorithm->part);
  std::string issuer;
  if (signature.empty() || !is_within_its_time(token.substr(first + 1, second - first - 1), now, issuer)) return false;
  const auto fits = [&](const Key& key) {
    return (key.issuer.name.empty() || key.issuer.name == issuer) && key.type == algorithm->key &&
           (key.id.empty() || id.empty() || key.id == id) && (key.algorithm.empty() || key.algorithm == name);
  };
  const auto by = std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) {
    return fits(key) && verifies(key.key.get(), *algorithm, token.substr(0, second), signature);
  });
  if (by != keys_.end() && of_cluster != nullptr) *of_cluster = by->issuer.is_cluster;
  return by != keys_.end();
}

}  // namespace plumbline::cloud
