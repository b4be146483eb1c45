// Sizes and durations as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace plumbline::config {

/// "4096" (bytes), "64KiB", "16MiB", "1GiB", "2TiB"; nullopt for anything else, and past 64 bits.
std::optional<std::uint64_t> parse_bytes(const std::string& text);
std::string text_of_bytes(std::uint64_t bytes);

/// "250ms", "10s", "5m", "1h", "7d"; nullopt for anything else (a bare number too: it says no unit), and past 31 years.
std::optional<std::chrono::milliseconds> parse_duration(const std::string& text);
std::string text_of_duration(std::chrono::milliseconds value);

}  // namespace plumbline::config
