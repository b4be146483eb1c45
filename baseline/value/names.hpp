// What the name of an attribute tells of its value, remembered: a state repeats a few hundred names millions of times.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "baseline/value/byte_classes.hpp"
#include "baseline/value/sensitive.hpp"

namespace plumbline::baseline {

/// Facts about a name, in one byte: structures of flags cost more than what they tell.
using NameFacts = std::uint8_t;
enum NameFact : NameFacts {
  name_sounds_sensitive = 1,  ///< sensitive.hpp
  name_of_ordered = 2,        ///< ordered_by_name()
  name_of_map = 4,            ///< plurals, metadata: an empty object under it says nothing
  name_of_protocol = 8,       ///< of the network: "TCP" is "tcp"
  name_needs_escape = 16,     ///< in JSON or in a path
  name_of_pair_name = 32,     ///< {"name": "DB_PASSWORD", "value": "…"}: what says the name
  name_of_pair_value = 64,    ///< and what has the value (named_values.hpp)
};

/// Lower case, without underscores and hyphens; "" where it is longer than any name of ours.
class PlainName {
 public:
  explicit PlainName(std::string_view name) {
    for (const char c : name) {
      if (c == '_' || c == '-') continue;
      if (size_ == text_.size()) {
        size_ = 0;
        return;
      }
      text_[size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
  }
  template <class Names>
  bool is_one_of(const Names& names) const {
    return std::find(names.begin(), names.end(), std::string_view(text_.data(), size_)) != names.end();
  }

 private:
  std::array<char, 32> text_;
  std::size_t size_ = 0;
};

inline NameFacts facts_of(std::string_view name) {
  constexpr std::array<std::string_view, 33> ordered = {
      // What is executed,
      "args", "arguments", "cmd", "command", "commands", "entrypoint", "execstart", "initcommand", "initcommands",
      "runcmd", "bootcmd", "inline",
      // what is done one after the other,
      "step", "steps", "stage", "stages", "inputsteps", "mainsteps", "processors", "filterchain", "filterchains",
      // and of what the first that fits is taken.
      "orderedcachebehavior", "cachebehaviors", "routingrule", "routingrules", "rewriterule", "rewriterules",
      "corsrule", "corsrules", "dnsservers", "domainnameservers", "priorities", "ruleorder"};
  constexpr std::array<std::string_view, 3> maps = {"metadata", "data", "environment"};
  constexpr std::array<std::string_view, 12> pair_names = {
      "name",         "key",        "parameterkey", "parametername", "optionname",   "variable",
      "variablename", "headername", "headerkey",    "settingname",   "propertyname", "attributename"};
  constexpr std::array<std::string_view, 11> pair_values = {
      "value",        "val",           "parametervalue", "optionvalue", "variablevalue", "headervalue",
      "settingvalue", "propertyvalue", "attributevalue", "stringvalue", "securevalue"};
  constexpr std::array<std::string_view, 3> protocols = {"protocol", "ipprotocol", "transportprotocol"};
  const PlainName plain(name);
  unsigned facts = 0;
  if (sounds_sensitive(name)) facts |= name_sounds_sensitive;
  if (plain.is_one_of(ordered)) facts |= name_of_ordered;
  if ((name.ends_with('s') && !name.ends_with("ss")) || plain.is_one_of(maps)) facts |= name_of_map;
  if (plain.is_one_of(protocols)) facts |= name_of_protocol;
  if (plain.is_one_of(pair_names)) facts |= name_of_pair_name;
  if (plain.is_one_of(pair_values)) facts |= name_of_pair_value;
  if ((byte_classes(name) & needs_escape) != 0 || name.find('.') != std::string_view::npos) facts |= name_needs_escape;
  return static_cast<NameFacts>(facts);
}

/// The same, from a table of this thread. Bounded: a name takes the place of another one, and long ones take none (they
/// are the keys of somebody's map, and may be anything).
inline NameFacts known_facts_of(std::string_view name) {
  constexpr std::size_t longest = 46;
  struct alignas(64) Slot {
    std::uint64_t head = 0, tail = 0;  ///< the name's first and last bytes: all of most names
    std::uint8_t size = 0;
    NameFacts facts = 0;
    std::array<char, longest> name{};
  };
  static_assert(sizeof(Slot) == 64);
  thread_local std::array<std::array<Slot, 2>, 512> slots;  // two, since some names fall into one place
  if (name.size() > longest || name.empty()) return facts_of(name);
  std::uint64_t head = 0, tail = 0;
  if (name.size() >= sizeof head) {
    std::memcpy(&head, name.data(), sizeof head);
    std::memcpy(&tail, name.data() + name.size() - sizeof tail, sizeof tail);
  } else {
    for (const char c : name) head = head << 8 | static_cast<unsigned char>(c);
  }
  const std::uint64_t hash = (head ^ (tail << 7 | tail >> 57) ^ name.size()) * 0x9E3779B97F4A7C15u;
  auto& [first, second] = slots[hash >> 55];
  const auto is = [&](const Slot& slot) {
    return slot.head == head && slot.tail == tail && slot.size == name.size() &&
           (name.size() <= 16 || std::memcmp(slot.name.data(), name.data(), name.size()) == 0);
  };
  if (is(first)) return first.facts;
  if (is(second)) return second.facts;
  second = first;
  first = {head, tail, static_cast<std::uint8_t>(name.size()), facts_of(name), {}};
  std::memcpy(first.name.data(), name.data(), name.size());
  return first.facts;
}

}  // namespace plumbline::baseline
