#include "baseline/source/kubernetes_paths.hpp"

#include <algorithm>
#include <charconv>

#include "baseline/source/json_members.hpp"
#include "baseline/source/kubernetes_lists.hpp"
#include "baseline/value/attributes.hpp"

namespace plumbline::baseline {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using Kind = FieldStep::Kind;

constexpr std::size_t most_steps = 64;

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What is left of a jq expression.
class Jq {
 public:
  explicit Jq(std::string_view text) : text_(text) {}

  void blanks() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n' || text_[0] == '\t')) text_.remove_prefix(1);
  }
  bool done() {
    blanks();
    return text_.empty();
  }
  bool take(std::string_view token) {
    blanks();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  /// A name, or "text" without escapes.
  std::optional<std::string> name() {
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    const auto size = std::find_if_not(text_.begin(), text_.end(), is_name) - text_.begin();
    if (size == 0) return quoted();
    std::string name(text_.substr(0, static_cast<std::size_t>(size)));
    text_.remove_prefix(name.size());
    return name;
  }
  std::optional<std::string> quoted() {
    if (!take("\"")) return std::nullopt;
    const auto end = text_.find('"');
    if (end == std::string_view::npos) return std::nullopt;
    std::string name(text_.substr(0, end));
    if (name.find('\\') != std::string::npos) return std::nullopt;
    text_.remove_prefix(end + 1);
    return name;
  }
  std::string_view up_to(char c) {
    const auto part = text_.substr(0, text_.find(c));
    text_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view text_;
};

/// Behind "[": 0], ], "name"].
bool add_bracket(Jq& jq, FieldPath& path) {
  if (jq.take("]")) {
    path.push_back({Kind::every, {}, {}, 0});
    return true;
  }
  if (auto name = jq.quoted()) {
    path.push_back({Kind::member, std::move(*name), {}, 0});
  } else {
    jq.blanks();
    const auto index = number(jq.up_to(']'));
    if (!index) return false;
    path.push_back({Kind::index, {}, {}, *index});
  }
  return jq.take("]");
}

/// Behind "select(": .name == "x").
bool add_select(Jq& jq, FieldPath& path) {
  if (path.empty() || path.back().kind != Kind::every || !jq.take(".")) return false;
  auto name = jq.name();
  if (!name || !jq.take("==")) return false;
  jq.blanks();
  auto value = jq.quoted();
  if (!value || !jq.take(")")) return false;
  path.back() = {Kind::named, std::move(*name), std::move(*value), 0};
  return true;
}

class Resolve {
 public:
  Resolve(const FieldPath& path, WorkBudget& budget, std::vector<std::string>& out)
      : steps_(path), budget_(budget), out_(out) {}

  bool run(object of) {
    into_object(of, 0);
    return !spent_;
  }

 private:
  /// `list`: the name by which `value` was reached.
  void into(element value, std::string_view list, std::size_t step) {
    if (spent_) return;
    object members;
    array items;
    if (step == steps_.size())
      done();
    else if (value.get_object().get(members) == simdjson::SUCCESS)
      into_object(members, step);
    else if (value.get_array().get(items) == simdjson::SUCCESS)
      into_list(items, list, step);
    else if (value.is_null())
      missing(step);
    else
      done();  // below a text or a number: all of it
  }

  void into_object(object members, std::size_t step) {
    const FieldStep& here = steps_[step];
    if (here.kind == Kind::every) {
      for (const auto [name, value] : members) below("." + path_part(name), value, name, step + 1);
      return;
    }
    element value;
    spend(members.size());
    if (here.kind == Kind::member && members[here.text].get(value) == simdjson::SUCCESS)
      below("." + path_part(here.text), value, here.text, step + 1);
    else
      missing(step);
  }

  void into_list(array items, std::string_view list, std::size_t step) {
    const FieldStep& here = steps_[step];
    spend(items.size());
    if (spent_ || !has_parts(items)) return done();  // one value: its parts have no paths
    const auto key = merge_key(list, items);
    const auto wanted = here.kind == Kind::member ? number(here.text) : std::optional<std::size_t>(here.index);
    std::size_t i = 0;
    bool found = false;
    for (const element item : items) {
      const bool is_it = here.kind == Kind::every   ? true
                         : here.kind == Kind::named ? text_member(item.get_object().value(), here.text) == here.value
                                                    : wanted == i;
      const std::size_t place = i++;
      if (!is_it) continue;
      found = true;
      below(item_part(key, item, place), item, {}, step + 1);
    }
    // An item that may come, and whether one comes or goes.
    if (!found && here.kind == Kind::named && key && here.text == key->member && !key->in_metadata) {
      below(path_part("[" + here.text + "=" + here.value + "]"), step + 1);
      found = true;
    }
    if (found && step + 1 == steps_.size()) below("[]", step + 1);
  }

  void below(const std::string& part, std::size_t step) {
    const std::size_t size = path_.size();
    path_ += part;
    missing(step);
    path_.resize(size);
  }

  void below(const std::string& part, element value, std::string_view name, std::size_t step) {
    const std::size_t size = path_.size();
    path_ += part;
    into(value, name, step);
    path_.resize(size);
  }

  void missing(std::size_t step) {
    const std::size_t size = path_.size();
    for (; step < steps_.size() && steps_[step].kind == Kind::member; ++step)
      path_ += "." + path_part(steps_[step].text);
    done();
    path_.resize(size);
  }

  void done() {
    spend(path_.size());
    if (!spent_ && path_.size() > 1) out_.push_back(path_.substr(1));
  }

  void spend(std::size_t amount) { spent_ = spent_ || !budget_.spend(amount + 1); }

  const FieldPath& steps_;
  WorkBudget& budget_;
  std::vector<std::string>& out_;
  std::string path_;  ///< with a dot in front
  bool spent_ = false;
};

}  // namespace

std::optional<FieldPath> parse_json_pointer(std::string_view text) {
  FieldPath path;
  while (!text.empty()) {
    if (text[0] != '/' || path.size() == most_steps) return std::nullopt;
    text.remove_prefix(1);
    const auto part = text.substr(0, text.find('/'));
    text.remove_prefix(part.size());
    std::string name;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] != '~') {
        name += part[i];
        continue;
      }
      if (++i == part.size() || (part[i] != '0' && part[i] != '1')) return std::nullopt;
      name += part[i] == '0' ? '~' : '/';
    }
    path.push_back({Kind::member, std::move(name), {}, 0});
  }
  if (path.empty()) return std::nullopt;
  return path;
}

std::optional<FieldPath> parse_jq_path(std::string_view text) {
  Jq jq(text);
  FieldPath path;
  if (!jq.take(".")) return std::nullopt;
  bool after_dot = true;
  while (true) {
    if (path.size() == most_steps) return std::nullopt;
    if (after_dot) {
      if (auto name = jq.name())
        path.push_back({Kind::member, std::move(*name), {}, 0});
      else if (!jq.take("[") || !add_bracket(jq, path))
        return std::nullopt;
    } else if (jq.take("|")) {
      if (jq.take("select(")) {
        if (!add_select(jq, path)) return std::nullopt;
        if (jq.done()) return path;
        after_dot = false;
        continue;
      }
      if (!jq.take(".")) return std::nullopt;
      after_dot = true;
      continue;
    } else if (!jq.take("[") || !add_bracket(jq, path)) {
      return std::nullopt;
    }
    jq.take("?");
    if (jq.done()) return path;
    after_dot = jq.take(".");
  }
}

bool append_field_paths(object of, const FieldPath& path, WorkBudget& budget, std::vector<std::string>& out) {
  return Resolve(path, budget, out).run(of);
}

}  // namespace plumbline::baseline
