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

/// Collects rows and texts, and writes them as one block (layout.hpp).
class Image {
 public:
  Image() { text(""); }

  /// The place of a text, equal ones once. Throws std::length_error beyond 65,535 bytes.
  table::Text text(std::string_view value);
  std::string_view text_at(table::Text at) const;

  template <class Strings>
  table::Slice text_list(const Strings& values) {
    const auto first = static_cast<std::uint32_t>(texts.size());
    for (const auto& value : values) texts.push_back(text(value));
    return {first, static_cast<std::uint32_t>(texts.size()) - first};
  }

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
  std::vector<table::BindingRow> bindings;
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
  std::vector<table::NameRow> gcp_types, gcp_fields;  ///< of these, the slices are texts
  std::vector<table::NameRow> azure_types;            ///< of these, the slices are texts

 private:
  std::string pool_;
  std::map<std::string, table::Text, std::less<>> known_;
};

}  // namespace plumbline::cloud::compile
