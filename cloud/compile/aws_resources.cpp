#include "cloud/compile/aws_resources.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "cloud/compile/tsv.hpp"
#include "cloud/touched.hpp"

namespace plumbline::cloud::compile {
namespace {

std::uint32_t size32(std::size_t size) {
  return static_cast<std::uint32_t>(size);
}

class Resources {
 public:
  Resources(const std::string& folder, Image& image)
      : image_(image),
        attributes_(folder + "/aws_attributes.tsv", 2),
        properties_(folder + "/aws_properties.tsv", 2),
        names_(folder + "/aws_member_names.tsv", 3),
        property_names_(folder + "/aws_member_properties.tsv", 3),
        known_names_(folder + "/aws_members_known.tsv", 5),
        resources_(folder + "/aws_resources.tsv", 7),
        known_(folder + "/aws_resources_known.tsv", 8) {
    for (std::uint32_t i = 0; i < image.services.size(); ++i) {
      const auto mine = image.services[i].operations;
      for (auto j = mine.first; j < mine.first + mine.count; ++j)
        operations_[std::string(image.text_at(image.services[i].name)) + ':' +
                    std::string(image.text_at(image.operations[j].name))] = j;
    }
  }

  std::vector<std::string> add() {
    add_blocks();
    add_properties();
    add_names();
    for (const auto& row : known_.rows()) by_people_.insert(operation_of(known_, row));
    for (const auto& row : resources_.rows())
      if (!by_people_.contains(operation_of(resources_, row))) add_target(resources_, row);
    for (const auto& row : known_.rows()) add_target(known_, row);
    write();
    return {attributes_.bytes(),  properties_.bytes(), names_.bytes(), property_names_.bytes(),
            known_names_.bytes(), resources_.bytes(),  known_.bytes()};
  }

 private:
  std::uint32_t operation_of(const Tsv& file, const Tsv::Row& row) const {
    const auto found = operations_.find(std::string(row[0]) + ':' + std::string(row[1]));
    if (found == operations_.end()) file.refuse(row, "there is no such operation");
    return found->second;
  }

  /// One of any kind.
  table::AttributeRow named(std::string_view name) {
    table::AttributeRow attribute{};
    attribute.name = image_.text(name);
    attribute.block = table::no_block;
    return attribute;
  }

  /// "1@12": a list of one block; "ts": a set of texts.
  table::AttributeRow attribute_of(const Tsv::Row& row, std::string_view cell) {
    const auto equal = cell.find('=');
    auto kind = equal == std::string_view::npos ? std::string_view() : cell.substr(equal + 1);
    table::AttributeRow attribute = named(cell.substr(0, equal));
    if (kind.ends_with('!')) {
      attribute.sensitive = true;
      kind.remove_suffix(1);
    }
    constexpr std::string_view outer = "-ltm1";
    if (kind.starts_with('o')) {  // an object is as a list of one to whoever looks for a path in it
      attribute.holds = table::Holds::one;
      kind.remove_prefix(1);
    } else if (const auto at = outer.find(kind.empty() ? '?' : kind[0]); at != std::string_view::npos) {
      attribute.holds = static_cast<table::Holds>(at);
      kind.remove_prefix(1);
    }
    if (kind.starts_with('@')) {
      attribute.scalar = table::Scalar::block;
      const auto block = std::stoul(std::string(kind.substr(1)));
      if (block >= table::no_block) attributes_.refuse(row, "are more blocks than fit");
      attribute.block = static_cast<std::uint16_t>(block);
    } else if (const auto scalar = std::string_view("?snb").find(kind); kind.size() == 1 && scalar > 0 && scalar < 4) {
      attribute.scalar = static_cast<table::Scalar>(scalar);
    } else {
      attributes_.refuse(row, "is no attribute: " + std::string(cell));
    }
    return attribute;
  }

  void add_blocks() {
    for (const auto& row : attributes_.rows()) {
      if (!row[0].starts_with('@')) {
        type_of(row[0], static_cast<std::uint32_t>(std::stoul(std::string(row[1].substr(1)))));
        continue;
      }
      if (row[0].substr(1) != std::to_string(image_.blocks.size())) attributes_.refuse(row, "blocks are in order");
      const auto first = size32(image_.attributes.size());
      for (const auto cell : split(row[1], ',')) image_.attributes.push_back(attribute_of(row, cell));
      image_.blocks.push_back({{first, size32(image_.attributes.size()) - first}});
    }
    if (image_.blocks.size() >= table::no_block) throw std::runtime_error("aws_attributes.tsv: more blocks than fit");
    for (const auto& attribute : image_.attributes)
      if (attribute.block != table::no_block && attribute.block >= image_.blocks.size())
        throw std::runtime_error("aws_attributes.tsv: a block that is not there");
    for (const auto& type : image_.types)
      if (type.block >= image_.blocks.size()) throw std::runtime_error("aws_attributes.tsv: a type without a block");
  }

  void add_properties() {
    for (const auto& row : properties_.rows()) {
      const auto first = size32(image_.attributes.size());
      for (const auto name : split(row[1], ',')) image_.attributes.push_back(named(name));
      image_.blocks.push_back({{first, size32(image_.attributes.size()) - first}});
      type_of(row[0], size32(image_.blocks.size() - 1));
    }
  }

  std::uint32_t type_of(std::string_view name, std::uint32_t block = table::no_row) {
    if (const auto known = type_ids_.find(name); known != type_ids_.end()) return known->second;
    type_ids_.emplace(name, size32(image_.types.size()));
    image_.types.push_back({image_.text(name), block, {}});
    return size32(image_.types.size() - 1);
  }

  /// What people say stands in place of what was generated.
  void add_names() {
    std::map<std::string, std::map<std::string, table::MemberRow, std::less<>>, std::less<>> of_type;
    for (const Tsv* file : {&names_, &property_names_, &known_names_})
      for (const auto& row : file->rows())
        of_type[std::string(row[0])][std::string(row[1])] = {image_.text(row[1]), image_.text(row[2]),
                                                             image_.text(file == &known_names_ ? row[3] : "")};
    for (const auto& [type, rows] : of_type) {
      auto& one = image_.types[type_of(type)];
      one.members.first = size32(image_.members.size());
      for (const auto& [path, row] : rows) image_.members.push_back(row);
      one.members.count = size32(rows.size());
    }
  }

  void add_target(const Tsv& file, const Tsv::Row& row) {
    constexpr std::array<std::string_view, 6> words = {"", "create", "replace", "merge", "delta", "remove"};
    const auto* const word = std::find(words.begin(), words.end(), row[2]);
    if (word == words.end()) file.refuse(row, "no semantics are called " + std::string(row[2]));
    const auto operation = operation_of(file, row);
    image_.operations[operation].semantics = static_cast<std::uint8_t>(word - words.begin());
    if (row[3].empty() && row[6].empty()) return;
    std::vector<std::uint32_t> types;
    for (auto name : split(row[6], ',')) {
      const bool conditional = name.ends_with('?');
      if (conditional) name.remove_suffix(1);
      types.push_back(type_of(name) | (conditional ? table::only_with_setting : 0));
    }
    // CloudFormation's own type is a candidate wherever nobody says otherwise.
    if (&file == &resources_ && row[3].starts_with("AWS::") &&
        std::count(types.begin(), types.end(), type_of(row[3])) == 0)
      types.push_back(type_of(row[3]));
    const auto ids = split(row[5], ' ');
    targets_[operation].push_back({image_.text(row[3]), image_.text(row[4]), slice_of(ids), slice_of(types)});
  }

  table::Slice slice_of(const std::vector<std::string_view>& texts) {
    std::string key;
    for (const auto text : texts) key.append(text) += ' ';
    const auto [known, is_new] = text_lists_.try_emplace(key);
    if (is_new) known->second = image_.text_list(texts);
    return known->second;
  }
  table::Slice slice_of(const std::vector<std::uint32_t>& types) {
    const auto [known, is_new] = type_lists_.try_emplace(types);
    if (is_new) {
      known->second = {size32(image_.ids.size()), size32(types.size())};
      image_.ids.insert(image_.ids.end(), types.begin(), types.end());
    }
    return known->second;
  }

  /// Operations of one resource mostly touch the same: each list stands there once.
  void write() {
    std::map<std::vector<std::uint32_t>, table::Slice> known;
    for (const auto& [operation, rows] : targets_) {
      std::vector<std::uint32_t> key;
      for (const auto& row : rows)
        key.insert(key.end(), {row.type, row.each, row.ids.first, row.ids.count, row.types.first, row.types.count});
      const auto [at, is_new] = known.try_emplace(std::move(key));
      if (is_new) {
        at->second = {size32(image_.touched.size()), size32(rows.size())};
        image_.touched.insert(image_.touched.end(), rows.begin(), rows.end());
      }
      image_.effects.push_back({operation, at->second});
    }
  }

  Image& image_;
  Tsv attributes_, properties_, names_, property_names_, known_names_, resources_, known_;
  std::map<std::string, std::uint32_t> operations_;
  std::map<std::string, std::uint32_t, std::less<>> type_ids_;
  std::set<std::uint32_t> by_people_;
  std::map<std::uint32_t, std::vector<table::TargetRow>> targets_;
  std::map<std::string, table::Slice> text_lists_;
  std::map<std::vector<std::uint32_t>, table::Slice> type_lists_;
};

}  // namespace

std::vector<std::string> add_aws_resources(const std::string& folder, Image& image) {
  return Resources(folder, image).add();
}

}  // namespace plumbline::cloud::compile
