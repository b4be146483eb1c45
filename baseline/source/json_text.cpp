#include "baseline/source/json_text.hpp"

#include <algorithm>
#include <cstring>

namespace plumbline::baseline {
namespace {

constexpr std::size_t max_json_depth = 256;

}  // namespace

JsonText::~JsonText() {
  clear();
}

void JsonText::clear() {
  // simdjson unescapes every text into this one buffer, which document::allocate() makes 5/3 of the capacity large.
  if (parser_.doc.string_buf) explicit_bzero(parser_.doc.string_buf.get(), 5 * parser_.doc.capacity() / 3);
}

Result<simdjson::dom::element> JsonText::parse(const std::string& what, std::string_view bytes,
                                               const std::string& fix) {
  clear();
  if (parser_.allocate(std::max<std::size_t>(bytes.size(), 64), max_json_depth) != simdjson::SUCCESS)
    return Error{ErrorCode::unavailable, what, "not enough memory", ""};
  // A copy with simdjson's padding: its own copy would not be cleared.
  simdjson::padded_string text(bytes);
  simdjson::dom::element top;
  const auto error = parser_.parse(text).get(top);
  explicit_bzero(text.data(), text.size());
  if (error != simdjson::SUCCESS) return invalid(what, std::string("not JSON: ") + simdjson::error_message(error), fix);
  return top;
}

}  // namespace plumbline::baseline
