#include "cloud/body/members.hpp"

#include <algorithm>
#include <charconv>

#include "cloud/table/tables.hpp"

namespace plumbline::cloud {
namespace {

using table::WireKind;
using table::WireRow;

constexpr unsigned bit(WireKind kind) {
  return 1u << static_cast<unsigned>(kind);
}
constexpr unsigned plain = bit(WireKind::value) | bit(WireKind::free);
constexpr unsigned listed = bit(WireKind::list) | bit(WireKind::items) | bit(WireKind::map) | bit(WireKind::entries);

/// What is known of a wire name; the operation's own row before its service's.
const WireRow* row_of(const Route& route, std::string_view wire, unsigned kinds) {
  const auto all = table::rows<WireRow>(table::wires, table::service(route.service).wires);
  auto row = std::lower_bound(all.begin(), all.end(), wire,
                              [](const WireRow& r, std::string_view name) { return table::text(r.wire) < name; });
  const WireRow* found = nullptr;
  for (; row != all.end() && table::text(row->wire) == wire; ++row) {
    if ((bit(row->kind) & kinds) == 0) continue;
    if (row->operation == route.operation) return &*row;
    if (row->operation == table::no_row) found = &*row;
  }
  return found;
}

/// 0 where it is no place in a list.
unsigned place_of(std::string_view name) {
  unsigned place = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), place);
  return error == std::errc() && end == name.data() + name.size() ? place : 0;
}

bool is_numbered(const Value& value) {
  return value.kind == Value::Kind::map && !value.members.empty() &&
         std::all_of(value.members.begin(), value.members.end(), [](const Member& m) { return place_of(m.name) > 0; });
}

/// {"2": b, "1": a} → [a, b]
void number_off(Value& value) {
  std::sort(value.members.begin(), value.members.end(),
            [](const Member& a, const Member& b) { return place_of(a.name) < place_of(b.name); });
  value.kind = Value::Kind::list;
  for (auto& member : value.members) value.items.push_back(std::move(member.value));
  value.members.clear();
}

/// [{key: a, value: x}, …] → {a: x, …}
void make_map(Value& value, std::string_view key, std::string_view of) {
  Value map = Value::of(Value::Kind::map);
  for (auto& item : value.items) {
    (void)each_name_once(item);
    const Value* held = item.find(of);
    if (held == nullptr) continue;
    for (const auto name : texts_of(item.find(key))) map.members.push_back({std::string(name), *held});
  }
  value = std::move(map);
}

std::string_view or_else(table::Text at, std::string_view otherwise) {
  const auto text = table::text(at);
  return text.empty() ? otherwise : text;
}

class Namer {
 public:
  explicit Namer(const Route& route) : route_(route) {}

  void form(Value& value) {
    if (value.kind != Value::Kind::map) return;
    for (auto& [name, child] : value.members) {
      const WireRow* row = nullptr;
      if (child.kind != Value::Kind::several) row = named(name, child);
      if (child.kind == Value::Kind::several)
        for (auto& item : child.items)
          if (const WireRow* of_item = named(name, item); of_item != nullptr) row = of_item;
      if (row != nullptr) name = table::text(row->member);
    }
  }

  /// Elements of one name are one list.
  void xml(Value& value) {
    if (value.kind != Value::Kind::map) return;
    std::vector<Member> named;
    for (auto& [name, child] : value.members) {
      const WireRow* row = row_of(route_, name, plain | listed);
      const bool flat = row != nullptr && (row->kind == WireKind::list || row->kind == WireKind::map);
      const std::string member = row != nullptr ? std::string(table::text(row->member)) : name;
      if (!flat)
        xml_member(child, row);
      else if (row->kind == WireKind::list)
        xml(child);
      const auto known =
          std::find_if(named.begin(), named.end(), [&](const Member& other) { return other.name == member; });
      if (known == named.end()) {
        named.push_back({member, {}});
        if (flat) named.back().value = Value::of(Value::Kind::list);
        if (flat)
          named.back().value.items.push_back(std::move(child));
        else
          named.back().value = std::move(child);
        continue;
      }
      // Lists within an element are called so where nothing is known of them.
      if (!flat && name != "member" && name != "item") {
        all_ = add_again(known->value, std::move(child)) && all_;
        continue;
      }
      if (known->value.kind != Value::Kind::list) {
        Value list = Value::of(Value::Kind::list);
        list.items.push_back(std::move(known->value));
        known->value = std::move(list);
      }
      known->value.items.push_back(std::move(child));
    }
    for (auto& member : named)
      if (const WireRow* row = row_of(route_, member.name, bit(WireKind::map)); row != nullptr)
        make_map(member.value, or_else(row->key, "key"), or_else(row->value, "value"));
    value.members = std::move(named);
  }

  void json(Value& value) {
    for (auto& item : value.items) json(item);
    for (auto& [name, child] : value.members) {
      const WireRow* row = row_of(route_, name, plain);
      if (row == nullptr || row->kind != WireKind::free) json(child);
      if (row != nullptr) name = table::text(row->member);
    }
  }

  /// Whether no value was given up.
  bool has_all() const { return all_; }

 private:
  const WireRow* named(std::string_view name, Value& child) {
    // "X.1" is a list, and so is "X.member.1"; the name within it says which.
    const bool flat = is_numbered(child);
    const bool inner = !flat && child.members.size() == 1 && is_numbered(child.members[0].value);
    const WireRow* row = row_of(route_, name, flat || inner ? listed : plain);
    if (row == nullptr && child.text.empty() && !flat && !inner)
      row = row_of(route_, name, listed);  // a list of none: "X="
    form_member(child, row, flat, inner);
    return row;
  }
  void form_member(Value& child, const WireRow* row, bool flat, bool inner) {
    if (inner) {
      const std::string_view name = child.members[0].name;
      const bool entries = row != nullptr ? row->kind == WireKind::entries : name == "entry";
      const bool items =
          row != nullptr ? row->kind == WireKind::items && table::text(row->item) == name : name == "member";
      if (!entries && !items) return form(child);
      Value list = std::move(child.members[0].value);
      child = std::move(list);
      flat = true;
    }
    if (!flat) return form(child);
    const bool numbered_map = row != nullptr && (row->kind == WireKind::map || row->kind == WireKind::entries);
    const bool default_map = row == nullptr && inner && is_entry(child);
    number_off(child);
    if (numbered_map || default_map)
      make_map(child, row == nullptr ? "key" : or_else(row->key, "key"),
               row == nullptr ? "value" : or_else(row->value, "value"));
    else
      for (auto& item : child.items) form(item);
  }
  static bool is_entry(const Value& numbered) {
    return !numbered.members.empty() && numbered.members[0].value.find("key") != nullptr;
  }

  void xml_member(Value& child, const WireRow* row) {
    const bool entries = row != nullptr && row->kind == WireKind::entries;
    const bool items = row != nullptr && row->kind == WireKind::items;
    const bool by_default = row == nullptr && child.members.size() == 1 && child.members[0].name == "member";
    if (!entries && !items && !by_default) return xml(child);
    const auto item = by_default ? std::string_view("member") : or_else(row->item, "member");
    Value list = Value::of(Value::Kind::list);
    for (auto& [name, value] : child.members)
      if (name == item) {
        if (!entries) xml(value);
        list.items.push_back(std::move(value));
      }
    child = std::move(list);
    if (entries) make_map(child, or_else(row->key, "key"), or_else(row->value, "value"));
  }

  const Route& route_;
  bool all_ = true;
};

}  // namespace

bool name_members(Value& tree, const Route& route) {
  Namer namer(route);
  switch (route.wire) {
    case Wire::query:
    case Wire::ec2:
      namer.form(tree);
      break;
    case Wire::rest_xml:
      namer.xml(tree);
      break;
    case Wire::rest_json:
      namer.json(tree);
      break;
    default:  // JSON and CBOR call members as the model does
      return true;
  }
  return each_name_once(tree) && namer.has_all();  // two names of the wire may be one of the model
}

std::string_view member_of_key(const Route& route, std::string_view key) {
  const WireRow* row = row_of(route, key, plain | listed);
  return row == nullptr ? key : table::text(row->member);
}

std::string_view member_of_header(const Route& route, std::string_view lower_case_name) {
  const WireRow* row = row_of(route, lower_case_name, bit(WireKind::header));
  return row == nullptr ? std::string_view() : table::text(row->member);
}

}  // namespace plumbline::cloud
