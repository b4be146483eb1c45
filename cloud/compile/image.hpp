// What becomes the compiled tables.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/table/layout.hpp"

namespace plumbline::cloud::compile {

/// A binding before equal demands are made one.
struct Binding {
  std::uint32_t operation = table::no_row;
  table::Method method{};
  table::DemandRow demand{};
};

/// Collects rows and texts, and writes them as one block (layout.hpp).
class Image {
 public:
  Image() { text(""); }

  /// The place of a text; equal ones once. Throws std::length_error beyond 65,535 bytes.
  table::Text text(std::string_view value);
  std::string_view text_at(table::Text at) const;

  /// A list of texts, equal ones once.
  template <class Strings>
  table::Slice text_list(const Strings& values) {
    std::vector<table::Text> list;
    for (const auto& value : values) list.push_back(text(value));
    return once(list);
  }
  /// The same of keys.
  table::Slice key_list(const std::vector<table::KeyRow>& list);

  /// name → ids, as rows sorted by name. Ids keep their order.
  std::vector<table::NameRow> names(const std::map<std::string, std::vector<std::uint32_t>, std::less<>>& map);

  std::string bytes(std::uint64_t source_hash) const;

  std::vector<table::Text> texts;
  std::vector<std::uint32_t> ids;
  std::vector<table::PartitionRow> partitions;
  std::vector<table::SuffixRow> suffixes;
  std::vector<table::NameRow> signing, stems, targets, actions;  ///< of actions, ids are operations
  std::vector<table::ServiceRow> services;
  std::vector<table::OperationRow> operations;
  std::vector<table::NodeRow> nodes;
  std::vector<table::EdgeRow> edges;
  std::vector<Binding> bindings;
  std::vector<table::KeyRow> keys;
  std::vector<table::WireRow> wires;
  std::vector<table::EffectRow> effects;
  std::vector<table::TargetRow> touched;
  std::vector<table::TypeRow> types;
  std::vector<table::MemberRow> members;
  std::vector<table::BlockRow> blocks;
  std::vector<table::AttributeRow> attributes;
  std::vector<table::KindRow> kinds;
  std::vector<table::GcpApiRow> gcp_apis;
  std::vector<table::GcpMethodRow> gcp_methods;
  std::vector<std::uint16_t> gcp_segments;
  std::vector<table::Text> gcp_words;
  std::vector<table::NameRow> gcp_hosts;
  std::vector<table::NameRow> gcp_types, gcp_fields, gcp_maps;  ///< of these, the slices are texts
  std::vector<table::NameRow> azure_types;                      ///< of these, the slices are texts

 private:
  table::Slice once(const std::vector<table::Text>& list);

  std::string pool_;
  std::map<std::vector<table::Text>, table::Slice> text_lists_, key_lists_;
  std::map<std::string, table::Text, std::less<>> known_;
};

}  // namespace plumbline::cloud::compile
