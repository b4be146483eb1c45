#include "cloud/kubernetes/kinds.hpp"

#include <algorithm>
#include <utility>

namespace plumbline::cloud::kubernetes {
namespace {

using Key = std::pair<std::string_view, std::string_view>;

auto first_not_before(const Key& key) {
  const auto all = table::rows<table::KindRow>(table::kinds);
  return std::lower_bound(all.begin(), all.end(), key, [](const table::KindRow& row, const Key& wanted) {
    return Key(table::text(row.group), table::text(row.plural)) < wanted;
  });
}
bool at_end(auto row) {
  return row == table::rows<table::KindRow>(table::kinds).end();
}

}  // namespace

const table::KindRow* find_kind(std::string_view group, std::string_view plural) {
  const auto row = first_not_before({group, plural});
  if (at_end(row) || table::text(row->group) != group || table::text(row->plural) != plural) return nullptr;
  return &*row;
}

bool is_own_group(std::string_view group) {
  const auto row = first_not_before({group, {}});
  return !at_end(row) && table::text(row->group) == group;
}

}  // namespace plumbline::cloud::kubernetes
