#include "include/util/clock.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace plumbline {
namespace {

constexpr WallNs second = 1'000'000'000;
constexpr WallNs moment = 1'795'484'850 * second + 123'456'789;  // 2026-11-24T01:47:30.123456789Z

TEST(Rfc3339, IsWrittenInUtcWithNineDigits) {
  EXPECT_EQ(rfc3339(moment), "2026-11-24T01:47:30.123456789Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(moment - 123'456'789), "2026-11-24T01:47:30.000000000Z");
}

TEST(Rfc3339, BeforeTheEpochTheFractionStillCountsUpwards) {
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(-second), "1969-12-31T23:59:59.000000000Z");
}

TEST(Rfc3339, SortsAsTimeDoes) {
  EXPECT_LT(rfc3339(9 * second), rfc3339(10 * second));
  EXPECT_LT(rfc3339(moment), rfc3339(moment + 1));
}

TEST(Rfc3339, ComesBackAsItWent) {
  for (const WallNs at : {WallNs{0}, moment, WallNs{-1}, -123 * second - 5, std::numeric_limits<WallNs>::max(),
                          std::numeric_limits<WallNs>::min()})
    EXPECT_EQ(parse_rfc3339(rfc3339(at)), at) << rfc3339(at);
}

TEST(ParseRfc3339, TakesOffsetsAndAnyFraction) {
  EXPECT_EQ(parse_rfc3339("2026-11-24T03:47:30.123456789+02:00"), moment);
  EXPECT_EQ(parse_rfc3339("2026-11-23T22:17:30.123456789-03:30"), moment);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.5Z"), second / 2);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01z"), second);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.1234567899Z"), 123'456'789) << "digits past nanoseconds are cut";
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), 1'709'164'800 * second);
}

TEST(ParseRfc3339, RefusesAnythingElse) {
  for (const char* text :
       {"", "now", "2026-11-24", "2026-11-24T01:47:30", "2026-11-24T01:47:30.Z", "2026-11-24T01:47:30Zulu",
        "2026-11-24T01:47:30+0200", "2026-11-24T01:47:30+02:00x", "2026-11-24T01:47:30*02:00", "2026-11-24T 1:47:30Z",
        " 2026-11-24T01:47:30Z", "2026-11-24T-1:47:30Z", "2026-11-24T01:-1:30Z", "2026-11-24T01:47:30+-2:00"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(ParseRfc3339, RefusesDatesThatDoNotExist) {
  for (const char* text :
       {"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-06-30T12:00:60Z", "2026-01-01T00:00:00+24:00"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(ParseRfc3339, RefusesTimesThatDoNotFitNanoseconds) {
  EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z"), std::nullopt);
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z"), std::nullopt);
}

class FixedClock final : public Clock {
 public:
  WallNs wall() const override { return 1'000 * second; }
  std::int64_t boot() const override { return 50 * second; }
};

TEST(Clock, TurnsBootTimesIntoWallTimes) {
  const FixedClock clock;
  EXPECT_EQ(clock.wall_at_boot(50 * second), 1'000 * second);
  EXPECT_EQ(clock.wall_at_boot(20 * second), 970 * second);
}

TEST(SystemClock, BootTimeDoesNotRunBackwards) {
  const SystemClock clock;
  const auto before = clock.boot();
  EXPECT_GE(clock.boot(), before);
  EXPECT_GT(clock.wall(), moment - 10 * 365 * 86'400 * second);
}

}  // namespace
}  // namespace plumbline
