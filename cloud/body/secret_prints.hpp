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
  /// may hold it: as it is, without its base64, and as SHA-1 of either (the AWS provider's `user_data`); of a list
  /// those of of_list().
  void hide(Value& value) const;

  /// Fingerprints of a whole list as a state of the same shape has it, ordered and as a set: where some of it is
  /// secret, that is all that can be compared. None of one that is longer than 64 KiB.
  std::vector<std::uint64_t> of_list(const Value& list) const;

 private:
  std::vector<std::unique_ptr<const baseline::Fingerprinter>> keys_;
};

/// As SecretPrints::hide(), without fingerprints where `prints` is nullptr.
void hide_value(Value& value, const SecretPrints* prints);

/// The same of each value in a map by itself, so that their names are told and each can be compared; without `prints`
/// the whole of it.
void hide_each_value(Value& value, const SecretPrints* prints);

/// Hides by `hide` what of a list is secret; where something is, the list keeps the fingerprints of the whole, from
/// before anything of it was hidden.
template <class Hide>
void hide_in_list(Value& list, const SecretPrints* prints, Hide hide) {
  std::vector<std::uint64_t> whole;
  const bool is_whole = list.kind == Value::Kind::list && !list.items.empty() && !holds_secret(list);
  if (prints != nullptr && is_whole) whole = prints->of_list(list);
  for (auto& item : list.items) hide(item);
  if (is_whole && holds_secret(list)) list.prints = std::move(whole);
}

}  // namespace plumbline::cloud
