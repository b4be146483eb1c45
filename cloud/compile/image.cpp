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

std::vector<table::NameRow> Image::names(const std::map<std::string, std::vector<std::uint32_t>, std::less<>>& map) {
  std::vector<table::NameRow> rows;
  for (const auto& [name, list] : map) {
    rows.push_back({text(name), {static_cast<std::uint32_t>(ids.size()), static_cast<std::uint32_t>(list.size())}});
    ids.insert(ids.end(), list.begin(), list.end());
  }
  return rows;
}

std::string Image::bytes(std::uint64_t source_hash) const {
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
  add_rows(table::bindings, bindings);
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
  add_rows(table::azure_types, azure_types);
  add(table::pool, pool_.data(), pool_.size(), 1);
  header.bytes = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

}  // namespace plumbline::cloud::compile
