#include "agent/correlate/watch_tree.hpp"

#include <climits>
#include <deque>

#include "agent/correlate/watch_tree_types.hpp"

namespace plumbline::agent {
namespace {

constexpr int max_links = 40;  // MAXSYMLINKS, include/linux/namei.h

void push_components(std::deque<std::string>& front, std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  front.insert(front.begin(), parts.begin(), parts.end());
}

}  // namespace

WatchTree::WatchTree(Kernel& kernel) : kernel_(kernel) {}
WatchTree::~WatchTree() = default;

WatchTree::Root& WatchTree::root_of(const std::shared_ptr<const ContainerRoot>& container, const std::string& name) {
  auto& root = roots_[container.get()];
  if (!root) {
    root = std::make_unique<Root>();
    root->container = container;
    root->name = name;
    root->top = std::make_unique<Node>();
    root->top->root = root.get();
  }
  return *root;
}

/// Of a container that is gone nothing stays.
void WatchTree::drop_unused(Root& root) {
  Node& top = *root.top;
  if (!root.container || !top.watches.empty() || !top.children.empty()) return;
  retire(top);
  roots_.erase(root.container.get());
}

WatchTree::Node* WatchTree::child_of(Node& parent, const std::string& name) {
  auto& slot = parent.children[name];
  if (!slot) {
    slot = std::make_unique<Node>();
    slot->name = name;
    slot->root = parent.root;
    slot->parent = &parent;
    ++nodes_;
  }
  return slot.get();
}

void WatchTree::walk(Watch& watch) {
  const std::vector<Node*> old_links = watch.links;
  for (Node* link : old_links) link->watches.erase(watch.id);
  if (watch.leaf != nullptr) watch.leaf->watches.erase(watch.id);
  Node* old_leaf = watch.leaf;
  watch.links.clear();
  watch.resolution = Resolution{};
  Resolution& result = watch.resolution;

  std::deque<std::string> rest;
  push_components(rest, watch.path);
  Node* const top = watch.root->top.get();
  Node* node = top;
  if (node->stale) refresh(*node);
  int links = 0;
  if (watch.path.size() >= PATH_MAX) {
    result.trouble = "longer than the kernel's limit of 4,095 bytes, so no process can name it";
    rest.clear();
  }
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      if (node->parent != nullptr) node = node->parent;
      continue;
    }
    if (name.size() > NAME_MAX) {
      result.trouble = "a component is longer than 255 bytes";
      break;
    }
    if (node->kind != Node::Kind::directory) {
      if (node->kind != Node::Kind::missing) result.trouble = node->path() + " is not a directory";
      break;
    }
    Node* child = child_of(*node, name);
    if (child->stale) refresh(*child);
    if (!child->unwatched.empty()) result.unwatched = child->unwatched;
    if (child->kind == Node::Kind::symlink && (watch.follow || !rest.empty())) {
      // A loop comes by the same link again and again.
      if (child->watches.insert(watch.id).second) watch.links.push_back(child);
      result.links.insert(result.links.end(), child->marks.begin(), child->marks.end());
      if (++links > max_links) {
        result.trouble = "more than 40 symlinks on the way (a loop)";
        break;
      }
      push_components(rest, child->target);
      if (child->target.starts_with('/')) node = top;
      continue;
    }
    node = child;
  }
  watch.leaf = node;
  node->watches.insert(watch.id);
  result.physical = node->path();
  result.exists = result.trouble.empty() && rest.empty() && node->kind != Node::Kind::missing;
  if (node->kind == Node::Kind::missing && node->error != ENOENT && node->error != ENOTDIR && result.trouble.empty())
    result.trouble =
        node->path() + ": " +
        (node->error == EXDEV ? "something is mounted there, or its root is another one now, and it is not "
                                "looked at, since it might let us wait"
                              : errno_text(node->error));
  if (!node->unwatched.empty()) result.unwatched = node->unwatched;
  result.composed = node->composed;
  result.leaf = node->marks;
  if (old_leaf != nullptr && old_leaf != node) prune(old_leaf);
  for (Node* link : old_links) prune(link);
}

WatchId WatchTree::add(const std::string& path, bool follow, const std::shared_ptr<const ContainerRoot>& root,
                       const std::string& container) {
  const Looking looking(*this);
  auto watch = std::make_unique<Watch>();
  watch->id = next_id_++;
  watch->root = &root_of(root, container);
  watch->path = path;
  watch->follow = follow;
  walk(*watch);
  const WatchId id = watch->id;
  watches_[id] = std::move(watch);
  return id;
}

void WatchTree::remove(WatchId id) {
  const auto it = watches_.find(id);
  if (it == watches_.end()) return;
  for (Node* link : it->second->links) forget(*link, id);
  if (it->second->leaf != nullptr) forget(*it->second->leaf, id);
  drop_unused(*it->second->root);
  watches_.erase(it);
}

void WatchTree::forget(Node& node, WatchId id) {
  node.watches.erase(id);
  prune(&node);
}

/// Drops nodes that serve no watch, upwards.
void WatchTree::prune(Node* node) {
  while (node != nullptr && node->parent != nullptr && node->watches.empty() && node->children.empty()) {
    Node* parent = node->parent;
    retire(*node);
    --nodes_;
    parent->children.erase(std::string(node->name));
    node = parent;
  }
}

const Resolution& WatchTree::resolve(WatchId id) {
  const Looking looking(*this);
  Watch& watch = *watches_.at(id);
  walk(watch);
  return watch.resolution;
}

void WatchTree::collect(Node& node, std::set<WatchId>& ids) {
  ids.insert(node.watches.begin(), node.watches.end());
  for (auto& [name, child] : node.children) collect(*child, ids);
}

void WatchTree::mark_stale(Node& node) {
  for (auto& [name, child] : node.children) {
    child->stale = true;
    mark_stale(*child);
  }
}

void WatchTree::verify_children(Node& directory, std::set<WatchId>& moved) {
  for (auto& [name, child] : directory.children) {
    if (!refresh(*child)) continue;
    mark_stale(*child);
    collect(*child, moved);
  }
}

void WatchTree::verify_subtree(Node& node, std::set<WatchId>& moved) {
  if (refresh(node)) {
    mark_stale(node);
    collect(node, moved);
  }
  for (auto& [name, child] : node.children) verify_subtree(*child, moved);
}

std::set<WatchId> WatchTree::verify_all() {
  const Looking looking(*this);
  std::set<WatchId> moved;
  for (const auto& [container, root] : roots_) verify_subtree(*root->top, moved);
  return moved;
}

std::map<WatchId, std::vector<Cause>> WatchTree::affected_by(const std::vector<std::uint32_t>& slots) {
  const Looking looking(*this);
  std::map<WatchId, std::vector<Cause>> affected;
  std::set<Node*> files;
  std::set<Node*> directories;
  std::map<std::uint32_t, Cause> causes;
  for (const std::uint32_t slot : slots) {
    const auto it = by_slot_.find(slot);
    if (it == by_slot_.end()) continue;
    for (Node* node : it->second) {
      for (const auto& mark : node->marks) {
        if (mark.slot != slot) continue;
        Cause cause{mark, {}, kernel_.pending(slot) - kernel_.handled(slot), node->kind == Node::Kind::directory};
        if (auto value = kernel_.read_mark(mark.key)) cause.value = *value;
        causes[slot] = cause;
      }
      (node->kind == Node::Kind::directory ? directories : files).insert(node);
    }
  }
  // Causes first: refreshing a replaced node retires the very mark that tells who replaced it.
  for (Node* node : files)
    for (const auto& mark : node->marks)
      if (const auto it = causes.find(mark.slot); it != causes.end())
        for (const WatchId id : node->watches) affected[id].push_back(it->second);

  std::set<Node*> parents;
  for (Node* node : files)
    if (node->parent != nullptr) parents.insert(node->parent);
  for (Node* directory : directories) parents.insert(directory);
  for (const Node* parent : parents) wait_for_changes(*parent);

  for (Node* node : files)
    if (refresh(*node)) mark_stale(*node);
  for (Node* directory : directories) {
    std::vector<Cause> told;
    for (const auto& mark : directory->marks)
      if (const auto it = causes.find(mark.slot); it != causes.end()) told.push_back(it->second);
    std::set<WatchId> moved(directory->watches.begin(), directory->watches.end());
    if (refresh(*directory)) {
      mark_stale(*directory);
      collect(*directory, moved);
    } else {
      verify_children(*directory, moved);
    }
    for (const WatchId id : moved) {
      auto& of_watch = affected[id];
      of_watch.insert(of_watch.end(), told.begin(), told.end());
    }
  }
  return affected;
}

}  // namespace plumbline::agent
