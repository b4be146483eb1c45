#include "fetch/signed_text.hpp"

#include <openssl/evp.h>
#include <simdjson.h>

#include <memory>

#include "baseline/keyed_hash.hpp"
#include "baseline/source/base64.hpp"
#include "fetch/encoding.hpp"
#include "include/wire/json_write.hpp"

namespace plumbline::fetch {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::size_t signature_bytes = 64;

const unsigned char* bytes_of(const Ed25519Key& key) {
  return reinterpret_cast<const unsigned char*>(key.data());
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// What is signed: DSSE's pre-authentication encoding.
std::string encoded(std::string_view type, std::string_view text) {
  std::string out = "DSSEv1 " + std::to_string(type.size()) + " ";
  out.append(type).append(" ").append(std::to_string(text.size())).append(" ").append(text);
  return out;
}

bool is_signed_by(const Ed25519Key& public_key, std::string_view signed_bytes, std::string_view signature) {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size()),
                EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(signed_bytes),
                          signed_bytes.size()) == 1;
}

}  // namespace

Ed25519Key public_key_of(const Ed25519Key& private_key) {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(private_key), private_key.size()),
                EVP_PKEY_free);
  Ed25519Key result{};
  std::size_t size = result.size();
  EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(result.data()), &size);
  return result;
}

std::string key_id_of(const Ed25519Key& public_key) {
  const auto digest = baseline::sha256({reinterpret_cast<const char*>(public_key.data()), public_key.size()});
  return to_hex(digest).substr(0, 16);
}

std::string sign(std::string_view type, std::string_view text, const Ed25519Key& private_key) {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(private_key), private_key.size()),
                EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::string bytes = encoded(type, text);
  std::string signature(signature_bytes, '\0');
  std::size_t size = signature.size();
  EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get());
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(bytes),
                 bytes.size());
  const auto signed_by =
      wire::JsonObject().text("keyid", key_id_of(public_key_of(private_key))).text("sig", base64(signature)).str();
  return wire::JsonObject()
      .text("payloadType", type)
      .text("payload", base64(text))
      .raw("signatures", "[" + signed_by + "]")
      .str();
}

Result<std::string> open_signed(std::string_view type, std::string_view envelope, const Ed25519Key& public_key) {
  const std::string what = "open a signed answer";
  const auto broken = [&](const char* why) {
    return Error{ErrorCode::corrupt, what, why, "is it a collector's that hands out baselines?"};
  };
  simdjson::dom::parser parser;
  simdjson::dom::element top;
  std::string_view said_type, payload;
  simdjson::dom::array signatures;
  if (parser.parse(simdjson::padded_string(envelope)).get(top) != simdjson::SUCCESS ||
      top["payloadType"].get_string().get(said_type) != simdjson::SUCCESS ||
      top["payload"].get_string().get(payload) != simdjson::SUCCESS ||
      top["signatures"].get_array().get(signatures) != simdjson::SUCCESS)
    return broken("it is no signed envelope");
  if (said_type != type)
    return Error{ErrorCode::permission, what, "it was signed to be something else", "is the URL right?"};
  auto text = baseline::decode_base64(payload, baseline::Base64::strict);
  if (!text) return broken("its payload is no base64");
  const std::string bytes = encoded(type, *text);
  for (const auto entry : signatures) {
    std::string_view encoded_signature;
    if (entry["sig"].get_string().get(encoded_signature) != simdjson::SUCCESS) continue;
    const auto signature = baseline::decode_base64(encoded_signature, baseline::Base64::strict);
    if (signature && signature->size() == signature_bytes && is_signed_by(public_key, bytes, *signature))
      return std::move(*text);
  }
  return Error{ErrorCode::permission, what, "no signature is of the key " + key_id_of(public_key),
               "give the agent the collector's present node.key"};
}

}  // namespace plumbline::fetch
