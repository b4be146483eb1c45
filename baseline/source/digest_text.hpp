#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "baseline/baseline.hpp"
#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// The digest that 64 hex digits write; nullopt for anything else.
inline std::optional<Sha256> sha256_of_hex(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  Sha256 digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

/// FileExpectation::content of a digest: keyed where the file is sensitive.
inline std::string content_text(const Sha256& digest, bool sensitive, const Keys& keys) {
  return sensitive ? keys.files.of_digest(digest) : "sha256:" + to_hex(digest);
}

}  // namespace plumbline::baseline
