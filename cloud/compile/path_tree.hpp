// The paths of one service's REST operations as a tree of segments.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/compile/image.hpp"

namespace plumbline::cloud::compile {

class PathTree {
 public:
  /// `path` as botocore writes it ("/{Bucket}/{Key+}?policy"), its query aside; `binding` without its labels, which are
  /// filled in. Throws std::invalid_argument where a segment is neither a literal nor one label.
  void add(std::string_view path, Binding binding, Image& image);
  /// Writes nodes, edges and bindings; returns the root, none where nothing was added.
  std::uint32_t write(Image& image) const;

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> label, greedy;
    std::vector<Binding> bindings;
  };
  static std::uint32_t write(const Node& node, Image& image);
  std::unique_ptr<Node> root_;
};

}  // namespace plumbline::cloud::compile
