#include "cloud/compile/image.hpp"

#include <cstring>
#include <stdexcept>

namespace plumbline::cloud::compile {

table::Text Image::text(std::string_view value) {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  if (value.size() > 0xFFFF) throw std::length_error("a text of more than 65,535 bytes");
  const auto at = static_cast<table::Text>(pool_.size());
  const auto length = static_cast<std::uint16_t>(value.size());
  pool_.append(reinterpret_cast<const char*>(&length), sizeof length).append(value);
  known_.emplace(value, at);
  return at;
}

std::string_view Image::text_at(table::Text at) const {
  std::uint16_t length;
  std::memcpy(&length, pool_.data() + at, sizeof length);
  return std::string_view(pool_).substr(at + sizeof length, length);
}

table::Slice Image::once(const std::vector<table::Text>& list) {
  const auto [at, fresh] = text_lists_.try_emplace(list);
  if (fresh) {
    at->second = {static_cast<std::uint32_t>(texts.size()), static_cast<std::uint32_t>(list.size())};
    texts.insert(texts.end(), list.begin(), list.end());
  }
  return at->second;
}

table::Slice Image::key_list(const std::vector<table::KeyRow>& list) {
  std::vector<table::Text> flat;
  for (const auto& row : list) flat.insert(flat.end(), {row.key, row.value, row.header});
  const auto [at, fresh] = key_lists_.try_emplace(flat);
  if (fresh) {
    at->second = {static_cast<std::uint32_t>(keys.size()), static_cast<std::uint32_t>(list.size())};
    keys.insert(keys.end(), list.begin(), list.end());
  }
  return at->second;
}

std::vector<table::NameRow> Image::names(const std::map<std::string, std::vector<std::uint32_t>, std::less<>>& map) {
  std::vector<table::NameRow> rows;
  for (const auto& [name, list] : map) {
    rows.push_back({text(name), {static_cast<std::uint32_t>(ids.size()), static_cast<std::uint32_t>(list.size())}});
    ids.insert(ids.end(), list.begin(), list.end());
  }
  return rows;
}

namespace {

/// Each demand once.
void share_demands(const std::vector<Binding>& bindings, std::vector<table::BindingRow>& rows,
                   std::vector<table::DemandRow>& demands) {
  std::map<std::array<std::uint32_t, 7>, std::size_t> known;
  for (const auto& [operation, method, demand] : bindings) {
    const auto [at, fresh] =
        known.try_emplace({demand.fixed.first, demand.fixed.count, demand.required.first, demand.required.count,
                           demand.labels.first, demand.labels.count, demand.host_prefix},
                          demands.size());
    if (fresh) demands.push_back(demand);
    if (at->second > 0xFFFF) throw std::length_error("more than 65,536 different demands of paths");
    rows.push_back({operation, static_cast<std::uint16_t>(at->second), method, 0});
  }
}

}  // namespace

std::string Image::bytes(std::uint64_t source_hash) const {
  std::vector<table::BindingRow> binding_rows;
  std::vector<table::DemandRow> demand_rows;
  share_demands(bindings, binding_rows, demand_rows);
  std::string out(sizeof(table::Header), '\0');
  table::Header header{table::magic, table::format, 0, 0, source_hash, {}};
  const auto add = [&](table::SectionName name, const void* data, std::size_t count, std::size_t size) {
    out.resize((out.size() + 7) / 8 * 8);
    header.sections[name] = {static_cast<std::uint32_t>(out.size()), static_cast<std::uint32_t>(count)};
    out.append(static_cast<const char*>(data), count * size);
  };
  const auto add_rows = [&](table::SectionName name, const auto& rows) {
    add(name, rows.data(), rows.size(), sizeof rows[0]);
  };
  add_rows(table::texts, texts);
  add_rows(table::ids, ids);
  add_rows(table::partitions, partitions);
  add_rows(table::suffixes, suffixes);
  add_rows(table::signing, signing);
  add_rows(table::stems, stems);
  add_rows(table::targets, targets);
  add_rows(table::services, services);
  add_rows(table::operations, operations);
  add_rows(table::actions, actions);
  add_rows(table::nodes, nodes);
  add_rows(table::edges, edges);
  add_rows(table::bindings, binding_rows);
  add_rows(table::demands, demand_rows);
  add_rows(table::keys, keys);
  add_rows(table::wires, wires);
  add_rows(table::effects, effects);
  add_rows(table::touched, touched);
  add_rows(table::types, types);
  add_rows(table::members, members);
  add_rows(table::blocks, blocks);
  add_rows(table::attributes, attributes);
  add_rows(table::kinds, kinds);
  add_rows(table::gcp_apis, gcp_apis);
  add_rows(table::gcp_methods, gcp_methods);
  add_rows(table::gcp_segments, gcp_segments);
  add_rows(table::gcp_words, gcp_words);
  add_rows(table::gcp_hosts, gcp_hosts);
  add_rows(table::gcp_types, gcp_types);
  add_rows(table::gcp_fields, gcp_fields);
  add_rows(table::gcp_maps, gcp_maps);
  add_rows(table::azure_types, azure_types);
  add(table::pool, pool_.data(), pool_.size(), 1);
  header.bytes = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

}  // namespace plumbline::cloud::compile
