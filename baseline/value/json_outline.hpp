// Objects that are written alike, one after the other: only what differs from the one before has to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "baseline/value/wiped_text.hpp"

namespace plumbline::baseline {

/// Bytes of the JSON value at the beginning of `text`, which is not parsed: 0 where it does not end there, or is nested
/// deeper than 64 levels. `is_plain`: a string of printable ASCII in which nothing is escaped, well-formed as it is.
std::size_t json_value_size(std::string_view text, bool& is_plain);

/// The inside of a value that is such a string as a whole; nullopt where it is none.
std::optional<std::string_view> plain_text(std::string_view value);

/// The members of an object in text that a parser found well-formed.
class JsonMembers {
 public:
  /// `at`: where the object's opening bracket stands.
  JsonMembers(std::string_view text, std::size_t at) : text_(text), at_(at + 1) {}

  /// Goes on to the next one; false at the end, and where a value cannot be passed over.
  bool next();
  /// Whether next() came to the end.
  bool ended() const { return ended_; }

  std::string_view key() const { return key_; }  ///< as it is written: escapes stay
  std::size_t begin() const { return begin_; }   ///< of the value, in the text
  std::size_t end() const { return at_; }

 private:
  void skip_blanks();

  std::string_view text_, key_;
  std::size_t at_, begin_ = 0;
  bool ended_ = false;
};

/// An object's text, and where the values stand in it. Another text is followed along: where it is the same, nothing is
/// looked at; where a value differs, the caller reads that value; where anything else does (a key, a bracket, a blank),
/// it is another kind of object. The text is wiped at the end. Used by one thread.
class JsonOutline {
 public:
  static constexpr std::size_t most_bytes = std::size_t{32} << 10, most_values = 1024;

  bool empty() const { return text_.size() == 0; }
  void clear();
  /// For an object that was parsed whole, whose values are added then, in their order. False where it is too large.
  bool begin(std::string_view text);
  bool add(std::size_t begin, std::size_t end);
  std::string_view value(std::size_t i) const { return text_.between(values_[i].begin, values_[i].end); }

  /// Follows the object at the beginning of `ahead`. `changed(i, value, is_plain)` is told the values that differ, in
  /// their order, and whether they are plain (json_value_size()); it tells whether the value is well-formed and may
  /// take the other one's place. Returns the object's size, and it is the outline's text then; 0 where it is not alike,
  /// too large or does not end in `ahead`, and the outline is empty.
  template <class Changed>
  std::size_t follow(std::string_view ahead, const Changed& changed) {
    Way way;
    for (;;) {
      const Difference difference = next_difference(ahead, way);
      if (difference == Difference::none) return take(ahead, way);
      if (difference == Difference::kind) {
        clear();
        return 0;
      }
      const std::size_t begin = way.to + (values_[way.value].begin - way.from);
      bool is_plain = false;
      const std::size_t size = json_value_size(ahead.substr(begin), is_plain);
      if (size == 0 || !changed(way.value, ahead.substr(begin, size), is_plain)) {
        clear();
        return 0;
      }
      way.from = values_[way.value].end;
      way.to = begin + size;
      values_[way.value++] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(way.to)};
    }
  }

 private:
  struct Value {
    std::uint32_t begin, end;  ///< in the text
  };
  /// How far we are: in the text of before, in the one at hand, and of the values.
  struct Way {
    std::size_t from = 0, to = 0, value = 0;
  };
  enum class Difference { none, value, kind };

  std::string_view text() const { return text_.from(0); }
  Difference next_difference(std::string_view ahead, Way& way);
  std::size_t take(std::string_view ahead, const Way& way);
  /// Where a value of before stands in the text at hand, as far as we are.
  static void move(Value& value, const Way& way) {
    value.begin += static_cast<std::uint32_t>(way.to - way.from);
    value.end += static_cast<std::uint32_t>(way.to - way.from);
  }

  WipedText text_;
  std::vector<Value> values_;
};

}  // namespace plumbline::baseline
