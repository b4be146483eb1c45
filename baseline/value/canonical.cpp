#include "baseline/value/canonical.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "include/util/hex.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr int max_embedded = 3;  ///< JSON in a string in JSON in a string …

/// How values are written here.
struct Mode {
  Lists lists = Lists::unordered;
  bool policy = false;     ///< inside of an IAM policy
  bool actions = false;    ///< the value of Action or NotAction
  bool principal = false;  ///< the value of a Principal's AWS
  int embedded = 0;        ///< strings that we are inside of
};

void write(element value, const Mode& mode, std::string& out);

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      append_hex(out, byte, lower_hex);
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_number(double number, std::string& out) {
  std::array<char, 32> text;
  out += '"';
  // 5.0 and 1e3 are integers that a tool wrote its own way.
  if (number == std::trunc(number) && std::abs(number) < 9.2e18) {
    const auto end = std::to_chars(text.begin(), text.end(), static_cast<std::int64_t>(number)).ptr;
    out.append(text.begin(), end);
  } else {
    const auto end = std::to_chars(text.begin(), text.end(), number).ptr;
    out.append(text.begin(), end);
  }
  out += '"';
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Whether `text` is an object or a list as a whole; then it is written.
bool write_embedded(std::string_view text, Mode mode, std::string& out) {
  const std::string_view inner = trimmed(text);
  if (inner.size() < 2 || mode.embedded == max_embedded) return false;
  if (!(inner.front() == '{' && inner.back() == '}') && !(inner.front() == '[' && inner.back() == ']')) return false;
  simdjson::dom::parser parser;
  simdjson::padded_string padded(inner);
  element value;
  const bool parsed = parser.allocate(std::max<std::size_t>(inner.size(), 64), 64) == simdjson::SUCCESS &&
                      parser.parse(padded).get(value) == simdjson::SUCCESS;
  if (parsed) {
    ++mode.embedded;
    write(value, mode, out);
  }
  ::explicit_bzero(padded.data(), padded.size());
  if (parser.doc.string_buf) ::explicit_bzero(parser.doc.string_buf.get(), 5 * parser.doc.capacity() / 3);
  return parsed;
}

/// IAM takes "123456789012" for the account's root, and writes it so.
std::string principal_of(std::string_view text) {
  const bool account =
      text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return account ? "arn:aws:iam::" + std::string(text) + ":root" : std::string(text);
}

void write_text(std::string_view text, const Mode& mode, std::string& out) {
  if (text.empty()) return;
  if (mode.actions) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    append_quoted(lower, out);
  } else if (mode.principal) {
    append_quoted(principal_of(text), out);
  } else if (!write_embedded(text, mode, out)) {
    append_quoted(text, out);
  }
}

void write_list(array items, const Mode& mode, std::string& out) {
  const bool ordered = mode.lists == Lists::ordered && !mode.policy;
  std::vector<std::string> texts;
  for (const element item : items) {
    std::string text;
    write(item, mode, text);
    if (text.empty() && ordered) text = "null";  // its place counts
    if (!text.empty()) texts.push_back(std::move(text));
  }
  if (std::all_of(texts.begin(), texts.end(), [](const std::string& text) { return text == "null"; })) return;
  if (mode.policy && texts.size() == 1) {
    out += texts.front();
    return;
  }
  if (!ordered) std::sort(texts.begin(), texts.end());
  out += '[';
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    out += texts[i];
  }
  out += ']';
}

bool is_policy(object members) {
  element statement;
  return members["Statement"].get(statement) == simdjson::SUCCESS && (statement.is_array() || statement.is_object());
}

void write_object(object members, Mode mode, std::string& out) {
  struct Member {
    std::string_view key;
    std::size_t place;  // of keys that stand there twice, the order stays
    element value;
  };
  std::vector<Member> sorted;
  for (const auto member : members) sorted.push_back({member.key, sorted.size(), member.value});
  std::sort(sorted.begin(), sorted.end(),
            [](const Member& a, const Member& b) { return std::tie(a.key, a.place) < std::tie(b.key, b.place); });
  mode.policy = mode.policy || is_policy(members);
  const std::size_t start = out.size();
  out += '{';
  for (const auto& [key, place, value] : sorted) {
    Mode inner = mode;
    if (!mode.policy && value.is_array() && ordered_by_name(key)) inner.lists = Lists::ordered;
    inner.actions = mode.policy && (key == "Action" || key == "NotAction");
    inner.principal = mode.policy && key == "AWS";
    const std::size_t before = out.size();
    if (out.size() > start + 1) out += ',';
    append_quoted(key, out);
    out += ':';
    const std::size_t named = out.size();
    write(value, inner, out);
    if (out.size() == named) out.resize(before);
  }
  if (out.size() == start + 1)
    out.resize(start);
  else
    out += '}';
}

void write(element value, const Mode& mode, std::string& out) {
  switch (value.type()) {
    case element_type::NULL_VALUE:
      return;
    case element_type::BOOL:
      out += bool(value) ? "\"true\"" : "\"false\"";
      return;
    case element_type::INT64:
      out += '"' + std::to_string(std::int64_t(value)) + '"';
      return;
    case element_type::UINT64:
      out += '"' + std::to_string(std::uint64_t(value)) + '"';
      return;
    case element_type::DOUBLE:
      append_number(double(value), out);
      return;
    case element_type::STRING:
      write_text(std::string_view(value), mode, out);
      return;
    case element_type::ARRAY:
      write_list(array(value), mode, out);
      return;
    case element_type::OBJECT:
      write_object(object(value), mode, out);
      return;
  }
}

}  // namespace

void append_canonical(element value, Lists lists, std::string& out) {
  write(value, {lists}, out);
}

std::string canonical(element value, Lists lists) {
  std::string out;
  append_canonical(value, lists, out);
  return out;
}

std::string canonical_text(std::string_view text) {
  std::string out;
  write_text(text, {}, out);
  return out;
}

bool ordered_by_name(std::string_view name) {
  // Words whose order the machine behind them obeys.
  constexpr std::array<std::string_view, 20> names = {
      "args",       "arguments",    "cmd",         "command",       "commands",   "container_definitions",
      "containers", "entryPoint",   "entry_point", "entrypoint",    "ExecStart",  "Command",
      "EntryPoint", "filter_chain", "initCommand", "init_commands", "priorities", "rule_order",
      "inputSteps", "steps"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace plumbline::baseline
