#include "cloud/aws/settings.hpp"

#include <algorithm>
#include <array>

#include "cloud/aws/shape.hpp"
#include "cloud/aws/type_block.hpp"
#include "cloud/http.hpp"

namespace plumbline::cloud::aws {
namespace {

using Kind = Value::Kind;
using table::Holds;
using table::Scalar;

bool is_tags(std::string_view name) {
  return name.size() >= 3 && equal_ignoring_case(name.substr(0, 3), "tag");
}

/// {"TagSet": [{"Key", "Value"}, …]}, as S3 has them, is its list.
const Value& tag_set(std::string_view name, const Value& value) {
  const bool is_set =
      name == "Tagging" && value.kind == Kind::map && value.members.size() == 1 && value.members[0].name == "TagSet";
  return is_set ? value.members[0].value : value;
}

/// How a call is to be carried out: nothing that stays, though Terraform has attributes called so.
bool is_switch(std::string_view name) {
  constexpr std::array<std::string_view, 9> names = {"ApplyImmediately",
                                                     "DryRun",
                                                     "dryRun",
                                                     "ClientToken",
                                                     "clientToken",
                                                     "AllowMajorVersionUpgrade",
                                                     "ForceNewDeployment",
                                                     "forceNewDeployment",
                                                     "ClientRequestToken"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// As find_attribute() takes names: without case, "_" and plural.
bool is_spelled_alike(std::string_view a, std::string_view b) {
  const auto letters = [](std::string_view text) {
    std::string out;
    for (const char c : text)
      if (c != '_') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    while (out.ends_with('s')) out.pop_back();
    return out;
  };
  return a == b || letters(a) == letters(b);
}

class Reader {
 public:
  Reader(const table::TypeRow& type, const Wanted& wanted) : type_(type), wanted_(wanted) {}

  /// `named`: names of members below `prefix` are those of attributes.
  void walk(const Value& map, const std::string& prefix, bool named, int depth) {
    if (depth > 6) return;
    for (const auto& [name, value] : map.members) {
      if (is_switch(name)) continue;
      if (value.kind != Kind::several) {
        member(name, value, prefix, named, depth);
        continue;
      }
      for (const auto& item : value.items) member(name, item, prefix, named, depth);
    }
  }

  std::vector<Setting> take() { return std::move(settings_); }

 private:
  void member(const std::string& name, const Value& value, const std::string& prefix, bool named, int depth) {
    if (settings_.size() >= max_settings) return;
    const std::string path = prefix + name;
    if (name == "patchOperations" && value.kind == Kind::list) return patch(path, value);
    if (depth == 0 && wanted_.semantics != Semantics::create && is_id(path)) return;
    if (const auto* row = member_row(type_, wanted_.operation, path); row != nullptr) {
      by_row(*row, path, value, depth);
    } else if (const auto* attribute = named ? find_attribute(type_.block, name) : nullptr; attribute != nullptr) {
      if (wanted_.semantics == Semantics::delta && is_tags(name) && tags(*attribute, path, value)) return;
      put(std::string(table::text(attribute->name)), attribute, path, value);
      if (value.kind == Kind::map && has_rows_below(type_, path)) below(value, path, false, depth);
    } else if (is_tags(name)) {
      other_tags(path, value);
    } else if (has_rows_below(type_, path)) {
      below(value, path, false, depth);
    }
  }

  bool is_id(std::string_view path) const {
    const auto speaks_of = [&](table::Text id) {
      auto text = table::text(id);
      if (text.find('@') != std::string_view::npos) return false;
      for (std::size_t at = text.find(path); at != std::string_view::npos; at = text.find(path, at + 1)) {
        const char before = at == 0 ? '+' : text[at - 1];
        const auto end = at + path.size();
        const char after = end == text.size() ? '+' : text[end];
        if (std::string_view("+{~/^.").find(before) != std::string_view::npos &&
            std::string_view("+}=").find(after) != std::string_view::npos)
          return true;
      }
      return false;
    };
    return std::any_of(wanted_.ids.begin(), wanted_.ids.end(), speaks_of);
  }

  void below(const Value& value, const std::string& path, bool named, int depth) {
    Value map = Value::of(Kind::map);
    if (value.kind == Kind::map) return walk(value, path + '.', named, depth + 1);
    if (pairs_as_map(value, map)) walk(map, path + '.', named, depth + 1);
  }

  void by_row(const table::MemberRow& row, const std::string& path, const Value& value, int depth) {
    const auto name = table::text(row.attribute), conversion = table::text(row.conversion);
    if (name == "-") return;
    if (name == "*" && !conversion.starts_with("named ")) return below(value, path, true, depth);
    if (name == "*") {
      const Value* named = wanted_.parameters.find(conversion.substr(6));
      const auto* attribute = named == nullptr ? nullptr : find_attribute(type_.block, named->text);
      if (attribute != nullptr) put(std::string(table::text(attribute->name)), attribute, path, value);
      return;
    }
    const auto* attribute = attribute_at(type_.block, name);
    if (conversion == "json") return add(std::string(name), path, value, wanted_.removes);
    if (conversion == "added" || conversion == "removed")
      return part(std::string(name), attribute, path, value, conversion);
    if (conversion == "changes") return changes(std::string(name), attribute, path, value);
    if (!conversion.empty())
      return put(std::string(name), attribute, path, converted(value, conversion, wanted_.parameters));
    put(std::string(name), attribute, path, value);
    if (value.kind == Kind::map && has_rows_below(type_, path)) below(value, path, false, depth);
  }

  void add(const std::string& attribute, const std::string& path, Value value, bool removes) {
    if (value.kind == Kind::several) {
      for (auto& item : value.items) add(attribute, path, std::move(item), removes);
      return;
    }
    // Two members may say one thing: the first one counts, but for the same one in another spelling.
    for (const auto& known : settings_)
      if (known.attribute == attribute && known.removes == removes && wanted_.semantics != Semantics::delta &&
          !is_spelled_alike(known.parameter, path))
        return;
    if (settings_.size() < max_settings) settings_.push_back({attribute, path, std::move(value), removes, false});
  }

  void put(std::string name, const table::AttributeRow* attribute, const std::string& path, const Value& value) {
    if (attribute == nullptr) return add(std::move(name), path, value, wanted_.removes);
    if (attribute->sensitive != 0) wanted_.sensitive.push_back(path);
    Value made = shaped(value, *attribute);
    if (made.kind == Kind::null && value.kind != Kind::null) return;  // of another shape than the attribute
    if (made.kind == Kind::several) {                                 // of another shape: a list of what is one
      for (auto& item : made.items) put_shaped(name, attribute, path, value, std::move(item));
      return;
    }
    put_shaped(name, attribute, path, value, std::move(made));
  }

  void put_shaped(const std::string& name, const table::AttributeRow* attribute, const std::string& path,
                  const Value& value, Value made) {
    const bool flat =
        attribute->scalar == Scalar::block && (attribute->holds == Holds::single || attribute->holds == Holds::one);
    if (!flat) return add(name, path, std::move(made), wanted_.removes);
    Value* map = made.kind == Kind::list && made.items.size() == 1 ? made.items.data() : &made;
    if (map->kind != Kind::map) return add(name, path, std::move(made), wanted_.removes);
    if (map->members.empty() && !value.members.empty()) return;  // its members are none of the block's
    if (map->members.empty()) return add(name, path, std::move(made), wanted_.removes);
    flatten(name, attribute->block, path, *map, 0);
  }

  /// "vpc_config" of {subnet_ids: …} → "vpc_config.subnet_ids"
  void flatten(const std::string& name, std::uint32_t block, const std::string& path, Value& map, int depth) {
    for (auto& [inner, value] : map.members) {
      const auto* attribute = attribute_at(block, inner);
      const bool flat = attribute != nullptr && attribute->scalar == Scalar::block &&
                        attribute->holds == Holds::single && value.kind == Kind::list && value.items.size() == 1 &&
                        !value.items[0].members.empty();
      const std::string full = name + '.' + inner;
      if (flat && depth < 6)
        flatten(full, attribute->block, path, value.items[0], depth + 1);
      else
        add(full, path, std::move(value), wanted_.removes);
    }
  }

  /// AddSubnetIds, RemoveSubnetIds: some of a list, within a call that leaves the rest of the thing.
  void part(std::string name, const table::AttributeRow* attribute, const std::string& path, const Value& value,
            std::string_view conversion) {
    if (settings_.size() >= max_settings) return;
    Value made = attribute == nullptr ? value : shaped(value, *attribute);
    const bool removes = conversion == "removed";
    settings_.push_back({std::move(name), path, std::move(made), removes, !removes});
  }

  /// apigateway's [{op: replace, path: /description, value: x}] (RFC 6902, with paths of its own)
  void patch(const std::string& path, const Value& list) {
    for (const auto& step : list.items) {
      const Value *place = step.find("path"), *value = step.find("value"), *op = step.find("op");
      if (place == nullptr || !place->text.starts_with('/')) continue;
      const auto rest = std::string_view(place->text).substr(1);
      const auto slash = rest.find('/');
      const auto* attribute = find_attribute(type_.block, rest.substr(0, slash));
      if (attribute == nullptr) continue;
      const std::string name(table::text(attribute->name));
      const bool removes = op != nullptr && op->text == "remove";
      const Value given = value == nullptr ? Value::of(Kind::null) : *value;
      if (slash == std::string_view::npos)
        add(name, path, shaped(given, *attribute), removes);
      else if (attribute->holds == Holds::map)
        add(name + '.' + std::string(rest.substr(slash + 1)), path, given, removes);
    }
  }

  /// [{Create: {…}}, {Update: {…}}, {Delete: {…}}]
  void changes(const std::string& name, const table::AttributeRow* attribute, const std::string& path,
               const Value& list) {
    for (const auto& change : list.items)
      for (const auto& [what, item] : change.members) {
        if (settings_.size() >= max_settings) return;
        Value made = attribute == nullptr ? item : shaped(item, *attribute);
        settings_.push_back({name, path + '.' + what, std::move(made), what == "Delete", what == "Create"});
      }
  }

  /// Each tag of a call that adds some or takes some away.
  bool tags(const table::AttributeRow& attribute, const std::string& path, const Value& value) {
    if (attribute.holds != Holds::map) return false;
    Value map = Value::of(Kind::map);
    if (value.kind == Kind::map)
      map = value;
    else if (!pairs_as_map(value, map)) {
      map.members.clear();
      for (const auto& key : value.items)
        if (key.kind == Kind::text) map.members.push_back({key.text, Value::of(Kind::null)});
    }
    for (auto& [key, text] : map.members)
      add(std::string(table::text(attribute.name)) + '.' + key, path,
          wanted_.removes ? Value::of(Kind::null) : std::move(text), wanted_.removes);
    return true;
  }

  /// TagKeys, TagList, TagSpecifications: whatever a service calls them.
  void other_tags(const std::string& path, const Value& value) {
    const auto* attribute = attribute_at(type_.block, "tags");
    if (attribute == nullptr) return;
    const Value* list = &tag_set(path, value);
    if (value.kind == Kind::list && !value.items.empty() && value.items[0].find("ResourceType") != nullptr)
      list = value.items[0].find("Tags");
    if (list == nullptr || (list->kind != Kind::list && list->kind != Kind::map)) return;
    if (wanted_.semantics == Semantics::delta && tags(*attribute, path, *list)) return;
    Value map = shaped(*list, *attribute);
    if (!map.members.empty()) add("tags", path, std::move(map), wanted_.removes);
  }

  std::vector<Setting> settings_;
  const table::TypeRow& type_;
  const Wanted& wanted_;
};

}  // namespace

std::vector<Setting> settings_of(const table::TypeRow& type, const Value& map, const Wanted& wanted) {
  if (type.block == table::no_row) return {};
  Reader reader(type, wanted);
  reader.walk(map, "", true, 0);
  return reader.take();
}

}  // namespace plumbline::cloud::aws
