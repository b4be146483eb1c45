#pragma once

#include <simdjson.h>
#include <string.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace plumbline::baseline {

/// simdjson's parser for texts that hold secrets: what it unescaped is wiped at the end. One value at a time. Used by
/// one thread.
class WipedParser {
 public:
  /// `max_depth`: levels of brackets that a text may have.
  explicit WipedParser(std::size_t max_depth) : max_depth_(max_depth) {}
  ~WipedParser() { wipe(); }
  WipedParser(const WipedParser&) = delete;
  WipedParser& operator=(const WipedParser&) = delete;

  /// `text` has simdjson's padding behind it. `parsed` is valid until the next call.
  simdjson::error_code parse(std::string_view text, simdjson::dom::element& parsed) {
    if (text.size() > capacity_ || capacity_ == 0) {
      wipe();
      std::size_t wanted = std::max(text.size(), smallest);
      wanted = std::max(wanted, 2 * capacity_);
      capacity_ = 0;
      if (parser_.allocate(wanted, max_depth_) != simdjson::SUCCESS) return simdjson::MEMALLOC;
      capacity_ = wanted;
    }
    if (text.size() > parser_.doc.capacity()) wipe();  // parse() allocates that buffer anew, and frees this one
    return parser_.parse(text.data(), text.size(), false).get(parsed);
  }

 private:
  /// simdjson unescapes texts into this buffer, which is 5/3 of the document's capacity.
  void wipe() const {
    if (parser_.doc.string_buf) ::explicit_bzero(parser_.doc.string_buf.get(), 5 * parser_.doc.capacity() / 3);
  }

  static constexpr std::size_t smallest = 4096;

  const std::size_t max_depth_;
  std::size_t capacity_ = 0;
  simdjson::dom::parser parser_;
};

}  // namespace plumbline::baseline
