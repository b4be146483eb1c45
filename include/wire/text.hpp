// Text forms of the wire enumerations, and of byte strings that need not be UTF-8.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "include/util/hex.hpp"
#include "include/wire/finding.hpp"

namespace plumbline::wire {

namespace detail {
template <class E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

inline constexpr Names<Verdict, 7> verdict_names{{{Verdict::out_of_band, "out_of_band"},
                                                  {Verdict::in_band, "in_band"},
                                                  {Verdict::pending, "pending"},
                                                  {Verdict::unapproved_run, "unapproved_run"},
                                                  {Verdict::converged_by_stranger, "converged_by_stranger"},
                                                  {Verdict::impersonation, "impersonation"},
                                                  {Verdict::expected_runtime, "expected_runtime"}}};
inline constexpr Names<ComparisonResult, 3> comparison_names{{{ComparisonResult::match, "match"},
                                                              {ComparisonResult::mismatch, "mismatch"},
                                                              {ComparisonResult::not_comparable, "not_comparable"}}};
inline constexpr Names<Severity, 5> severity_names{{{Severity::info, "info"},
                                                    {Severity::low, "low"},
                                                    {Severity::medium, "medium"},
                                                    {Severity::high, "high"},
                                                    {Severity::critical, "critical"}}};
inline constexpr Names<DriftState, 6> drift_state_names{{{DriftState::open, "open"},
                                                         {DriftState::resolved, "resolved"},
                                                         {DriftState::accepted, "accepted"},
                                                         {DriftState::contested, "contested"},
                                                         {DriftState::suppressed, "suppressed"},
                                                         {DriftState::forgotten, "forgotten"}}};
inline constexpr Names<RollbackState, 12> rollback_state_names{{{RollbackState::observed, "observed"},
                                                                {RollbackState::proposed, "proposed"},
                                                                {RollbackState::awaiting_approval, "awaiting_approval"},
                                                                {RollbackState::deferred, "deferred"},
                                                                {RollbackState::waiting, "waiting"},
                                                                {RollbackState::running, "running"},
                                                                {RollbackState::reverted, "reverted"},
                                                                {RollbackState::revert_failed, "revert_failed"},
                                                                {RollbackState::rollback_unsafe, "rollback_unsafe"},
                                                                {RollbackState::re_drifted, "re_drifted"},
                                                                {RollbackState::contested, "contested"},
                                                                {RollbackState::undone, "undone"}}};

template <class E, std::size_t N>
constexpr std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [candidate, name] : names)
    if (candidate == value) return name;
  return "unknown";
}
template <class E, std::size_t N>
constexpr std::optional<E> value_of(const Names<E, N>& names, std::string_view text) {
  for (const auto& [candidate, name] : names)
    if (name == text) return candidate;
  return std::nullopt;
}
}  // namespace detail

constexpr std::string_view text_of(Verdict v) {
  return detail::name_of(detail::verdict_names, v);
}
constexpr std::string_view text_of(ComparisonResult v) {
  return detail::name_of(detail::comparison_names, v);
}
constexpr std::string_view text_of(Severity v) {
  return detail::name_of(detail::severity_names, v);
}
constexpr std::string_view text_of(DriftState v) {
  return detail::name_of(detail::drift_state_names, v);
}
constexpr std::string_view text_of(RollbackState v) {
  return detail::name_of(detail::rollback_state_names, v);
}

constexpr std::optional<Verdict> verdict_of(std::string_view t) {
  return detail::value_of(detail::verdict_names, t);
}
constexpr std::optional<ComparisonResult> comparison_of(std::string_view t) {
  return detail::value_of(detail::comparison_names, t);
}
constexpr std::optional<Severity> severity_of(std::string_view t) {
  return detail::value_of(detail::severity_names, t);
}
constexpr std::optional<DriftState> drift_state_of(std::string_view t) {
  return detail::value_of(detail::drift_state_names, t);
}
constexpr std::optional<RollbackState> rollback_state_of(std::string_view t) {
  return detail::value_of(detail::rollback_state_names, t);
}

/// Length of the well-formed UTF-8 sequence at the start of `bytes` (RFC 3629: no overlong forms, no surrogates); 0
/// where there is none.
constexpr std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto tail = [&](std::size_t i) { return i < bytes.size() && (at(i) & 0xC0) == 0x80; };
  if (bytes.empty()) return 0;
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xE0 && at(1) < 0xA0) return 0;
    if (lead == 0xED && at(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xF0 && at(1) < 0x90) return 0;
    if (lead == 0xF4 && at(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

/// Any bytes as UTF-8 text without loss: bytes outside UTF-8 become "\xNN", a backslash that would read as such an
/// escape becomes "\x5C". Other text, newlines included, is kept (JSON escapes it, the CLI escapes for terminals).
inline std::string escape_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  const auto escape = [&](char c) {
    text += "\\x";
    append_hex(text, static_cast<unsigned char>(c), upper_hex);
  };
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length == 0 || bytes.substr(0, 2) == "\\x") {
      escape(bytes[0]);
      bytes.remove_prefix(1);
      continue;
    }
    text += bytes.substr(0, length);
    bytes.remove_prefix(length);
  }
  return text;
}

/// The inverse of escape_bytes().
inline std::string unescape_bytes(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  const auto digit = [](char c) { return upper_hex.find(c) == std::string_view::npos ? -1 : hex_value(c); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 3 < text.size() && text[i] == '\\' && text[i + 1] == 'x' && digit(text[i + 2]) >= 0 &&
        digit(text[i + 3]) >= 0) {
      bytes += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
      i += 3;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

}  // namespace plumbline::wire
