#include <simdjson.h>
#include <string.h>

#include <array>
#include <charconv>

#include "cloud/body/value.hpp"

namespace plumbline::cloud {
namespace {

/// As much of a JSON text that ends too early as is whole, with its brackets closed.
std::string closed(std::string_view text) {
  std::string open;       // brackets to close, innermost last
  std::size_t whole = 0;  // bytes that end behind a whole value or an opening bracket
  std::string open_at_whole;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') open += c == '{' ? '}' : ']';
    if ((c == '}' || c == ']') && !open.empty()) open.pop_back();
    if (c == ',' || c == '{' || c == '[' || c == '}' || c == ']') {
      whole = i + (c == ',' ? 0 : 1);  // without the comma
      open_at_whole = open;
    }
    if (open.size() > max_depth) break;
  }
  std::string out(text.substr(0, whole));
  out.append(open_at_whole.rbegin(), open_at_whole.rend());
  return out;
}

class Reader {
 public:
  Value read(simdjson::dom::element element) {
    if (++values_ > max_values) {
      cut_ = true;
      return {};
    }
    switch (element.type()) {
      case simdjson::dom::element_type::OBJECT: {
        Value map = Value::of(Value::Kind::map);
        for (const auto& field : simdjson::dom::object(element)) {
          if (map.members.size() >= max_members) {
            cut_ = true;
            break;
          }
          map.members.push_back({std::string(field.key), read(field.value)});
        }
        return map;
      }
      case simdjson::dom::element_type::ARRAY: {
        Value list = Value::of(Value::Kind::list);
        for (const auto item : simdjson::dom::array(element)) {
          if (values_ >= max_values) {
            cut_ = true;
            break;
          }
          list.items.push_back(read(item));
        }
        return list;
      }
      case simdjson::dom::element_type::STRING: {
        const std::string_view text = element;
        cut_ = cut_ || text.size() > max_text;
        return Value::of_text(text.substr(0, max_text));
      }
      case simdjson::dom::element_type::BOOL:
        return Value::of(Value::Kind::boolean, bool(element) ? "true" : "false");
      case simdjson::dom::element_type::INT64:
        return Value::of(Value::Kind::number, std::to_string(std::int64_t(element)));
      case simdjson::dom::element_type::UINT64:
        return Value::of(Value::Kind::number, std::to_string(std::uint64_t(element)));
      case simdjson::dom::element_type::DOUBLE: {
        std::array<char, 32> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), double(element)).ptr;
        return Value::of(Value::Kind::number, {digits.data(), static_cast<std::size_t>(end - digits.data())});
      }
      case simdjson::dom::element_type::NULL_VALUE:
        break;
    }
    return {};
  }
  bool cut() const { return cut_; }

 private:
  std::size_t values_ = 0;
  bool cut_ = false;
};

bool parse(std::string_view text, Decoded& decoded) {
  simdjson::dom::parser parser;
  if (parser.allocate(std::max<std::size_t>(text.size(), 64), max_depth) != simdjson::SUCCESS) return false;
  std::string padded(text.size() + simdjson::SIMDJSON_PADDING, '\0');
  text.copy(padded.data(), text.size());
  simdjson::dom::element root;
  const bool parsed = parser.parse(padded.data(), text.size(), false).get(root) == simdjson::SUCCESS;
  if (parsed) {
    Reader reader;
    decoded.value = reader.read(root);
    decoded.cut = decoded.cut || reader.cut();
  }
  ::explicit_bzero(padded.data(), padded.size());
  // All strings of the body lie there once more, each with its length: 5/3 of the capacity.
  if (parser.doc.string_buf)
    ::explicit_bzero(parser.doc.string_buf.get(), 5 * std::max<std::size_t>(text.size(), 64) / 3);
  return parsed;
}

}  // namespace

Decoded decode_json(std::string_view body, bool body_cut) {
  Decoded decoded{Value::of(Value::Kind::map), body_cut};
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return decoded;
  if (body_cut || !parse(body, decoded)) {
    decoded.cut = true;
    std::string rest = closed(body);
    (void)parse(rest, decoded);
    ::explicit_bzero(rest.data(), rest.size());
  }
  if (!each_name_once(decoded.value)) decoded.cut = true;
  return decoded;
}

}  // namespace plumbline::cloud
