#include "baseline/value/fingerprint.hpp"

#include <sodium/crypto_shorthash.h>
#include <string.h>

#include <cstring>
#include <string>

#include "include/util/hex.hpp"

namespace plumbline::baseline {

static_assert(crypto_shorthash_BYTES == sizeof(Fingerprint) && crypto_shorthash_KEYBYTES == 16);

Fingerprinter::Fingerprinter(const KeyedHash& key) {
  // "hmac-sha256:" and 64 digits: the first 16 bytes of a keyed hash of a label are a key of their own.
  std::string derived = key.of_digest(sha256("plumbline attribute fingerprints v1"));
  const std::size_t digits = derived.find(':') + 1;
  for (std::size_t i = 0; i < key_.size(); ++i)
    key_[i] = static_cast<std::byte>(hex_value(derived[digits + 2 * i]) << 4 | hex_value(derived[digits + 2 * i + 1]));
  ::explicit_bzero(derived.data(), derived.size());
}

Fingerprinter::~Fingerprinter() {
  ::explicit_bzero(key_.data(), key_.size());
}

Fingerprint Fingerprinter::of(std::string_view canonical) const {
  if (canonical.empty()) return 0;
  std::array<unsigned char, sizeof(Fingerprint)> bytes;
  crypto_shorthash(bytes.data(), reinterpret_cast<const unsigned char*>(canonical.data()), canonical.size(),
                   reinterpret_cast<const unsigned char*>(key_.data()));
  Fingerprint print = 0;
  std::memcpy(&print, bytes.data(), sizeof print);
  // An index keeps 63 bits, and 0 means "absent".
  print &= ~(Fingerprint{1} << 63);
  return print == 0 ? 1 : print;
}

}  // namespace plumbline::baseline
