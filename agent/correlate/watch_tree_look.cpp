// What stands at one place of the tree: looked at, armed and marked.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "agent/correlate/watch_tree_types.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {
namespace {

bool same_mark(const NodeMark& a, const NodeMark& b) {
  return a.generation == b.generation && std::memcmp(&a.key, &b.key, sizeof a.key) == 0;
}

}  // namespace

std::uint64_t WatchTree::path_hash(std::string_view path, std::string_view container) {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a, 64 bit
  for (const std::string_view text : {container, path})
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

/// Waits until no operation that holds the directory's lock is under way, so that a rename or creation that has told of
/// itself is also visible.
void WatchTree::wait_for_changes(const Node& directory) {
  std::string path = directory.path();
  Fd found;
  if (Root& root = *directory.root; root.container) {
    if (!root.look) root.look = root.container->look();
    if (root.look->has_value()) found = (*root.look)->open(path);
    if (!found) return;
    path = "/proc/self/fd/" + std::to_string(found.get());
  }
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOATIME));
  if (!fd) return;
  alignas(8) char entries[1024];
  // getdents64(2) takes the directory's inode lock, which every change of its entries holds to its end.
  ::syscall(SYS_getdents64, fd.get(), entries, sizeof entries);
}

/// Which arms it. `target` of a symlink. In a container nothing but its own tree is reached, whatever it makes of its
/// names meanwhile.
Result<Kernel::Registered> WatchTree::stat(const Node& node, std::string& target) {
  const std::string path = node.path();
  Fd fd;
  if (Root& root = *node.root; root.container) {
    if (!root.look) root.look = root.container->look();
    if (!root.look->has_value()) return root.look->error();
    fd = (*root.look)->open(path);
    if (!fd && errno == EXDEV)
      return Error{ErrorCode::unsupported, "stat " + path, "something is mounted there that may let us wait", ""};
    // A symlink came in between: what made it has changed the directory, whose mark tells.
    if (!fd) return io_error("stat " + path, errno == ELOOP ? ENOENT : errno);
  }
  auto registered =
      fd ? kernel_.stat(fd.get(), "", AT_EMPTY_PATH) : kernel_.stat(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
  target.clear();
  if (!registered || !S_ISLNK(registered->stat.stx_mode)) return registered;
  char text[PATH_MAX];
  const ssize_t size = fd ? ::readlinkat(fd.get(), "", text, sizeof text) : ::readlink(path.c_str(), text, sizeof text);
  if (size > 0) target.assign(text, static_cast<std::size_t>(size));
  return registered;
}

/// Stats the node, which arms it; true where it is not what it was. New inodes are marked and armed again, since a
/// change between the first stat and the mark would have told nobody.
bool WatchTree::refresh(Node& node) {
  const auto before_kind = node.kind;
  const auto before_target = node.target;
  std::vector<NodeMark> before = node.marks;
  node.stale = false;
  for (int tries = 0; tries < 4; ++tries) {
    std::string target;
    auto registered = stat(node, target);
    if (!registered) {
      node.error = registered.error().code == ErrorCode::not_found     ? ENOENT
                   : registered.error().code == ErrorCode::permission  ? EACCES
                   : registered.error().code == ErrorCode::unsupported ? EXDEV
                                                                       : EIO;
      node.target.clear();
      node.kind = Node::Kind::missing;
      retire(node);
      break;
    }
    std::vector<NodeMark> now;
    for (const auto& inode : registered->inodes) now.push_back({inode.key, inode.generation, 0});
    node.kind = S_ISDIR(registered->stat.stx_mode)   ? Node::Kind::directory
                : S_ISLNK(registered->stat.stx_mode) ? Node::Kind::symlink
                                                     : Node::Kind::other;
    node.target = std::move(target);
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
  const std::uint64_t hash = path_hash(node.path(), node.root->name);
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

}  // namespace plumbline::agent
