// HMAC-SHA-256, with which Amazon's and Azure's keys sign requests.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace plumbline::fetch {

using Mac = std::array<std::byte, 32>;

inline Mac hmac_sha256(std::string_view key, std::string_view text) {
  Mac mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

/// Its bytes, to be a key or a text in turn. Valid as long as `mac` is.
inline std::string_view bytes_of(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

}  // namespace plumbline::fetch
