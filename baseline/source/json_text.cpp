#include "baseline/source/json_text.hpp"

#include <algorithm>
#include <cstring>

namespace plumbline::baseline {
namespace {

constexpr std::size_t max_json_depth = 256;

/// Whether the end is there: then nobody is in the middle of writing it.
bool is_closed(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end != std::string_view::npos && (text[end] == '}' || text[end] == ']');
}

}  // namespace

JsonTrouble json_trouble(simdjson::error_code error) {
  switch (error) {
    case simdjson::NUMBER_ERROR:
      return {"not JSON: a number that is malformed, or larger than readers can hold",
              "no IaC tool writes one: find out where it comes from, and let the tool write the file again"};
    case simdjson::UTF8_ERROR:
      return {"not JSON: not UTF-8", "save it as UTF-8, as the tools write it (PowerShell's > writes UTF-16)"};
    case simdjson::STRING_ERROR:
      return {"not JSON: a text with a broken escape", "let the tool that made the file write it again"};
    case simdjson::UNESCAPED_CHARS:
      return {"not JSON: a control character within a text, which has to be escaped",
              "let the tool that made the file write it again"};
    case simdjson::DEPTH_ERROR:
      return {"not JSON: nested deeper than 256 levels", "no IaC tool nests like that: is this the right file?"};
    default:
      return {std::string("not JSON: ") + simdjson::error_message(error), ""};
  }
}

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
  if (error == simdjson::SUCCESS) return top;
  const auto trouble = json_trouble(error);
  return invalid(what, trouble.why, is_closed(bytes) && !trouble.fix.empty() ? trouble.fix : fix);
}

}  // namespace plumbline::baseline
