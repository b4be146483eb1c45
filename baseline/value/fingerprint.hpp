#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "baseline/keyed_hash.hpp"
#include "baseline/resource.hpp"

namespace plumbline::baseline {

/// Turns canonical values into fingerprints: SipHash-2-4 (Aumasson, Bernstein 2012) under a key derived from this
/// install's. A keyed pseudo-random function, so a fingerprint of a guessable secret tells nothing without the key; 63
/// bits, since a state of a million resources holds tens of millions of them and each is only compared with one live
/// value (docs/decisions/0011-attribute-fingerprints.md). Immutable after construction, thread-safe.
class Fingerprinter {
 public:
  explicit Fingerprinter(const KeyedHash& key);
  ~Fingerprinter();  // clears the key
  Fingerprinter(const Fingerprinter&) = delete;
  Fingerprinter& operator=(const Fingerprinter&) = delete;

  /// Never 0 for a value; 0 for "", which is how canonical() writes what is absent. The highest bit is never set: an
  /// index needs it to tell fingerprints from texts.
  Fingerprint of(std::string_view canonical) const;

 private:
  std::array<std::byte, 16> key_;
};

}  // namespace plumbline::baseline
