#include "cloud/kubernetes/settings.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "baseline/value/attributes.hpp"
#include "baseline/value/kubernetes_facts.hpp"

namespace plumbline::cloud::kubernetes {
namespace {

using baseline::path_part;
using Kind = Value::Kind;

constexpr std::size_t max_names = 1 << 20;  // bytes of all attributes' names

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// They name the object.
constexpr std::array<std::string_view, 3> names_of_it = {"name", "namespace", "generateName"};

/// Maps whose keys users choose: "/data/8080" is no place in a list.
constexpr std::array<std::string_view, 7> maps_of_users = {"data",        "binaryData",  "stringData",  "labels",
                                                           "annotations", "matchLabels", "nodeSelector"};

std::string_view text_of(const Value& map, std::string_view member) {
  const Value* value = map.find(member);
  if (value == nullptr || (value->kind != Kind::text && value->kind != Kind::number)) return {};
  return value->text.size() <= 4096 ? std::string_view(value->text) : std::string_view();
}

bool tells_apart(const std::vector<Value>& items, std::string_view member, bool in_metadata) {
  std::vector<std::string_view> seen;
  for (const auto& item : items) {
    const Value* of = in_metadata ? item.find("metadata") : &item;
    const auto key = of == nullptr ? std::string_view() : text_of(*of, member);
    if (key.empty()) return false;
    seen.push_back(key);
  }
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end()) == seen.end();
}

struct MergeKey {
  std::string_view member;
  bool in_metadata = false;
};

/// As baselines choose it, so that both call an item the same.
std::optional<MergeKey> merge_key(std::string_view list, const std::vector<Value>& items) {
  if (tells_apart(items, "name", false)) return MergeKey{"name"};
  if (tells_apart(items, "name", true)) return MergeKey{"name", true};
  for (const auto& [name, member] : baseline::kubernetes::keys_of_the_api)
    if (name == list && tells_apart(items, member, false)) return MergeKey{member};
  return std::nullopt;
}

class Walk {
 public:
  Walk(BodyForm form, std::vector<Setting>& out) : form_(form), out_(out) {}

  bool object(const Value& body) {
    for (const auto& [name, value] : body.members) {
      if (name == "apiVersion" || name == "kind" || name == "status" || name.starts_with("$")) continue;
      if (name == "metadata" && value.kind == Kind::map)
        metadata(value);
      else if (name == "stringData")  // becomes data, encoded
        member("data", value);
      else
        member(name, value);
    }
    return names_ <= max_names;
  }

  bool patch(const Value& operations) {
    for (const auto& item : operations.items) changes(item);
    return names_ <= max_names;
  }

 private:
  void metadata(const Value& value) {
    const auto size = push("metadata");
    for (const auto& [name, field] : value.members) {
      if (is_one_of(name, baseline::kubernetes::of_the_server) || is_one_of(name, names_of_it)) continue;
      if (name == "annotations" && field.kind == Kind::map && !field.members.empty())
        annotations(field);
      else
        member(name, field);
    }
    path_.resize(size);
  }

  void annotations(const Value& value) {
    const auto size = push("annotations");
    for (const auto& [name, text] : value.members)
      if (!is_one_of(name, baseline::kubernetes::annotations_of_others)) member(name, text);
    path_.resize(size);
  }

  std::size_t push(std::string_view name) {
    const auto size = path_.size();
    if (size != 0) path_ += '.';
    path_ += path_part(name);
    return size;
  }

  void add(const Value& value, bool removes = false) {
    const std::string_view parameter = pointer_.empty() ? std::string_view(path_) : pointer_;
    names_ += path_.size() + parameter.size();
    if (names_ <= max_names) out_.push_back({path_, std::string(parameter), value, removes});
  }

  void member(std::string_view name, const Value& value) {
    if (names_ > max_names) return;
    if (form_ == BodyForm::strategic && name.starts_with('$')) return directive(name, value);
    if (value.kind == Kind::several) {
      for (const auto& item : value.items) member(name, item);
      return;
    }
    if (name == "creationTimestamp" && value.kind == Kind::null) return;
    const auto size = push(name);
    if (value.kind == Kind::map && value.members.empty()) {
      if (!is_one_of(name, baseline::kubernetes::nothing_if_empty)) add(value);
    } else if (value.kind == Kind::map) {
      map(value);
    } else if (value.kind == Kind::list) {
      list(name, value);
    } else {
      add(value);
    }
    path_.resize(size);
  }

  void map(const Value& value) {
    const auto way = form_ == BodyForm::strategic ? text_of(value, "$patch") : std::string_view();
    if (way == "delete") return add(Value::of(Kind::null), true);
    for (const auto& [name, inner] : value.members) member(name, inner);
  }

  /// $setElementOrder and $retainKeys say nothing new; "$deleteFromPrimitiveList/finalizers": ["x"] takes away.
  void directive(std::string_view name, const Value& value) {
    constexpr std::string_view deletes = "$deleteFromPrimitiveList/";
    if (!name.starts_with(deletes)) return;
    const auto size = push(name.substr(deletes.size()));
    add(value, true);
    path_.resize(size);
  }

  void list(std::string_view name, const Value& value) {
    const auto is_map = [](const Value& item) { return item.kind == Kind::map; };
    if (value.items.empty() || !std::all_of(value.items.begin(), value.items.end(), is_map)) return add(value);
    const auto key = merge_key(name, value.items);
    Value keys = Value::of(Kind::list);
    std::size_t place = 0;
    for (const auto& item : value.items) {
      const auto size = path_.size();
      if (key) {
        const auto of_item = text_of(key->in_metadata ? *item.find("metadata") : item, key->member);
        keys.items.push_back(Value::of_text(of_item));
        path_ += path_part("[" + std::string(key->member) + "=" + std::string(of_item) + "]");
      } else {
        path_ += "[" + std::to_string(place++) + "]";
      }
      map(item);
      path_.resize(size);
    }
    if (form_ == BodyForm::strategic && key) return;  // the others stay
    path_ += "[]";
    add(key ? keys : Value::of(Kind::number, std::to_string(value.items.size())));
    path_.resize(path_.size() - 2);
  }

  /// One operation of a JSON patch; each that it may be, where it says a thing twice.
  void changes(const Value& operation) {
    for (const auto what : texts_of(operation.find("op"))) {
      if (what == "move")
        for (const auto from : texts_of(operation.find("from"))) take_away(from);
      auto pointers = texts_of(operation.find("path"));
      if (pointers.empty()) pointers.emplace_back();
      for (const auto pointer : pointers) change(what, pointer, operation.find("value"));
    }
  }

  void change(std::string_view what, std::string_view pointer, const Value* value) {
    if (names_ > max_names || pointer.size() > 4096) return;
    if (value != nullptr && value->kind == Kind::several) {
      for (const auto& item : value->items) change(what, pointer, &item);
      return;
    }
    if (what == "test" || what.empty() || (pointer.empty() && what != "replace")) return;
    set_pointer(pointer);
    if (is_of_nobody()) return;
    if (what == "remove") {
      add(Value::of(Kind::null), true);
    } else if (value != nullptr && value->kind == Kind::map && !value->members.empty()) {
      map(*value);
    } else if (value != nullptr) {
      add(*value);
    } else {
      add(Value::of(Kind::null));  // of move and copy, the patch does not say which
    }
    path_.clear();
  }

  void take_away(std::string_view pointer) {
    set_pointer(pointer);
    if (!is_of_nobody()) add(Value::of(Kind::null), true);
    path_.clear();
  }

  /// RFC 6901. "-" is the list's end: a list of which one item comes to it.
  void set_pointer(std::string_view pointer) {
    path_.clear();
    pointer_ = pointer;
    std::string_view parent;
    while (pointer.starts_with('/')) {
      pointer.remove_prefix(1);
      const auto part = pointer.substr(0, pointer.find('/'));
      pointer.remove_prefix(part.size());
      const bool index = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos &&
                         !is_one_of(parent, maps_of_users);
      parent = part;
      if (part == "-")
        path_ += "[]";
      else if (index)
        path_.append("[").append(part).append("]");
      else
        (void)push(unescaped(part));
    }
  }

  static std::string unescaped(std::string_view part) {
    std::string out;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool escape = part[i] == '~' && i + 1 < part.size();
      out += escape && part[i + 1] == '1' ? '/' : escape && part[i + 1] == '0' ? '~' : part[i];
      if (escape) ++i;
    }
    return out;
  }

  bool is_of_nobody() const {
    return path_ == "status" || path_.starts_with("status.") || path_ == "metadata.resourceVersion";
  }

  BodyForm form_;
  std::vector<Setting>& out_;
  std::string path_;
  std::string_view pointer_;  ///< of the JSON patch's operation
  std::size_t names_ = 0;
};

}  // namespace

bool append_settings(const Value& body, BodyForm form, std::vector<Setting>& out) {
  Walk walk(form, out);
  return form == BodyForm::json ? walk.patch(body) : walk.object(body);
}

}  // namespace plumbline::cloud::kubernetes
