// A YAML document as a plain tree with places, read in one pass: what strict_yaml.hpp stands on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "include/util/result.hpp"

namespace plumbline::config {

/// A place in a file, both from 1; 0 = not known.
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Mark&) const = default;
};

struct Node {
  enum class Kind { undefined, null, scalar, sequence, map };
  Kind kind = Kind::undefined;
  bool quoted = false;  ///< a scalar in quotes, or a block: text and nothing else
  Mark at;
  std::string text;         ///< of a scalar
  std::vector<Node> items;  ///< of a sequence; of a map key, value, key, value, …

  bool is_defined() const { return kind != Kind::undefined; }
  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_sequence() const { return kind == Kind::sequence; }
  bool is_map() const { return kind == Kind::map; }
};

/// Thrown while reading, caught by read_file() and read_text(): it never leaves this room.
struct Refused {
  Error error;
};

/// "origin:line:column", or origin alone where the place is not known.
std::string place_of(const std::string& origin, Mark mark);

/// Text of the input as a message may show it: on one line, printable, at most about 80 bytes.
std::string shown(std::string_view text);

[[noreturn]] void refuse_at(const std::string& place, const std::string& why, const std::string& fix = {});

/// Throws Refused where a byte is NUL or no UTF-8, which yaml-cpp would quietly replace.
void check_bytes(const std::string& origin, std::string_view text);

/// Throws Refused for what read_text() refuses of any text.
Node parse_tree(const std::string& origin, const std::string& text);

}  // namespace plumbline::config
