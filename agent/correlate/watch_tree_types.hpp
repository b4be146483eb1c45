// Private to watch_tree*.cpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/correlate/watch_tree.hpp"

namespace plumbline::agent {

/// Where paths begin.
struct WatchTree::Root {
  std::shared_ptr<const ContainerRoot> container;  // none: the agent's own
  std::string name;                                // of the container
  std::unique_ptr<Node> top;
  std::optional<Result<ContainerRoot::Look>> look;  // while somebody is Looking
};

struct WatchTree::Node {
  std::string name;
  Root* root = nullptr;
  Node* parent = nullptr;
  enum class Kind { missing, directory, symlink, other };
  Kind kind = Kind::missing;
  int error = ENOENT;  // of the last stat, where kind is missing
  bool stale = true;   // must be compared with its inode before it is trusted
  bool composed = false;
  std::string unwatched;
  std::vector<NodeMark> marks;
  std::string target;         // of a symlink
  std::set<WatchId> watches;  // that end here, or pass through this symlink
  std::map<std::string, std::unique_ptr<Node>> children;

  std::string path() const {
    if (parent == nullptr) return "/";
    std::string text = parent->path();
    if (text.size() > 1) text += '/';
    return text + name;
  }
};

struct WatchTree::Watch {
  WatchId id = 0;
  Root* root = nullptr;
  std::string path;
  bool follow = true;
  Node* leaf = nullptr;
  std::vector<Node*> links;
  Resolution resolution;
};

/// Containers' roots are opened once for all that one call looks at, and no longer: what is open keeps their file
/// systems busy.
class WatchTree::Looking {
 public:
  explicit Looking(WatchTree& tree) : tree_(tree) { ++tree_.looking_; }
  ~Looking() {
    if (--tree_.looking_ > 0) return;
    for (const auto& [container, root] : tree_.roots_) root->look.reset();
  }
  Looking(const Looking&) = delete;
  Looking& operator=(const Looking&) = delete;

 private:
  WatchTree& tree_;
};

}  // namespace plumbline::agent
