// Time, as Plumbline writes it: UTC nanoseconds inside, RFC 3339 outside.
#pragma once

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace plumbline {

/// Nanoseconds since 1970-01-01T00:00:00Z. 0 means "unknown".
using WallNs = std::int64_t;

/// Where a stage reads the time; injected so that tests need not wait. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallNs wall() const = 0;        ///< CLOCK_REALTIME
  virtual std::int64_t boot() const = 0;  ///< CLOCK_BOOTTIME in ns: what bpf_ktime_get_boot_ns() returns
  WallNs wall_at_boot(std::int64_t boot_ns) const { return wall() - (boot() - boot_ns); }
};

class SystemClock final : public Clock {
 public:
  WallNs wall() const override { return read(CLOCK_REALTIME); }
  std::int64_t boot() const override { return read(CLOCK_BOOTTIME); }

 private:
  static std::int64_t read(clockid_t id) {
    timespec now{};
    ::clock_gettime(id, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }
};

/// "2026-11-24T01:47:30.123456789Z" (RFC 3339, always nine fraction digits, so that strings sort as times do).
inline std::string rfc3339(WallNs at) {
  std::int64_t seconds = at / 1'000'000'000;
  std::int64_t nanos = at % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ", utc.tm_year + 1900, utc.tm_mon + 1,
                utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<long long>(nanos));
  return text;
}

/// Parses RFC 3339 with optional fraction and "Z" or a numeric offset; nullopt for anything else, for dates that do not
/// exist and for times outside of 1677 to 2262, which nanoseconds in 64 bits cannot hold.
inline std::optional<WallNs> parse_rfc3339(std::string_view text) {
  int year, month, day, hour, minute, second, used = 0;
  const std::string copy(text);
  if (copy.find_first_of(" \t\n") != std::string::npos) return std::nullopt;  // sscanf would skip it
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
    return std::nullopt;
  std::size_t at = static_cast<std::size_t>(used);
  std::int64_t nanos = 0;
  if (at < copy.size() && copy[at] == '.') {
    std::int64_t scale = 100'000'000;
    std::size_t digits = 0;
    for (++at; at < copy.size() && copy[at] >= '0' && copy[at] <= '9'; ++at, ++digits, scale /= 10)
      nanos += (copy[at] - '0') * scale;
    if (digits == 0) return std::nullopt;
  }
  std::int64_t offset = 0;
  if (copy.substr(at) != "Z" && copy.substr(at) != "z") {
    int h, m, length = 0;
    char sign;
    if (std::sscanf(copy.c_str() + at, "%c%2d:%2d%n", &sign, &h, &m, &length) != 3 || (sign != '+' && sign != '-') ||
        h < 0 || h > 23 || m < 0 || m > 59 || at + static_cast<std::size_t>(length) != copy.size())
      return std::nullopt;
    offset = (std::int64_t{h} * 3600 + std::int64_t{m} * 60) * (sign == '+' ? 1 : -1);
  }
  std::tm utc{};
  utc.tm_year = year - 1900;
  utc.tm_mon = month - 1;
  utc.tm_mday = day;
  utc.tm_hour = hour;
  utc.tm_min = minute;
  utc.tm_sec = second;
  const std::time_t time = ::timegm(&utc);
  // timegm() turns February 30th into March 2nd: what it did not keep was no date. Leap seconds are refused.
  const auto within = [](int value, int most) { return value >= 0 && value <= most; };
  if (utc.tm_mon != month - 1 || utc.tm_mday != day || !within(hour, 23) || !within(minute, 59) || !within(second, 59))
    return std::nullopt;
  std::int64_t at_seconds = static_cast<std::int64_t>(time) - offset;
  if (at_seconds < 0 && nanos > 0) {  // towards zero first, so that the product of the earliest times does not overflow
    ++at_seconds;
    nanos -= 1'000'000'000;
  }
  WallNs out = 0;
  if (__builtin_mul_overflow(at_seconds, 1'000'000'000, &out) || __builtin_add_overflow(out, nanos, &out))
    return std::nullopt;
  return out;
}

}  // namespace plumbline
