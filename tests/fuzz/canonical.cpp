#include "baseline/value/canonical.hpp"

#include <algorithm>
#include <charconv>
#include <random>
#include <vector>

#include "baseline/value/attributes.hpp"
#include "baseline/value/json_keys.hpp"
#include "include/util/hex.hpp"
#include "tests/fuzz/must.hpp"

namespace {

using namespace plumbline;
using simdjson::dom::element;

/// Deep enough for what three levels of JSON in strings add.
constexpr std::size_t max_depth = 256, max_canonical_depth = 1024;

bool parse(simdjson::dom::parser& parser, const std::string& text, std::size_t depth, element& value) {
  fuzz::must(parser.allocate(std::max<std::size_t>(text.size(), 64), depth) == simdjson::SUCCESS, "memory");
  return parser.parse(text).get(value) == simdjson::SUCCESS;
}

void append_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      out += c;
    } else {
      out += "\\u00";
      append_hex(out, byte, lower_hex);
    }
  }
  out += '"';
}

/// The same JSON with the members of its objects in another order, and written another way.
void append_shuffled(element value, std::mt19937& random, std::string& out) {
  simdjson::dom::object object;
  simdjson::dom::array list;
  std::string_view text;
  if (value.get_object().get(object) == simdjson::SUCCESS) {
    std::vector<simdjson::dom::key_value_pair> members(object.begin(), object.end());
    std::shuffle(members.begin(), members.end(), random);
    out += "{ ";
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      append_text(members[i].key, out);
      out += ':';
      append_shuffled(members[i].value, random, out);
    }
    out += '}';
  } else if (value.get_array().get(list) == simdjson::SUCCESS) {
    out += '[';
    for (const element item : list) {
      if (out.back() != '[') out += ',';
      append_shuffled(item, random, out);
    }
    out += ']';
  } else if (value.get_string().get(text) == simdjson::SUCCESS) {
    append_text(text, out);
  } else if (value.type() == simdjson::dom::element_type::DOUBLE) {
    std::array<char, 32> digits;
    out.append(digits.begin(),
               std::to_chars(digits.begin(), digits.end(), double(value), std::chars_format::scientific).ptr);
  } else if (value.is_uint64()) {
    out += std::to_string(std::uint64_t(value));
  } else if (value.is_int64()) {
    out += std::to_string(std::int64_t(value));
  } else {
    out += value.is_null() ? "null" : bool(value) ? "true" : "false";
  }
}

void check_attributes(simdjson::dom::object object, baseline::Lists lists) {
  static const baseline::KeyedHash key(std::array<std::byte, 32>{});
  static const baseline::Fingerprinter fingerprints(key);
  baseline::AttributeRules rules;
  rules.lists = lists;
  std::vector<baseline::Attribute> attributes;
  baseline::append_attributes(object, rules, fingerprints, attributes);
  for (const auto& attribute : attributes) {
    fuzz::must(attribute.value.size() <= baseline::max_shown, "a value that is kept is short");
    fuzz::must(!attribute.sensitive || attribute.value.empty(), "what is sensitive is not kept");
    fuzz::must(attribute.value.empty() || attribute.hash == fingerprints.of(attribute.value),
               "the fingerprint is that of the value");
  }
}

}  // namespace

/// The canonical form of any JSON is JSON, is its own canonical form, and knows of no order of keys.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)baseline::canonical_text(text.substr(0, text.find('\0')));
  simdjson::dom::parser parser, again;
  element value, other;
  if (!parse(parser, text, max_depth, value)) return 0;
  for (const auto lists : {baseline::Lists::ordered, baseline::Lists::unordered}) {
    const auto [once, secret] = baseline::canonical(value, lists);
    simdjson::dom::object object;
    if (value.get_object().get(object) == simdjson::SUCCESS) check_attributes(object, lists);
    if (!once.empty()) {
      fuzz::must(parse(again, once, max_canonical_depth, other), "a canonical value is JSON");
      fuzz::must(baseline::canonical(other, lists).text == once, "a canonical value stays what it is");
    }
    if (!baseline::is_json_without_duplicates(text, max_depth)) continue;
    std::mt19937 random(static_cast<std::mt19937::result_type>(size));
    std::string shuffled;
    append_shuffled(value, random, shuffled);
    fuzz::must(parse(again, shuffled, max_depth, other), "what is shuffled is JSON");
    fuzz::must(baseline::canonical(other, lists).text == once, "keys have no order");
  }
  return 0;
}
