// Query parameters that every list has: limit, cursor, since, and the refusal of unknown ones.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "include/util/clock.hpp"
#include "include/util/result.hpp"

namespace plumbline::http {

inline constexpr std::size_t default_limit = 100;
inline constexpr std::size_t max_limit = 1000;

/// 1 to 1000; 100 where it is not given.
Result<std::size_t> parse_limit(const Fields& query);

/// RFC 3339 ("2026-11-24T01:47:30Z"); nullopt where it is not given.
Result<std::optional<WallNs>> parse_since(const Fields& query);

/// A position in a list as text that only the server reads (base64url with a check value). `list` names the list, so
/// that a cursor of one is refused by another.
std::string encode_cursor(std::string_view list, std::string_view position);
Result<std::string> decode_cursor(std::string_view list, std::string_view cursor);

/// `cursor` of the query, decoded; nullopt where it is not given.
Result<std::optional<std::string>> parse_cursor(const Fields& query, std::string_view list);

/// An error for a parameter that is not among `known` or is given twice; names the known ones and suggests the
/// nearest.
Result<void> check_query(const Fields& query, std::initializer_list<std::string_view> known);

/// `value` must be one of `known` words; the error lists them and suggests the nearest.
Result<void> check_word(std::string_view parameter, std::string_view value, std::span<const std::string_view> known);

/// {"items":[…],"next_cursor":…}. `items`: JSON texts; `next`: an encoded cursor, "" = the end.
class PageWriter {
 public:
  void add(std::string_view json) {
    if (count_++ != 0) body_ += ',';
    body_ += json;
  }
  std::size_t count() const { return count_; }
  Response finish(std::string_view next) &&;

 private:
  std::string body_ = "{\"items\":[";
  std::size_t count_ = 0;
};

}  // namespace plumbline::http
