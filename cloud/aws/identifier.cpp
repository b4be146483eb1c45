#include "cloud/aws/identifier.hpp"

#include <algorithm>

namespace plumbline::cloud::aws {
namespace {

using Texts = std::vector<std::string>;

bool is_scalar(const Value& value) {
  return value.kind == Value::Kind::text || value.kind == Value::Kind::number || value.kind == Value::Kind::boolean;
}

/// What is behind the partition, service, region and account of an ARN; "" where it is none.
std::string_view resource_of(std::string_view arn) {
  if (!arn.starts_with("arn:")) return {};
  for (int i = 0; i < 5; ++i) {
    const auto colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return arn;
}

void add(Texts& texts, std::string text) {
  if (!text.empty() && text.size() <= max_id && texts.size() <= max_ids) texts.push_back(std::move(text));
}

/// A reference's values: ".A", "@A", "@.A" (an item of the answer), "A".
Texts referred(std::string_view reference, const Source& source) {
  const auto equal = reference.find('=');
  const auto otherwise = equal == std::string_view::npos ? std::string_view() : reference.substr(equal + 1);
  auto path = reference.substr(0, equal);
  const Value* root = &source.parameters;
  if (path.starts_with('@')) {
    path.remove_prefix(1);
    root = &source.answer;
  }
  if (path.starts_with('.')) {
    path.remove_prefix(1);
    root = source.item;
  }
  std::vector<const Value*> found;
  if (root != nullptr) collect(*root, path, found);
  Texts texts;
  for (const Value* value : found)
    if (is_scalar(*value)) add(texts, value->text);
  if (texts.empty()) add(texts, std::string(otherwise));
  return texts;
}

std::string behind_slash(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('/') + 1));
}

/// A hole of a template, by the sign before its reference.
Texts hole(std::string_view text, const Source& source, bool& optional) {
  const char sign = text.empty() ? '\0' : text[0];
  if (sign == '$') {
    const auto name = text.substr(1);
    const auto known = name == "partition" ? source.partition : name == "region" ? source.region : source.account;
    Texts one;
    add(one, std::string(known));
    return one;
  }
  if (sign == '?' && text.size() > 2) {
    optional = true;
    Texts texts = referred(text.substr(2), source);
    for (auto& one : texts) one.insert(one.begin(), text[1]);
    return texts;
  }
  if (std::string_view("~/^%&").find(sign) == std::string_view::npos || text.empty()) return referred(text, source);
  Texts texts = referred(text.substr(1), source);
  for (auto& one : texts) {
    if (sign == '~') one = std::string(name_of(one));
    if (sign == '/') one = behind_slash(one.starts_with("arn:") ? name_of(one) : std::string_view(one));
    if (sign == '^' && !one.starts_with("arn:")) one.clear();
    if (sign == '%' || sign == '&') one = domain_name(one, sign == '&');
  }
  std::erase(texts, "");
  return texts;
}

/// One more part behind each text: of the same place where both are several, else the same one behind all.
bool append(Texts& texts, const Texts& parts) {
  if (parts.empty()) return false;
  if (texts.size() == 1 && parts.size() > 1) texts.resize(parts.size(), texts[0]);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string_view part = parts[parts.size() == 1 ? 0 : std::min(i, parts.size() - 1)];
    // "parameter/" and "/team/name": one slash.
    if (texts[i].ends_with('/') && part.starts_with('/')) part.remove_prefix(1);
    if (texts[i].size() + part.size() <= max_id) texts[i] += part;
  }
  return true;
}

Texts of_template(std::string_view text, const Source& source) {
  Texts made(1);
  while (!text.empty()) {
    const auto open = text.find('{');
    for (auto& one : made) one += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return {};
    bool optional = false;
    const Texts parts = hole(text.substr(open + 1, close - open - 1), source, optional);
    if (!append(made, parts) && !optional) return {};
    text.remove_prefix(close + 1);
  }
  return made;
}

Texts joined(std::string_view text, const Source& source) {
  std::vector<Texts> parts;
  while (true) {
    const auto plus = text.find('+');
    parts.push_back(referred(text.substr(0, plus), source));
    if (parts.back().empty()) return {};
    for (auto& one : parts.back()) one = std::string(name_of(one));
    if (plus == std::string_view::npos) break;
    text.remove_prefix(plus + 1);
  }
  Texts made;
  for (const char separator : {'/', ':', ',', '|'}) {
    Texts with(1);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0)
        for (auto& one : with) one += separator;
      append(with, parts[i]);
    }
    for (auto& one : with) add(made, std::move(one));
  }
  return made;
}

}  // namespace

void collect(const Value& at, std::string_view path, std::vector<const Value*>& found) {
  if (found.size() > max_ids) return;
  if (at.kind == Value::Kind::list || at.kind == Value::Kind::several) {
    for (const auto& item : at.items) collect(item, path, found);
    return;
  }
  if (path.empty()) {
    found.push_back(&at);
    return;
  }
  const auto dot = path.find('.');
  const auto step = path.substr(0, dot);
  const auto rest = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  bool known = false;
  for (const auto& [name, value] : at.members) {
    if (name != step) continue;
    known = true;
    // <set><item/><item/></set>: what only wraps a list of texts is no step of the path.
    if (rest.empty() && value.kind == Value::Kind::map) {
      for (const auto& inner : value.members)
        if (inner.name == "member" || inner.name == "item") collect(inner.value, rest, found);
      if (value.members.empty() || (value.members[0].name != "member" && value.members[0].name != "item"))
        found.push_back(&value);
    } else {
      collect(value, rest, found);
    }
  }
  if (known) return;
  for (const auto& [name, value] : at.members)
    if (name == "member" || name == "item") collect(value, path, found);
}

bool is_of_answer(std::string_view expression) {
  return expression.find('@') != std::string_view::npos;
}

std::vector<std::string> values_of(std::string_view expression, const Source& source) {
  if (expression.find('{') != std::string_view::npos) return of_template(expression, source);
  if (expression.find('+') != std::string_view::npos) return joined(expression, source);
  return referred(expression, source);
}

std::string_view name_of(std::string_view id) {
  auto resource = resource_of(id);
  if (resource.empty()) {
    // "123456789012:function:f": as Lambda takes it.
    const auto function = id.find(":function:");
    if (function == std::string_view::npos) return id;
    resource = id.substr(function + 1);
  }
  const auto separator = resource.find_first_of("/:");
  if (separator == std::string_view::npos) return resource;
  auto name = resource.substr(separator + 1);
  if (resource.starts_with("function:")) name = name.substr(0, name.find(':'));  // without version or alias
  // Secrets Manager puts six letters of its own behind a secret's name.
  if (resource.starts_with("secret:") && name.size() > 7 && name[name.size() - 7] == '-') name.remove_suffix(7);
  return name;
}

std::string domain_name(std::string_view name, bool escaped_star) {
  std::string made;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.starts_with("\\052")) {
    name.remove_prefix(4);
    made = "*";
  }
  for (const char c : name.substr(0, max_id)) made += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (escaped_star && made.starts_with('*')) made.replace(0, 1, "\\052");
  return made;
}

}  // namespace plumbline::cloud::aws
