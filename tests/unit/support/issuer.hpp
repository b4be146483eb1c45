// An issuer of tokens of a test's own: makes a key, tells its public half, signs.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plumbline {

inline std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

class Issuer {
 public:
  /// "RS256", "PS256", "ES256", "EdDSA"
  explicit Issuer(std::string algorithm, std::string id = "key-1", unsigned rsa_bits = 2048)
      : algorithm_(std::move(algorithm)), id_(std::move(id)) {
    key_.reset(algorithm_ == "ES256"   ? EVP_EC_gen("P-256")
               : algorithm_ == "EdDSA" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                       : EVP_RSA_gen(rsa_bits));
    if (!key_) throw std::runtime_error("no key");
  }

  std::string jwk() const {
    std::string text = R"({"kid":")" + id_ + R"(","use":"sig",)";
    if (algorithm_ == "ES256")
      text += R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
              number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"";
    else if (algorithm_ == "EdDSA")
      text += R"("kty":"OKP","crv":"Ed25519","x":")" + raw() + "\"";
    else
      text += R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":"AQAB")";
    return text + "}";
  }
  std::string jwks() const { return R"({"keys":[)" + jwk() + "]}"; }

  /// `claims`: JSON.
  std::string token(std::string_view claims) const {
    const std::string said =
        base64url(R"({"alg":")" + algorithm_ + R"(","kid":")" + id_ + R"("})") + "." + base64url(claims);
    return said + "." + base64url(signature(said));
  }

 private:
  std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string bytes(static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    BN_free(value);
    return base64url(bytes);
  }
  std::string raw() const {
    std::string bytes(32, '\0');
    std::size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size);
    return base64url(bytes);
  }
  std::string signature(const std::string& said) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* options = nullptr;
    EVP_DigestSignInit_ex(context.get(), &options, algorithm_ == "EdDSA" ? nullptr : "SHA256", nullptr, nullptr,
                          key_.get(), nullptr);
    if (algorithm_ == "PS256") {
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string bytes(1024, '\0');
    std::size_t size = bytes.size();
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size,
                       reinterpret_cast<const unsigned char*>(said.data()), said.size()) != 1)
      throw std::runtime_error("no signature");
    bytes.resize(size);
    return algorithm_ == "ES256" ? pair_of(bytes) : bytes;
  }
  /// r and s, 32 bytes each.
  static std::string pair_of(const std::string& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::string pair(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(pair.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32);
    ECDSA_SIG_free(signature);
    return pair;
  }

  std::string algorithm_, id_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{nullptr, EVP_PKEY_free};
};

}  // namespace plumbline
