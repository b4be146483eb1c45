#include "http/retry.hpp"

#include <time.h>  // NOLINT(modernize-deprecated-headers): strptime and timegm are POSIX, not C++

#include <charconv>
#include <string>

namespace plumbline::http {

std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, WallNs now) {
  constexpr std::int64_t max_seconds = 1'000'000'000;  // so that nanoseconds do not overflow
  std::int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (problem == std::errc() && end == value.data() + value.size() && seconds >= 0)
    return std::chrono::seconds(std::min(seconds, max_seconds));
  const std::string text(value);
  // Recipients must take the obsolete forms too: RFC 850's and asctime()'s.
  for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm date{};
    const char* rest = ::strptime(text.c_str(), form, &date);
    if (rest == nullptr || *rest != '\0') continue;
    const std::int64_t until = static_cast<std::int64_t>(::timegm(&date)) - now / 1'000'000'000;
    return std::chrono::seconds(std::clamp<std::int64_t>(until, 0, max_seconds));
  }
  return std::nullopt;
}

}  // namespace plumbline::http
