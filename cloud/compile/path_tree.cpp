#include "cloud/compile/path_tree.hpp"

#include <stdexcept>

#include "cloud/compile/tsv.hpp"

namespace plumbline::cloud::compile {

void PathTree::add(std::string_view path, Binding binding, Image& image) {
  if (!path.starts_with('/')) throw std::invalid_argument("a path begins with /");
  if (!root_) root_ = std::make_unique<Node>();
  Node* node = root_.get();
  std::vector<std::string_view> labels;
  for (auto segment : split(path.substr(1), '/')) {
    std::unique_ptr<Node>* next = nullptr;
    if (segment.starts_with('{') && segment.ends_with('}') && segment.find('{', 1) == std::string_view::npos) {
      auto name = segment.substr(1, segment.size() - 2);
      const bool greedy = name.ends_with('+');
      if (greedy) name.remove_suffix(1);
      labels.push_back(name);
      next = greedy ? &node->greedy : &node->label;
    } else if (segment.find_first_of("{}") == std::string_view::npos) {
      next = &node->literals[std::string(segment)];
    } else {
      throw std::invalid_argument("segment " + std::string(segment) + " is neither a literal nor one label");
    }
    if (!*next) *next = std::make_unique<Node>();
    node = next->get();
  }
  binding.demand.labels = image.text_list(labels);
  node->bindings.push_back(binding);
}

std::uint32_t PathTree::write(Image& image) const {
  return root_ ? write(*root_, image) : table::no_row;
}

std::uint32_t PathTree::write(const Node& node, Image& image) {
  const auto at = static_cast<std::uint32_t>(image.nodes.size());
  image.nodes.emplace_back();
  table::NodeRow row{{}, table::no_row, table::no_row, {}};
  row.bindings = {static_cast<std::uint32_t>(image.bindings.size()), static_cast<std::uint32_t>(node.bindings.size())};
  image.bindings.insert(image.bindings.end(), node.bindings.begin(), node.bindings.end());
  // Its own edges lie together: the nodes behind them bring their own.
  row.literals = {static_cast<std::uint32_t>(image.edges.size()), static_cast<std::uint32_t>(node.literals.size())};
  for (const auto& [text, next] : node.literals) image.edges.push_back({image.text(text), table::no_row});
  std::uint32_t edge = row.literals.first;
  for (const auto& [text, next] : node.literals) {
    const std::uint32_t target = write(*next, image);
    image.edges[edge++].node = target;
  }
  if (node.label) row.label = write(*node.label, image);
  if (node.greedy) row.greedy = write(*node.greedy, image);
  image.nodes[at] = row;
  return at;
}

}  // namespace plumbline::cloud::compile
