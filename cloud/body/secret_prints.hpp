// Secrets as keyed hashes: what a call sets can be held against a baseline that knows the value by its hash alone.
#pragma once

#include <memory>
#include <vector>

#include "baseline/value/fingerprint.hpp"
#include "cloud/body/value.hpp"

namespace plumbline::cloud {

/// The keys of the baselines that may know a secret. Immutable, thread-safe.
class SecretPrints {
 public:
  /// The keys are copied from.
  explicit SecretPrints(const std::vector<const baseline::KeyedHash*>& keys);

  /// Makes a secret of it, wiping it. Of a text its fingerprints stay, under each key and in each form in which a state
  /// may hold it: as it is, without its base64, and as SHA-1 of either (the AWS provider's `user_data`).
  void hide(Value& value) const;

 private:
  std::vector<std::unique_ptr<const baseline::Fingerprinter>> keys_;
};

/// As SecretPrints::hide(), without fingerprints where `prints` is nullptr.
void hide_value(Value& value, const SecretPrints* prints);

}  // namespace plumbline::cloud
