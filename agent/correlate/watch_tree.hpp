// Which inodes stand for the managed paths: marks on every file, directory and symlink on the way (DESIGN: "What is
// marked"). User space owns the paths; the kernel side knows inodes only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/source/container_root.hpp"
#include "agent/source/kernel.hpp"

namespace plumbline::agent {

using WatchId = std::uint32_t;

struct NodeMark {
  mark_key key{};
  std::uint32_t generation = 0;
  std::uint32_t slot = 0;
};

/// What a watched path is at the moment.
struct Resolution {
  std::string physical;  ///< the leaf's path in its root without symlinks before it (and at it, where it is followed)
  bool exists = false;
  std::string trouble;          ///< why it cannot be resolved: symlink loop, not a directory, too long, denied
  std::string unwatched;        ///< why an inode on the way has no mark; "" = fully watched
  bool composed = false;        ///< a file system without multigrain time: changes within one tick may merge
  std::vector<NodeMark> leaf;   ///< marks of the leaf
  std::vector<NodeMark> links;  ///< marks of symlinks on the way
};

/// A change that reached a watch: which mark told of it.
struct Cause {
  NodeMark mark;
  struct mark value{};
  std::uint64_t changes = 0;
  bool of_directory = false;  ///< the directory's mark: its actor may be another change's where several merged
};

/// Not thread-safe: lives on the observing thread.
class WatchTree {
 public:
  explicit WatchTree(Kernel& kernel);
  ~WatchTree();

  /// Watches `path` (absolute, normal). `follow` = a symlink at the very end is followed. Marks at once; a path that
  /// does not exist is watched through the directories that do. Never fails: trouble is in the Resolution. `root`: of
  /// the container that the path is in, with the container's name in path hashes; none: the agent's own.
  WatchId add(const std::string& path, bool follow, const std::shared_ptr<const ContainerRoot>& root = nullptr,
              const std::string& container = {});
  void remove(WatchId id);

  /// Walks the path again where something on it moved; marks what is new on it.
  const Resolution& resolve(WatchId id);

  /// The watches that the changes in `slots` concern, each with its causes. Directories are waited out (barrier), armed
  /// again and their entries compared; entries that are what they were concern nobody.
  std::map<WatchId, std::vector<Cause>> affected_by(const std::vector<std::uint32_t>& slots);

  /// Compares every node with its inode, without being told by a mark (start, mount change, rescan).
  std::set<WatchId> verify_all();

  /// Removes marks that no node uses any more. Call once what they told has been recorded.
  void drop_retired();
  /// Removes an earlier agent's mark, unless a node uses it.
  void release_unused(const NodeMark& old);

  std::size_t watches() const { return watches_.size(); }
  std::size_t nodes() const { return nodes_; }

  /// What marks of a path carry. `container`: as given to add().
  static std::uint64_t path_hash(std::string_view path, std::string_view container = {});

 private:
  struct Node;
  struct Root;
  struct Watch;
  class Looking;

  Root& root_of(const std::shared_ptr<const ContainerRoot>& container, const std::string& name);
  Result<Kernel::Registered> stat(const Node& node, std::string& target);
  void wait_for_changes(const Node& directory);
  void drop_unused(Root& root);
  Node* child_of(Node& parent, const std::string& name);
  void walk(Watch& watch);
  bool refresh(Node& node);
  void set_marks(Node& node, const Kernel::Registered& registered);
  void retire(Node& node);
  void forget(Node& node, WatchId id);
  void prune(Node* node);
  void verify_children(Node& directory, std::set<WatchId>& moved);
  void collect(Node& node, std::set<WatchId>& ids);
  void mark_stale(Node& node);
  void verify_subtree(Node& node, std::set<WatchId>& moved);

  Kernel& kernel_;
  std::map<const ContainerRoot*, std::unique_ptr<Root>> roots_;  // nullptr: the agent's own
  int looking_ = 0;                                              // Looking
  std::unordered_map<WatchId, std::unique_ptr<Watch>> watches_;
  std::unordered_map<std::uint32_t, std::vector<Node*>> by_slot_;
  std::vector<NodeMark> retired_;
  WatchId next_id_ = 1;
  std::size_t nodes_ = 0;
};

}  // namespace plumbline::agent
