#include <expat.h>

#include <memory>

#include "cloud/body/value.hpp"

namespace plumbline::cloud {
namespace {

/// Elements that are open, each with what it has so far.
class Reader {
 public:
  explicit Reader(XML_Parser parser) : parser_(parser) { open_.push_back({"", Value::of(Value::Kind::map)}); }

  void begin(const char* name, const char** attributes) {
    if (open_.size() > max_depth || ++values_ > max_values) return stop();
    Member element{name, Value::of(Value::Kind::text)};
    for (; attributes[0] != nullptr; attributes += 2) {
      const std::string_view key = attributes[0];
      if (key.starts_with("xmlns") || element.value.members.size() >= max_members) continue;
      element.value.kind = Value::Kind::map;
      element.value.members.push_back({std::string(key), Value::of_text(attributes[1])});
      if (++values_ > max_values) return stop();
    }
    open_.push_back(std::move(element));
  }
  void end() {
    if (open_.size() < 2) return;
    Member element = std::move(open_.back());
    open_.pop_back();
    auto& parent = open_.back().value;
    // Blanks between elements are none of anybody's.
    if (element.value.kind == Value::Kind::map) element.value.text.clear();
    parent.kind = Value::Kind::map;
    if (parent.members.size() >= max_members) return stop();
    parent.members.push_back(std::move(element));
  }
  void text(std::string_view text) {
    auto& value = open_.back().value;
    if (open_.size() < 2 || value.kind == Value::Kind::map) return;
    if (value.text.size() + text.size() > max_text) return stop();
    value.text += text;
  }
  /// DTDs have no use here, and entities are how XML is attacked.
  void stop() { XML_StopParser(parser_, XML_FALSE); }

  Value take() {
    while (open_.size() > 1) end();
    return std::move(open_.front().value);
  }

 private:
  XML_Parser parser_;
  std::vector<Member> open_;
  std::size_t values_ = 0;
};

Reader& reader(void* data) {
  return *static_cast<Reader*>(data);
}

}  // namespace

Decoded decode_xml(std::string_view body, bool body_cut) {
  Decoded decoded{Value::of(Value::Kind::map), body_cut};
  if (body.empty()) return decoded;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate("UTF-8"), XML_ParserFree);
  if (!parser) return decoded;
  Reader state(parser.get());
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(
      parser.get(), [](void* data, const char* name, const char** attributes) { reader(data).begin(name, attributes); },
      [](void* data, const char*) { reader(data).end(); });
  XML_SetCharacterDataHandler(parser.get(), [](void* data, const char* text, int size) {
    reader(data).text({text, static_cast<std::size_t>(size)});
  });
  XML_SetStartDoctypeDeclHandler(parser.get(),
                                 [](void* data, const char*, const char*, const char*, int) { reader(data).stop(); });
  const auto size = static_cast<int>(std::min<std::size_t>(body.size(), 64u << 20));
  const bool last = !body_cut;
  if (XML_Parse(parser.get(), body.data(), size, last ? XML_TRUE : XML_FALSE) != XML_STATUS_OK) decoded.cut = true;
  decoded.value = state.take();
  return decoded;
}

}  // namespace plumbline::cloud
