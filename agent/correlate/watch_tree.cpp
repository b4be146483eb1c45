#include "agent/correlate/watch_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <deque>

#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

constexpr int max_links = 40;  // MAXSYMLINKS, include/linux/namei.h

enum class Kind { missing, directory, symlink, other };

bool same_mark(const NodeMark& a, const NodeMark& b) {
  return a.generation == b.generation && std::memcmp(&a.key, &b.key, sizeof a.key) == 0;
}

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

struct WatchTree::Node {
  std::string name;
  Node* parent = nullptr;
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
  std::string path;
  bool follow = true;
  Node* leaf = nullptr;
  std::vector<Node*> links;
  Resolution resolution;
};

std::uint64_t WatchTree::path_hash(std::string_view path) {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a, 64 bit
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

void directory_barrier(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOATIME));
  if (!fd) return;
  alignas(8) char entries[1024];
  // getdents64(2) takes the directory's inode lock, which every change of its entries holds to its end.
  ::syscall(SYS_getdents64, fd.get(), entries, sizeof entries);
}

WatchTree::WatchTree(Kernel& kernel) : kernel_(kernel), root_(std::make_unique<Node>()) {}
WatchTree::~WatchTree() = default;

WatchTree::Node* WatchTree::child_of(Node& parent, const std::string& name) {
  auto& slot = parent.children[name];
  if (!slot) {
    slot = std::make_unique<Node>();
    slot->name = name;
    slot->parent = &parent;
    ++nodes_;
  }
  return slot.get();
}

/// Stats the node, which arms it; true where it is not what it was. New inodes are marked and armed again, since a
/// change between the first stat and the mark would have told nobody.
bool WatchTree::refresh(Node& node) {
  const std::string path = node.path();
  const auto before_kind = node.kind;
  const auto before_target = node.target;
  std::vector<NodeMark> before = node.marks;
  node.stale = false;
  for (int tries = 0; tries < 4; ++tries) {
    auto registered = kernel_.stat(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!registered) {
      node.error = registered.error().code == ErrorCode::not_found ? ENOENT : EIO;
      if (registered.error().code == ErrorCode::permission) node.error = EACCES;
      node.kind = Kind::missing;
      retire(node);
      break;
    }
    std::vector<NodeMark> now;
    for (const auto& inode : registered->inodes) now.push_back({inode.key, inode.generation, 0});
    node.kind = S_ISDIR(registered->stat.stx_mode)   ? Kind::directory
                : S_ISLNK(registered->stat.stx_mode) ? Kind::symlink
                                                     : Kind::other;
    node.target.clear();
    if (node.kind == Kind::symlink) {
      char target[PATH_MAX];
      const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
      if (size > 0) node.target.assign(target, static_cast<std::size_t>(size));
    }
    if (std::equal(now.begin(), now.end(), node.marks.begin(), node.marks.end(), same_mark)) break;
    set_marks(node, *registered);
  }
  return node.kind != before_kind || node.target != before_target ||
         !std::equal(before.begin(), before.end(), node.marks.begin(), node.marks.end(), same_mark);
}

void WatchTree::set_marks(Node& node, const Kernel::Registered& registered) {
  retire(node);
  node.composed = registered.composed;
  node.unwatched.clear();
  const std::uint64_t hash = path_hash(node.path());
  for (const auto& inode : registered.inodes) {
    auto slot = kernel_.mark(inode, hash);
    if (!slot) {
      node.unwatched = slot.error().message();
      continue;
    }
    const NodeMark mark{inode.key, inode.generation, *slot};
    node.marks.push_back(mark);
    by_slot_[*slot].push_back(&node);
    std::erase_if(retired_, [&](const NodeMark& old) { return same_mark(old, mark); });
  }
}

void WatchTree::retire(Node& node) {
  for (const auto& mark : node.marks) {
    auto& owners = by_slot_[mark.slot];
    std::erase(owners, &node);
    if (owners.empty()) {
      by_slot_.erase(mark.slot);
      retired_.push_back(mark);
    }
  }
  node.marks.clear();
}

void WatchTree::drop_retired() {
  for (const auto& mark : retired_) release_unused(mark);
  retired_.clear();
}

void WatchTree::release_unused(const NodeMark& old) {
  if (by_slot_.contains(old.slot)) return;
  // The inode number may be another file's by now, with a mark of its own.
  if (const auto mark = kernel_.read_mark(old.key); mark && mark->slot == old.slot) kernel_.unmark(old.key);
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
  Node* node = root_.get();
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
    if (node->kind != Kind::directory) {
      if (node->kind != Kind::missing) result.trouble = node->path() + " is not a directory";
      break;
    }
    Node* child = child_of(*node, name);
    if (child->stale) refresh(*child);
    if (!child->unwatched.empty()) result.unwatched = child->unwatched;
    if (child->kind == Kind::symlink && (watch.follow || !rest.empty())) {
      // A loop comes by the same link again and again.
      if (child->watches.insert(watch.id).second) watch.links.push_back(child);
      result.links.insert(result.links.end(), child->marks.begin(), child->marks.end());
      if (++links > max_links) {
        result.trouble = "more than 40 symlinks on the way (a loop)";
        break;
      }
      push_components(rest, child->target);
      if (child->target.starts_with('/')) node = root_.get();
      continue;
    }
    node = child;
  }
  watch.leaf = node;
  node->watches.insert(watch.id);
  result.physical = node->path();
  result.exists = result.trouble.empty() && rest.empty() && node->kind != Kind::missing;
  if (node->kind == Kind::missing && node->error != ENOENT && node->error != ENOTDIR && result.trouble.empty())
    result.trouble = node->path() + ": " + errno_text(node->error);
  if (!node->unwatched.empty()) result.unwatched = node->unwatched;
  result.composed = node->composed;
  result.leaf = node->marks;
  if (old_leaf != nullptr && old_leaf != node) prune(old_leaf);
  for (Node* link : old_links) prune(link);
}

WatchId WatchTree::add(const std::string& path, bool follow) {
  auto watch = std::make_unique<Watch>();
  watch->id = next_id_++;
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
  std::set<WatchId> moved;
  verify_subtree(*root_, moved);
  return moved;
}

std::map<WatchId, std::vector<Cause>> WatchTree::affected_by(const std::vector<std::uint32_t>& slots) {
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
        Cause cause{mark, {}, kernel_.pending(slot) - kernel_.handled(slot), node->kind == Kind::directory};
        if (auto value = kernel_.read_mark(mark.key)) cause.value = *value;
        causes[slot] = cause;
      }
      (node->kind == Kind::directory ? directories : files).insert(node);
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
  for (Node* parent : parents) directory_barrier(parent->path());

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
