#include "agent/export/backoff.hpp"

#include <time.h>  // NOLINT(modernize-deprecated-headers): strptime and timegm are POSIX, not C++

#include <algorithm>
#include <charconv>
#include <string>

namespace plumbline::agent {

std::chrono::nanoseconds Backoff::next() {
  auto bound = first_;
  for (std::uint32_t i = 0; i < failures_ && bound < cap_; ++i) bound *= 2;
  ++failures_;
  const auto limit = static_cast<double>(std::min(bound, cap_).count());
  return std::chrono::nanoseconds(static_cast<std::int64_t>(limit * random_()));
}

std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, WallNs now) {
  constexpr std::int64_t max_seconds = 1'000'000'000;
  std::int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (problem == std::errc() && end == value.data() + value.size() && seconds >= 0)
    return std::chrono::seconds(std::min(seconds, max_seconds));
  std::tm date{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const std::int64_t until = static_cast<std::int64_t>(::timegm(&date)) - now / 1'000'000'000;
  return std::chrono::seconds(std::clamp<std::int64_t>(until, 0, max_seconds));
}

}  // namespace plumbline::agent
