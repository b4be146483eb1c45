#include "baseline/value/fingerprint.hpp"

#include <gtest/gtest.h>
#include <sodium/crypto_shorthash.h>

#include <set>

namespace plumbline::baseline {
namespace {

KeyedHash key_of(unsigned char first) {
  std::array<std::byte, 32> key{};
  key[0] = static_cast<std::byte>(first);
  return KeyedHash(key);
}

TEST(Fingerprint, is_the_same_for_the_same_value_under_one_key) {
  const KeyedHash key = key_of(1);
  EXPECT_EQ(Fingerprinter(key).of("\"web\""), Fingerprinter(key).of("\"web\""));
  EXPECT_NE(Fingerprinter(key).of("\"web\""), Fingerprinter(key).of("\"Web\""));
}

TEST(Fingerprint, says_nothing_under_another_key) {
  const KeyedHash one = key_of(1), two = key_of(2);
  EXPECT_NE(Fingerprinter(one).of("\"hunter2\""), Fingerprinter(two).of("\"hunter2\""));
}

TEST(Fingerprint, is_zero_for_what_is_absent_and_nothing_else) {
  const KeyedHash key = key_of(1);
  const Fingerprinter fingerprints(key);
  EXPECT_EQ(fingerprints.of(""), 0u);
  std::set<Fingerprint> seen;
  for (int i = 0; i < 100000; ++i) seen.insert(fingerprints.of(std::to_string(i)));
  EXPECT_EQ(seen.size(), 100000u);
  EXPECT_FALSE(seen.contains(0));
  EXPECT_EQ(*seen.rbegin() >> 63, 0u);  // an index needs this bit
}

TEST(Fingerprint, is_siphash_2_4_with_a_key_of_its_own) {
  // Of the key of 32 zero bytes: stays what it is, or every index that exists is worthless.
  const KeyedHash key = key_of(0);
  EXPECT_EQ(Fingerprinter(key).of("\"web\""), 4905545519724733361u);
}

}  // namespace
}  // namespace plumbline::baseline
