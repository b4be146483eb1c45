// A strict double of the kernel side, for tests without root: real stat(), marks in memory, and changes that the test
// itself announces with touch(). It keeps the contract of the real one: user space never updates a mark, a second
// change of a pending slot wakes nobody, and an unknown slot is an error.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <stdexcept>
#include <tuple>

#include "agent/source/kernel.hpp"
#include "include/util/fd.hpp"

namespace plumbline::agent {

class FakeKernel : public Kernel {
 public:
  Tier tier() const override { return Tier::ctime; }
  const std::vector<TierReport>& reports() const override { return reports_; }
  bool adopted() const override { return adopted_; }
  const std::string& pin_trouble() const override { return trouble_; }
  control read_control() const override {
    control c{};
    c.epoch = 42;
    return c;
  }
  int ring_fd() const override { return ring_.get(); }
  int consume(const std::function<void(std::span<const std::byte>)>& sample) override {
    for (const auto& wake : wakes_) sample(std::as_bytes(std::span(&wake, 1)));
    const int count = static_cast<int>(wakes_.size());
    wakes_.clear();
    return count;
  }
  Result<Registered> stat(int dir_fd, const char* path, int flags) override {
    ++stats;
    Registered result;
    if (::statx(dir_fd, path, flags, STATX_BASIC_STATS, &result.stat) != 0)
      return io_error(std::string("stat ") + path, errno);
    registered_inode inode{};
    inode.key.ino = result.stat.stx_ino;
    inode.key.dev = (result.stat.stx_dev_major << 20) | result.stat.stx_dev_minor;
    inode.mode = result.stat.stx_mode;
    if (const auto reused = generations.find(inode.key.ino); reused != generations.end())
      inode.generation = reused->second;
    result.inodes.push_back(inode);
    return result;
  }
  Result<std::uint32_t> mark(const registered_inode& inode, std::uint64_t path_hash) override {
    const auto id = id_of(inode.key);
    if (const auto it = marks_.find(id); it != marks_.end()) {
      if (it->second.generation == inode.generation) return it->second.slot;
      marks_.erase(it);
    }
    if (marks_.size() >= max_marks) return Error{ErrorCode::unavailable, "mark an inode", "all marks are in use", ""};
    struct mark value{};
    value.slot = next_slot_++;
    value.path_hash = path_hash;
    value.generation = inode.generation;
    marks_[id] = value;
    states_[value.slot] = {};
    return value.slot;
  }
  void unmark(const mark_key& key) override { marks_.erase(id_of(key)); }
  std::optional<struct mark> read_mark(const mark_key& key) const override {
    const auto it = marks_.find(id_of(key));
    return it == marks_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<MarkedInode> list_marks() const override {
    std::vector<MarkedInode> all;
    for (const auto& [id, value] : marks_) {
      mark_key key{};
      key.ino = std::get<0>(id);
      key.dev = std::get<1>(id);
      all.push_back({key, value, pending(value.slot) - handled(value.slot)});
    }
    return all;
  }
  const std::vector<MarkedInode>& adopted_marks() const override { return adopted_marks_; }
  std::size_t marks_used() const override { return marks_.size(); }
  std::uint64_t pending(std::uint32_t slot) const override { return states_.at(slot).pending; }
  std::uint64_t handled(std::uint32_t slot) const override { return states_.at(slot).handled; }
  void acknowledge(std::uint32_t slot, std::uint64_t generation) override { states_.at(slot).handled = generation; }
  std::vector<std::uint32_t> sweep() const override {
    std::vector<std::uint32_t> slots;
    for (const auto& [id, value] : marks_)
      if (pending(value.slot) != handled(value.slot)) slots.push_back(value.slot);
    return slots;
  }
  std::vector<process_key> list_processes() const override { return {}; }
  std::optional<process> find_process(const process_key&) const override { return std::nullopt; }
  std::optional<image> find_image(const image_key&) const override { return std::nullopt; }

  /// Announces a change of the inode at `path` (a symlink itself, not its target) by `actor`; returns its slot. Nothing
  /// happens, and 0xffffffff is returned, where the inode has no mark: just as in the kernel.
  std::uint32_t touch(const std::string& path, mark_actor actor = {}) {
    struct statx status{};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) != 0)
      throw std::runtime_error("touch: no " + path);
    return touch(status.stx_ino, (status.stx_dev_major << 20) | status.stx_dev_minor, actor);
  }
  std::uint32_t touch(std::uint64_t ino, std::uint32_t dev, mark_actor actor = {}) {
    const auto it = marks_.find(Id{ino, dev});
    if (it == marks_.end()) return 0xffffffff;
    if (actor.at_boot_ns == 0) actor.at_boot_ns = ++clock_;
    auto& state = states_.at(it->second.slot);
    if (state.pending == state.handled) {
      it->second.first = actor;
      wakes_.push_back({EVENT_WAKE, it->second.slot});
    }
    it->second.last = actor;
    ++state.pending;
    return it->second.slot;
  }
  bool marked(const std::string& path) {
    struct statx status{};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) != 0) return false;
    return marks_.contains(Id{status.stx_ino, (status.stx_dev_major << 20) | status.stx_dev_minor});
  }

  std::size_t max_marks = 1000;
  std::map<std::uint64_t, std::uint32_t> generations;  ///< inode number → what stat() tells of it; 0 where absent
  std::size_t stats = 0;

 private:
  using Id = std::tuple<std::uint64_t, std::uint32_t>;
  static Id id_of(const mark_key& key) { return {key.ino, key.dev}; }

  std::map<Id, struct mark> marks_;
  std::map<std::uint32_t, mark_state> states_;
  std::vector<wake_event> wakes_;
  std::vector<MarkedInode> adopted_marks_;
  std::vector<TierReport> reports_;
  std::string trouble_;
  bool adopted_ = false;
  std::uint32_t next_slot_ = 0;
  std::uint64_t clock_ = 1000;
  Fd ring_{::eventfd(0, EFD_CLOEXEC)};
};

}  // namespace plumbline::agent
