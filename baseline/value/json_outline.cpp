#include "baseline/value/json_outline.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "baseline/value/json_container.hpp"

namespace plumbline::baseline {
namespace {

constexpr std::size_t deepest = 64;

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// How many of the first bytes are the same.
std::size_t same_bytes(const char* a, const char* b, std::size_t most) {
  std::size_t at = 0;
#if defined(__SSE2__)
  for (; most - at >= 16; at += 16) {
    const __m128i left = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a + at));
    const __m128i right = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + at));
    const auto same = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(left, right)));
    if (same != 0xFFFF) return at + static_cast<std::size_t>(std::countr_one(same));
  }
#endif
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

/// How many bytes of a string's inside say nothing but themselves; the first that may be something else ends them.
std::size_t plain_bytes(const char* text, std::size_t most) {
  std::size_t at = 0;
#if defined(__SSE2__)
  for (; most - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    const auto is = [&](char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
    const __m128i below_blank = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));  // beyond ASCII, too: those are negative
    const __m128i other = _mm_or_si128(_mm_or_si128(is('"'), is('\\')), below_blank);
    if (const auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(other)); found != 0)
      return at + static_cast<std::size_t>(std::countr_zero(found));
  }
#endif
  while (at < most && text[at] >= ' ' && text[at] <= '~' + 1 && text[at] != '"' && text[at] != '\\') ++at;
  return at;
}

std::size_t string_size(std::string_view text, bool& is_plain) {
  std::size_t at = 1 + plain_bytes(text.data() + 1, text.size() - 1);
  is_plain = at < text.size() && text[at] == '"';
  if (is_plain) return at + 1;
  bool escaped = false;
  for (; at + json_block_size <= text.size(); at += json_block_size) {
    const JsonBlock block = json_block(text.data() + at);
    if (const auto quotes = block.quotes & ~escaped_bytes(block.backslashes, escaped); quotes != 0)
      return at + static_cast<std::size_t>(std::countr_zero(quotes)) + 1;
  }
  for (; at < text.size(); ++at) {
    if (!escaped && text[at] == '"') return at + 1;
    escaped = !escaped && text[at] == '\\';
  }
  return 0;
}

std::size_t container_size(std::string_view text) {
  ContainerPass pass(deepest);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = std::min(json_block_size, text.size() - at);
    const auto next = pass.take(text.data() + at, size);
    at += size;
    if (next == ContainerPass::Next::ended) return at;
    if (next != ContainerPass::Next::goes_on) return 0;
  }
  return 0;
}

bool is_closed(char last) {
  return last == '"' || last == '}' || last == ']';
}

}  // namespace

std::size_t json_value_size(std::string_view text, bool& is_plain) {
  is_plain = false;
  if (text.empty()) return 0;
  if (text.front() == '"') return string_size(text, is_plain);
  if (text.front() == '{' || text.front() == '[') return container_size(text);
  std::size_t at = 0;
  while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_blank(text[at])) ++at;
  return at < text.size() ? at : 0;
}

std::optional<std::string_view> plain_text(std::string_view value) {
  bool is_plain = false;
  if (json_value_size(value, is_plain) != value.size() || !is_plain) return std::nullopt;
  return value.substr(1, value.size() - 2);
}

void JsonMembers::skip_blanks() {
  while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
}

bool JsonMembers::next() {
  skip_blanks();
  if (at_ < text_.size() && text_[at_] == ',') ++at_;
  skip_blanks();
  ended_ = at_ < text_.size() && text_[at_] == '}';
  if (ended_ || at_ >= text_.size() || text_[at_] != '"') return false;
  bool is_plain = false;
  const std::size_t size = json_value_size(text_.substr(at_), is_plain);
  if (size == 0) return false;
  key_ = text_.substr(at_ + 1, size - 2);
  at_ += size;
  skip_blanks();
  if (at_ >= text_.size() || text_[at_] != ':') return false;
  ++at_;
  skip_blanks();
  begin_ = at_;
  const std::size_t value = json_value_size(text_.substr(std::min(at_, text_.size())), is_plain);
  at_ += value;
  return value != 0;
}

void JsonOutline::clear() {
  text_.clear();
  values_.clear();
}

bool JsonOutline::begin(std::string_view text) {
  clear();
  if (text.size() > most_bytes) return false;
  text_.put(text);
  return true;
}

bool JsonOutline::add(std::size_t begin, std::size_t end) {
  if (values_.size() == most_values) return false;
  values_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  return true;
}

JsonOutline::Difference JsonOutline::next_difference(std::string_view ahead, Way& way) {
  const std::string_view known = text();
  const std::size_t most = std::min(known.size() - way.from, ahead.size() - way.to);
  const std::size_t at = way.from + same_bytes(known.data() + way.from, ahead.data() + way.to, most);
  // What ends right before the difference is the same, but for a number that may go on: "1" and "12".
  for (; way.value < values_.size(); ++way.value) {
    Value& value = values_[way.value];
    if (value.end > at || (value.end == at && !is_closed(known[at - 1]))) break;
    move(value, way);
  }
  if (at == known.size()) return Difference::none;
  return way.value < values_.size() && values_[way.value].begin <= at ? Difference::value : Difference::kind;
}

std::size_t JsonOutline::take(std::string_view ahead, const Way& way) {
  const std::size_t size = way.to + (text_.size() - way.from);
  if (size > most_bytes) {
    clear();
    return 0;
  }
  text_.cut(0);
  text_.put(ahead.substr(0, size));
  return size;
}

}  // namespace plumbline::baseline
