#include "cloud/aws/type_block.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace plumbline::cloud::aws {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// The next letter that counts.
bool next(std::string_view& text, char& c) {
  while (!text.empty() && (text[0] == '_' || text[0] == '-')) text.remove_prefix(1);
  if (text.empty()) return false;
  c = lower(text[0]);
  text.remove_prefix(1);
  return true;
}

std::string_view singular(std::string_view name) {
  return name.size() > 2 && lower(name.back()) == 's' && lower(name[name.size() - 2]) != 's'
             ? name.substr(0, name.size() - 1)
             : name;
}

/// `name` without the ending, letters' case aside; "" where it does not end so.
std::string_view without(std::string_view name, std::string_view ending) {
  if (name.size() <= ending.size() || !alike(name.substr(name.size() - ending.size()), ending)) return {};
  return name.substr(0, name.size() - ending.size());
}

std::span<const table::AttributeRow> attributes_of(std::uint32_t block) {
  if (block == table::no_row || block == table::no_block) return {};
  return table::rows<table::AttributeRow>(table::attributes,
                                          table::rows<table::BlockRow>(table::blocks)[block].attributes);
}

template <class Matches>
const table::AttributeRow* first(std::span<const table::AttributeRow> all, Matches matches) {
  for (const auto& row : all)
    if (matches(table::text(row.name))) return &row;
  return nullptr;
}

}  // namespace

bool alike(std::string_view a, std::string_view b) {
  for (char one = 0, other = 0;;) {
    const bool more = next(a, one), more_there = next(b, other);
    if (!more || !more_there) return more == more_there;
    if (one != other) return false;
  }
}

const table::AttributeRow* find_attribute(std::uint32_t block, std::string_view member, std::string_view parent) {
  const auto all = attributes_of(block);
  if (const auto* row = first(all, [&](auto name) { return alike(name, member); })) return row;
  const auto one = singular(member);
  if (const auto* row = first(all, [&](auto name) { return alike(singular(name), one); })) return row;
  if (parent.empty()) return nullptr;
  // Within a block, what its name says already is left out, and so is what sort of a thing a structure is.
  constexpr std::array<std::string_view, 5> endings = {"Configuration", "Config", "Specification", "Settings",
                                                       "Options"};
  for (const auto ending : endings)
    if (const auto bare = without(member, ending); !bare.empty())
      if (const auto* row = first(all, [&](auto name) { return alike(singular(name), singular(bare)); })) return row;
  const auto owner = singular(parent);
  return first(all, [&](auto attribute) {
    const auto head = without(member, attribute);
    return !head.empty() && (alike(head, owner) || !without(owner, head).empty() || alike(head, parent));
  });
}

const table::AttributeRow* attribute_at(std::uint32_t block, std::string_view path) {
  const table::AttributeRow* row = nullptr;
  while (true) {
    const auto dot = path.find('.');
    const auto step = path.substr(0, dot);
    row = first(attributes_of(block), [&](auto name) { return name == step; });
    if (row == nullptr || dot == std::string_view::npos) return row;
    block = row->block;
    path.remove_prefix(dot + 1);
  }
}

namespace {

const table::MemberRow* lower_bound_of(std::span<const table::MemberRow> all, std::string_view path) {
  const auto found = std::lower_bound(all.begin(), all.end(), path, [](const auto& row, std::string_view wanted) {
    return table::text(row.path) < wanted;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

const table::MemberRow* member_row(const table::TypeRow& type, std::string_view operation, std::string_view path) {
  const auto all = table::rows<table::MemberRow>(table::members, type.members);
  std::string own(operation);
  own.append(1, ':').append(path);
  for (const std::string_view key : {std::string_view(own), path})
    if (const auto* row = lower_bound_of(all, key); row != nullptr && table::text(row->path) == key) return row;
  return nullptr;
}

bool has_rows_below(const table::TypeRow& type, std::string_view path) {
  const std::string prefix = std::string(path) + '.';
  const auto* row = lower_bound_of(table::rows<table::MemberRow>(table::members, type.members), prefix);
  return row != nullptr && table::text(row->path).starts_with(prefix);
}

}  // namespace plumbline::cloud::aws
