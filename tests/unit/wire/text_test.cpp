#include "include/wire/text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace plumbline::wire {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

TEST(Words, EveryValueHasOneTextAndBack) {
  for (int i = 0; i <= static_cast<int>(Verdict::expected_runtime); ++i)
    EXPECT_EQ(verdict_of(text_of(static_cast<Verdict>(i))), static_cast<Verdict>(i));
  for (int i = 0; i <= static_cast<int>(DriftState::suppressed); ++i)
    EXPECT_EQ(drift_state_of(text_of(static_cast<DriftState>(i))), static_cast<DriftState>(i));
  for (int i = 0; i <= static_cast<int>(Severity::critical); ++i)
    EXPECT_EQ(severity_of(text_of(static_cast<Severity>(i))), static_cast<Severity>(i));
  for (int i = 0; i <= static_cast<int>(ComparisonResult::not_comparable); ++i)
    EXPECT_EQ(comparison_of(text_of(static_cast<ComparisonResult>(i))), static_cast<ComparisonResult>(i));
  EXPECT_EQ(verdict_of("guilty"), std::nullopt);
  EXPECT_EQ(verdict_of(""), std::nullopt);
}

TEST(Utf8Length, FollowsRfc3629) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xC3\xA9"), 2U);
  EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4U);
  EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4U) << "U+10FFFF, the last";
  for (const char* bad : {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3x"})
    EXPECT_EQ(utf8_length(bad), 0U);
}

TEST(EscapeBytes, LeavesTextAlone) {
  for (const char* text : {"", "/etc/nginx/nginx.conf", "caf\xC3\xA9", "a\nb", "C:\\path", "\\"})
    EXPECT_EQ(escape_bytes(text), text);
}

TEST(EscapeBytes, SpellsWhatIsNotText) {
  EXPECT_EQ(escape_bytes("caf\xE9"), "caf\\xE9");
  EXPECT_EQ(escape_bytes("\xE2\x82"), "\\xE2\\x82");
  EXPECT_EQ(escape_bytes("\\x41"), "\\x5Cx41") << "text that looks like an escape must not read as one";
}

TEST(EscapeBytes, IsUtf8AndLosesNothingWhateverTheBytes) {
  std::mt19937 random(20261124);
  // Few values, so that escapes, half sequences and look-alikes are met often.
  constexpr char letters[] = "\\x4A5C\xC3\xA9\xE2\x82\xAC\xF0\xFF\0\n";
  const std::string_view alphabet(letters, sizeof letters - 1);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 12, ' ');
    for (char& c : bytes) c = alphabet[random() % alphabet.size()];
    const std::string text = escape_bytes(bytes);
    ASSERT_TRUE(is_utf8(text));
    ASSERT_EQ(unescape_bytes(text), bytes) << text;
  }
}

TEST(UnescapeBytes, LeavesWhatIsNoEscape) {
  for (const char* text : {"\\x", "\\x4", "\\xzz", "\\n", "x41", "\\xaa"}) EXPECT_EQ(unescape_bytes(text), text);
}

TEST(FindingId, IsMadeOfNodeBootAndSequence) {
  EXPECT_EQ(make_finding_id("3f9a1c2b99", "7d4e21aa-1111", 12), "3f9a1c2b-7d4e21aa-00000000000000000012");
  EXPECT_EQ(make_finding_id("n", "b", UINT64_MAX), "n-b-18446744073709551615");
}

}  // namespace
}  // namespace plumbline::wire
